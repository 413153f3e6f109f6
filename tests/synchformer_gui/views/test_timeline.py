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


def test_evidence_is_shown_as_it_arrives(
    timeline: Timeline, evidence: tuple[OffsetEvidence, ...]
) -> None:
    assert timeline.brightness is None
    timeline.add_evidence(evidence[:3])
    first = np.isnan(timeline.brightness).mean()
    timeline.add_evidence(evidence[3:])

    assert np.isnan(timeline.brightness).mean() < first < 1


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
    timeline.show_detection(make_detection())

    assert timeline._estimate.isVisible()
    assert timeline._estimate.value() == pytest.approx(0.16)
    assert timeline._band.getRegion() == pytest.approx((0.15, 0.17))
    assert timeline._answer_label.toPlainText() == "160 ms early ± 10 ms"


def test_silence_draws_no_answer(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.show_detection(make_detection(Verdict.CANNOT_TELL, Reason.SILENCE))

    assert not timeline._estimate.isVisible()


def test_clearing_forgets_evidence_and_answer(
    timeline: Timeline, make_detection: Callable[..., Detection]
) -> None:
    timeline.show_detection(make_detection())
    timeline.clear()

    assert timeline.brightness is None
    assert not timeline._estimate.isVisible()
    assert not timeline._band.isVisible()
