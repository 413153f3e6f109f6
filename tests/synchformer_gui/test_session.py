from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Any

import pytest
from pytestqt.qtbot import QtBot
from pytestqt.wait_signal import SignalBlocker

from core.correction.correction import Correction
from core.errors import SyncError
from core.workflow.export import ExportRequest, preview
from synchformer_gui.session import Activity, Session
from synchformer_gui.settings import Preferences

pytestmark = pytest.mark.gui

CLASSICAL = Preferences(model="classical")
OFFSET_S = -0.2

MakeClip = Callable[..., Path]


def finish(qtbot: QtBot, session: Session) -> None:
    qtbot.waitUntil(lambda: session.activity is Activity.NONE, timeout=40_000)


def carried(blocker: SignalBlocker) -> Any:
    assert blocker.args is not None
    return blocker.args[0]


def export_request(session: Session, target: Path) -> ExportRequest:
    assert session.info is not None
    assert session.audio_stream_index is not None
    correction = Correction((session.audio_stream_index,), Fraction(-1, 5))
    return ExportRequest(session.info, target, correction)


def test_clip_goes_from_file_to_corrected_file(
    qtbot: QtBot, session: Session, make_clip: MakeClip, tmp_path: Path
) -> None:
    evidence: list[object] = []
    session.evidence_added.connect(evidence.extend)
    session.open(make_clip(offset_s=OFFSET_S, duration_s=8.0))
    finish(qtbot, session)
    assert session.can_detect

    session.detect(CLASSICAL)
    assert session.activity is Activity.DETECTING
    finish(qtbot, session)
    detection = session.detection
    assert detection is not None
    assert detection.estimate.offset_s == pytest.approx(OFFSET_S, abs=0.06)
    assert evidence == list(detection.evidence)

    with qtbot.waitSignal(session.exported, timeout=10_000) as blocker:
        session.export(preview(export_request(session, tmp_path / "out.mp4")))
    assert carried(blocker).verification.passed


def test_existing_target_is_not_replaced_unasked(
    qtbot: QtBot, session: Session, make_clip: MakeClip, tmp_path: Path
) -> None:
    target = tmp_path / "precious.mp4"
    target.write_text("precious")
    session.open(make_clip(offset_s=OFFSET_S, duration_s=6.0))
    finish(qtbot, session)
    with qtbot.waitSignal(session.failed, timeout=10_000) as blocker:
        session.export(preview(export_request(session, target)))

    error = carried(blocker)
    assert isinstance(error, SyncError)
    assert "precious.mp4" in error.message
    assert target.read_text() == "precious"
    assert session.can_export


def test_a_clip_that_was_not_analyzed_can_be_corrected(
    qtbot: QtBot, session: Session, make_clip: MakeClip, tmp_path: Path
) -> None:
    session.open(make_clip(duration_s=2.0))
    assert not session.can_export
    finish(qtbot, session)
    assert session.can_export
    request = export_request(session, tmp_path / "out.mp4")
    with qtbot.waitSignal(session.exported, timeout=10_000) as blocker:
        session.export(preview(request))
    assert carried(blocker).path == tmp_path / "out.mp4"

    session.open(make_clip("next.mp4", duration_s=2.0))
    finish(qtbot, session)
    session.export(preview(replace(request, overwrite=True)))
    assert session.activity is Activity.NONE, "a request for the clip before is ignored"


def test_engine_stays_loaded_between_detections(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(duration_s=3.0))
    finish(qtbot, session)
    session.detect(CLASSICAL)
    finish(qtbot, session)
    engine = session._detector._engine
    session.detect(CLASSICAL)
    finish(qtbot, session)

    assert engine is not None
    assert session._detector._engine is engine


def test_only_the_last_clip_that_was_opened_counts(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    opened: list[str] = []
    session.opened.connect(lambda info: opened.append(info.path.name))
    session.open(make_clip("first.mp4", duration_s=1.0))
    session.open(make_clip("second.mp4", duration_s=1.0))
    finish(qtbot, session)
    qtbot.wait(50)

    assert opened == ["second.mp4"]


def test_cancelled_detection_delivers_nothing_more(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(duration_s=8.0))
    finish(qtbot, session)
    heard: list[object] = []
    for signal in (session.detected, session.failed, session.evidence_added):
        signal.connect(heard.append)
    session.detect(CLASSICAL)
    session.cancel()
    assert session.can_detect
    qtbot.waitUntil(lambda: not session.worker._live, timeout=10_000)

    assert not heard
    assert session.detection is None


def test_failure_is_told_and_leaves_the_session_usable(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(duration_s=0.2))
    finish(qtbot, session)
    with qtbot.waitSignal(session.failed, timeout=10_000) as blocker:
        session.detect(CLASSICAL)

    error = carried(blocker)
    assert isinstance(error, SyncError)
    assert "clip.mp4" in error.message
    assert session.can_detect


@pytest.mark.parametrize("missing", ["audio", "video"])
def test_half_a_clip_cannot_be_analyzed(
    qtbot: QtBot, session: Session, make_clip: MakeClip, missing: str
) -> None:
    session.open(make_clip(duration_s=1.0, **{missing: False}))
    finish(qtbot, session)

    assert session.info is not None
    assert not session.can_detect


def test_bad_file_does_not_stop_a_detection(
    qtbot: QtBot, session: Session, make_clip: MakeClip, tmp_path: Path
) -> None:
    clip = make_clip(duration_s=8.0)
    session.open(clip)
    finish(qtbot, session)
    session.detect(CLASSICAL)
    with qtbot.waitSignal(session.failed, timeout=5000):
        session.open(tmp_path / "missing.mp4")
    assert session.activity is Activity.DETECTING
    finish(qtbot, session)

    assert session.detection is not None
    assert session.detection.info.path == clip


def test_good_file_takes_the_place_of_a_detection(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip("first.mp4", duration_s=8.0))
    finish(qtbot, session)
    session.detect(CLASSICAL)
    second = make_clip("second.mp4", duration_s=1.0)
    with (
        qtbot.waitSignals([session.stopped, session.opened], timeout=5000),
        qtbot.assertNotEmitted(session.detected),
    ):
        session.open(second)

    assert session.activity is Activity.NONE
    assert session.info is not None
    assert session.info.path == second


def test_opening_can_be_cancelled(qtbot: QtBot, session: Session, make_clip: MakeClip) -> None:
    with (
        qtbot.assertNotEmitted(session.opened, wait=100),
        qtbot.waitSignal(session.stopped),
    ):
        session.open(make_clip(duration_s=1.0))
        assert session.activity is Activity.OPENING
        session.cancel()

    assert session.activity is Activity.NONE
    assert session.info is None
