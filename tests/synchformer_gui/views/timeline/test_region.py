from collections.abc import Callable
from pathlib import Path

import pytest
from PySide6.QtCore import QEvent, QPoint, QPointF, Qt
from PySide6.QtGui import QMouseEvent
from PySide6.QtWidgets import QApplication
from pytestqt.qtbot import QtBot

from core.timing import TimeSpan
from synchformer_gui.views.main_window import MainWindow
from synchformer_gui.views.timeline.timeline import Timeline

pytestmark = pytest.mark.gui


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(800, 200)
    timeline.show()
    qtbot.waitExposed(timeline)
    timeline.set_clip(100.0)
    return timeline


def _drag(
    qtbot: QtBot, timeline: Timeline, start_s: float, end_s: float, keys: Qt.KeyboardModifier
) -> None:
    view = timeline.plot.viewport()

    def pixel(time_s: float) -> QPoint:
        return timeline.plot.mapFromScene(timeline._box.mapViewToScene(QPointF(time_s, 0.7)))

    button = Qt.MouseButton.LeftButton
    qtbot.mousePress(view, button, keys, pixel(start_s))
    for step in range(1, 5):
        at = pixel(start_s + (end_s - start_s) * step / 4)
        move = QMouseEvent(
            QEvent.Type.MouseMove,
            QPointF(at),
            QPointF(view.mapToGlobal(at)),
            Qt.MouseButton.NoButton,
            button,
            keys,
        )
        QApplication.sendEvent(view, move)
        qtbot.wait(20)
    qtbot.mouseRelease(view, button, keys, pixel(end_s))


@pytest.mark.parametrize(("start_s", "end_s"), [(20.0, 60.0), (60.0, 20.0)])
def test_dragging_with_shift_chooses_a_part(
    qtbot: QtBot, timeline: Timeline, start_s: float, end_s: float
) -> None:
    chosen: list[TimeSpan | None] = []
    timeline.region.chosen.connect(chosen.append)
    _drag(qtbot, timeline, start_s, end_s, Qt.KeyboardModifier.ShiftModifier)
    (span,) = chosen
    assert span is not None
    assert (span.start_s, span.end_s) == pytest.approx((20.0, 60.0), abs=0.5)
    assert timeline.region.item.isVisible()


def test_dragging_without_shift_chooses_nothing(qtbot: QtBot, timeline: Timeline) -> None:
    _drag(qtbot, timeline, 20.0, 60.0, Qt.KeyboardModifier.NoModifier)
    assert timeline.region.span is None
    assert not timeline.region.item.isVisible()


def test_edges_can_be_moved(timeline: Timeline) -> None:
    timeline.region.choose(20.0, 60.0)
    timeline.region.item.setRegion((30.0, 60.0))
    assert timeline.region.span == TimeSpan(30.0, 60.0)


@pytest.mark.parametrize(("start_s", "end_s"), [(5.0, 5.3), (-3.0, 200.0), (150.0, 180.0)])
def test_too_little_or_everything_is_the_whole_clip(
    timeline: Timeline, start_s: float, end_s: float
) -> None:
    timeline.region.choose(20.0, 60.0)
    timeline.region.choose(start_s, end_s)
    assert timeline.region.span is None


def test_another_clip_begins_with_the_whole(timeline: Timeline) -> None:
    timeline.region.choose(20.0, 60.0)
    timeline.set_clip(50.0)
    assert timeline.region.span is None
    assert not timeline.region.item.isVisible()


def test_a_part_of_the_clip_is_analyzed_and_cleared(
    qtbot: QtBot, window: MainWindow, make_clip: Callable[..., Path]
) -> None:
    clip = make_clip(duration_s=9.0)
    window._on_model("classical")
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(clip)
    window.timeline.region.choose(1.0, 9.0)
    window.timeline.region.start_at(window.player.position_s)
    assert window.timeline.region.span is None
    window.timeline.region.choose(2.0, 8.0)
    assert window.detect_panel.region_button.text() == "✕  Only 00:02.000 to 00:08.000"
    with qtbot.waitSignal(window.session.detected, timeout=30_000):
        window.detect()
    detection = window.session.detection
    assert detection is not None
    assert (detection.config.start_s, detection.config.end_s) == (2.0, 8.0)
    assert detection.config.stops_early
    assert detection.evidence[0].window.first_frame == 52
    assert window.detect_panel.note_label.text().startswith("Analyzed only the part from")

    window.detect_panel.region_button.click()
    assert window.timeline.region.span is None
    assert window.session.detection is None
    assert not window.detect_panel.region_button.isVisible()
    assert not window.detect_panel.note_label.isVisible()


def test_in_and_out_points_follow_the_playhead(
    qtbot: QtBot, window: MainWindow, make_clip: Callable[..., Path]
) -> None:
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(make_clip(duration_s=9.0))
    region, player = window.timeline.region, window.player
    qtbot.waitUntil(lambda: window.player.position_s == 0.0)
    window.playback.seek(3.0)
    qtbot.waitUntil(lambda: abs(window.player.position_s - 3.0) < 0.1)
    region.start_at(player.position_s)
    assert region.span is not None
    assert (region.span.start_s, region.span.end_s) == pytest.approx((3.0, 9.0), abs=0.1)
    window.playback.seek(6.0)
    qtbot.waitUntil(lambda: abs(window.player.position_s - 6.0) < 0.1)
    region.end_at(player.position_s)
    assert (region.span.start_s, region.span.end_s) == pytest.approx((3.0, 6.0), abs=0.1)
    region.clear()
    assert region.span is None
