from collections.abc import Callable

import numpy as np
import pytest
from PySide6.QtCore import QPoint, QPointF, Qt
from pytestqt.qtbot import QtBot

from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection, Reason, Verdict
from synchformer_gui.views.timeline import Timeline

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
    timeline.show_answer(make_detection().estimate)

    assert timeline._estimate.isVisible()
    assert timeline._estimate.value() == pytest.approx(0.16)
    assert timeline._band.getRegion() == pytest.approx((0.15, 0.17))
    assert timeline._answer_label.toPlainText() == "160 ms early ± 10 ms"


def test_silence_draws_no_answer(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.show_answer(make_detection(Verdict.CANNOT_TELL, Reason.SILENCE).estimate)

    assert not timeline._estimate.isVisible()


def test_band_is_drawn_only_where_an_offset_stands_out(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.show_answer(make_detection().estimate)
    assert timeline._band.isVisible()
    timeline.show_answer(make_detection(Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT).estimate)

    assert timeline._estimate.isVisible()
    assert not timeline._band.isVisible()


def test_clearing_forgets_evidence_and_answer(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.add_evidence(make_detection().evidence)
    timeline.show_answer(make_detection().estimate)
    assert timeline.brightness is not None
    timeline.clear()

    assert timeline.brightness is None
    assert not timeline._estimate.isVisible()
    assert not timeline._band.isVisible()
