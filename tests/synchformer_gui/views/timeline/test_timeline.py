from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection, Reason, Verdict
from core.detection.sync_map import SyncMap
from synchformer_gui.views.timeline.timeline import Timeline
from synchformer_gui.zoom import close_up_s

pytestmark = pytest.mark.gui


@pytest.fixture
def timeline(qtbot: QtBot) -> Timeline:
    timeline = Timeline()
    qtbot.addWidget(timeline)
    timeline.resize(800, 240)
    timeline.set_clip(10.0)
    timeline.show()
    qtbot.waitExposed(timeline)
    return timeline


def point_at(timeline: Timeline, time_s: float, offset_s: float) -> QPoint:
    scene_point = timeline._box.mapViewToScene(QPointF(time_s, offset_s))
    return timeline.plot.mapFromScene(scene_point)


def shown_s(timeline: Timeline) -> tuple[float, float]:
    low_s, high_s = timeline._box.viewRange()[1]
    return low_s, high_s


def unknown_share(timeline: Timeline) -> float:
    assert timeline.brightness is not None
    return float(np.isnan(timeline.brightness).mean())


def test_evidence_is_shown_as_it_arrives(
    timeline: Timeline, evidence: tuple[OffsetEvidence, ...]
) -> None:
    assert timeline.brightness is None
    timeline.add_evidence(evidence[:3])
    first = unknown_share(timeline)
    timeline.add_evidence(evidence[3:])

    assert unknown_share(timeline) < first < 1


@pytest.mark.parametrize("time_s", [1.0, 6.5])
def test_click_asks_to_seek(qtbot: QtBot, timeline: Timeline, time_s: float) -> None:
    qtbot.wait(50)
    with qtbot.waitSignal(timeline.seek_requested) as blocker:
        qtbot.mouseClick(
            timeline.plot.viewport(),
            Qt.MouseButton.LeftButton,
            pos=point_at(timeline, time_s, -1.0),
        )

    assert blocker.args == [pytest.approx(time_s, abs=0.05)]


def test_answer_lies_across_the_map(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.show_answer(make_detection())

    assert timeline._estimate.isVisible()
    assert timeline._estimate.value() == pytest.approx(0.16)
    assert timeline._band.getRegion() == pytest.approx((0.15, 0.17))
    assert timeline._answer_label.toPlainText() == "160 ms early ± 10 ms"


def test_changing_offset_is_a_line_over_time(
    timeline: Timeline, make_detection: Callable[..., Detection], drift: SyncMap
) -> None:
    timeline.show_answer(make_detection(sync_map=drift))

    assert timeline._line.isVisible()
    times_s, offsets_s = timeline._line.getData()
    assert times_s.tolist() == [0.1, 9.9]
    assert offsets_s.tolist() == [0.08, -0.12]
    assert not timeline._estimate.isVisible()
    assert not timeline._band.isVisible()
    assert timeline._answer_label.toPlainText() == "drifts: 80 ms early to 120 ms late"
    timeline.show_answer(make_detection())
    assert not timeline._line.isVisible()
    assert timeline._estimate.isVisible()


def test_silence_draws_no_answer(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.show_answer(make_detection(Verdict.CANNOT_TELL, Reason.SILENCE))

    assert not timeline._estimate.isVisible()


def test_band_is_drawn_only_where_an_offset_stands_out(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.show_answer(make_detection())
    assert timeline._band.isVisible()
    timeline.show_answer(make_detection(Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT))

    assert timeline._estimate.isVisible()
    assert not timeline._band.isVisible()


def test_clearing_forgets_evidence_and_answer(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.add_evidence(make_detection().evidence)
    timeline.show_answer(make_detection())
    assert timeline.brightness is not None
    timeline.clear()

    assert timeline.brightness is None
    assert not timeline._estimate.isVisible()
    assert not timeline._band.isVisible()


@pytest.mark.parametrize("offset_s", [-1.95, -0.1, 0.1, 1.95])
def test_label_lies_beside_the_band_and_within_the_plot(
    timeline: Timeline, make_detection: Callable[..., Detection], offset_s: float
) -> None:
    timeline.show_answer(make_detection(offset_s=offset_s))
    label, box = timeline._answer_label, timeline._box
    top = label.pos().y()
    bottom = top + label.boundingRect().height()
    low_y, high_y = (box.mapFromView(QPointF(0, one)).y() for one in timeline._band.getRegion())

    assert top >= 0
    assert bottom <= box.size().height()
    assert bottom <= high_y or top >= low_y


def test_the_answer_is_shown_close_up_with_a_way_to_all_offsets_and_back(
    qtbot: QtBot, timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    detection = make_detection()
    timeline.add_evidence(detection.evidence)
    assert shown_s(timeline) == pytest.approx((-2.0, 2.0))
    assert timeline.close_up_button.isHidden()
    timeline.show_answer(detection)
    close_s = shown_s(timeline)
    assert close_s == pytest.approx(close_up_s(detection))
    assert timeline.plot.rect().contains(timeline.close_up_button.geometry())

    timeline.close_up_button.click()
    assert shown_s(timeline) == pytest.approx((-2.0, 2.0))
    timeline.clear()
    timeline.show_answer(detection)
    assert shown_s(timeline) == pytest.approx((-2.0, 2.0))
    timeline.toggle_close_up()
    assert shown_s(timeline) == close_s
    timeline.clear()
    assert shown_s(timeline) == pytest.approx((-2.0, 2.0))
    assert timeline.close_up_button.isHidden()


def test_only_sides_that_are_shown_are_named(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.add_evidence(make_detection().evidence)
    timeline.show_answer(make_detection(offset_s=1.5))
    assert [label.isVisible() for label in timeline._corner_labels] == [True, False]
    timeline.toggle_close_up()
    assert [label.isVisible() for label in timeline._corner_labels] == [True, True]


def test_tolerance_is_drawn_with_the_answer(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    assert not any(limit.isVisible() for limit in timeline._limits)
    detection = make_detection(Verdict.CANNOT_TELL, Reason.SILENCE)
    timeline.show_answer(detection)

    tolerance = detection.config.tolerance
    assert all(limit.isVisible() for limit in timeline._limits)
    assert [limit.value() for limit in timeline._limits] == [tolerance.early_s, -tolerance.late_s]
    timeline.clear()
    assert not any(limit.isVisible() for limit in timeline._limits)


def test_axes_have_numbers_only_with_a_clip(timeline: Timeline) -> None:
    axes = [timeline._item.getAxis(side) for side in ("bottom", "left")]
    assert all(axis._tickLevels is None for axis in axes)
    timeline.set_clip(0.0)

    assert all(axis._tickLevels == [] for axis in axes)
