"""What becomes of answers when something else is chosen, or when they were given earlier."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from core.detection.result import Verdict
from synchformer_gui.session import Activity, Session
from synchformer_gui.settings import Preferences

pytestmark = pytest.mark.gui

CLASSICAL = Preferences(model="classical")
OFFSET_S = -0.2

MakeClip = Callable[..., Path]


def finish(qtbot: QtBot, session: Session) -> None:
    qtbot.waitUntil(lambda: session.activity is Activity.NONE, timeout=40_000)


def test_other_audio_stream_drops_the_answer(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(duration_s=6.0))
    finish(qtbot, session)
    session.detect(CLASSICAL)
    finish(qtbot, session)
    with qtbot.waitSignal(session.detection_dropped):
        session.choose_audio(5)

    assert session.detection is None


def test_other_tolerance_changes_the_verdict(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(offset_s=OFFSET_S, duration_s=6.0))
    finish(qtbot, session)
    session.detect(CLASSICAL)
    finish(qtbot, session)
    first = session.detection
    assert first is not None
    assert first.estimate.verdict is Verdict.OUT_OF_SYNC
    with qtbot.waitSignal(session.detected, timeout=5000):
        session.choose_tolerance("bt1359-accept")

    again = session.detection
    assert again is not None
    assert again.config.tolerance.name == "bt1359-accept"
    assert again.evidence is first.evidence
    assert again.estimate.interval_s == first.estimate.interval_s
    late_s = again.config.tolerance.late_s
    reaches_in = again.estimate.interval_s[1] > -late_s
    assert (again.estimate.verdict is Verdict.OUT_OF_SYNC) != reaches_in


def test_tolerance_chosen_during_a_detection_counts(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(offset_s=OFFSET_S, duration_s=6.0))
    finish(qtbot, session)
    session.detect(CLASSICAL)
    session.choose_tolerance("film")
    finish(qtbot, session)

    qtbot.waitUntil(lambda: tolerance_of(session) == "film", timeout=5000)


def test_only_the_last_tolerance_counts(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(duration_s=3.0))
    finish(qtbot, session)
    session.detect(CLASSICAL)
    finish(qtbot, session)
    chosen = tolerance_of(session)
    with qtbot.assertNotEmitted(session.detected, wait=200):
        session.choose_tolerance("film")
        session.choose_tolerance(chosen)

    assert tolerance_of(session) == chosen


def tolerance_of(session: Session) -> str:
    assert session.detection is not None
    return session.detection.config.tolerance.name


def test_a_clip_that_was_analyzed_is_answered_when_it_is_opened_again(
    qtbot: QtBot, session: Session, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.detection.cached_detector._fingerprint_of_code", lambda: "")
    clip = make_clip(offset_s=OFFSET_S, duration_s=4.0)
    session.open(clip)
    finish(qtbot, session)
    session.detect(CLASSICAL)
    finish(qtbot, session)
    first = session.detection
    assert first is not None
    assert not session.is_earlier

    session.open(clip)
    finish(qtbot, session)
    assert session.detection is None
    generous = replace(CLASSICAL, tolerance="film")
    with qtbot.waitSignals([session.evidence_added, session.detected], timeout=10_000):
        session.recall(generous)
    assert session.is_earlier
    assert session.can_export
    found = session.detection
    assert found is not None
    assert found.estimate.offset_s == first.estimate.offset_s
    assert found.config.tolerance.name == "film"

    session.detect(CLASSICAL)
    assert session.activity is Activity.DETECTING
    finish(qtbot, session)
    assert not session.is_earlier


def test_a_clip_that_was_never_analyzed_stays_unanswered(
    qtbot: QtBot, session: Session, make_clip: MakeClip
) -> None:
    session.open(make_clip(duration_s=2.0))
    finish(qtbot, session)
    session.recall(CLASSICAL)
    qtbot.waitUntil(lambda: not session.probers._live, timeout=10_000)
    qtbot.wait(20)

    assert session.detection is None
    assert session.can_detect
