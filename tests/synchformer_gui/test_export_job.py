"""Judging a corrected file again, as a session does it after an export."""

from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

from core.detection.result import Verdict
from core.media.correction import Correction
from core.media.retiming import Retiming
from synchformer_gui.exporting import Exported, ExportRequest
from synchformer_gui.session import Activity, Session
from synchformer_gui.settings import Preferences

pytestmark = pytest.mark.gui

CLASSICAL = Preferences(model="classical")
OFFSET_S = -0.2

MakeClip = Callable[..., Path]


@pytest.fixture
def make_request(
    qtbot: QtBot, session: Session, make_clip: MakeClip, tmp_path: Path
) -> Callable[..., ExportRequest]:
    """Return a function that opens a clip of late sound and asks for its correction."""

    def make(name: str = "clip.mp4", **clip: object) -> ExportRequest:
        session.open(make_clip(name, offset_s=OFFSET_S, duration_s=8.0, **clip))
        finish(qtbot, session)
        info = session.info
        assert info is not None
        correction = Correction((info.audios[0].index,), Fraction(-1, 5))
        return ExportRequest(info, tmp_path / "out.mp4", correction, certifies=True)

    return make


@pytest.fixture
def heard(session: Session) -> list[Exported]:
    """All that the session says it wrote."""
    heard: list[Exported] = []
    session.exported.connect(heard.append)
    return heard


def finish(qtbot: QtBot, session: Session) -> None:
    qtbot.waitUntil(lambda: session.activity is Activity.NONE, timeout=40_000)


def test_the_new_file_is_told_and_then_judged(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
) -> None:
    request = make_request()
    stages: list[str] = []
    session.progressed.connect(lambda progress: stages.append(progress.stage))
    session.export(request, CLASSICAL)
    qtbot.waitUntil(lambda: session.activity is Activity.JUDGING_COPY, timeout=20_000)
    assert [one.detected for one in heard] == [None]
    assert request.target.is_file()
    finish(qtbot, session)

    assert len(heard) == 2
    detected = heard[-1].detected
    assert detected is not None
    assert detected.info.path == request.target
    assert detected.estimate.offset_s == pytest.approx(0, abs=0.06)
    assert detected.estimate.verdict is not Verdict.OUT_OF_SYNC
    assert heard[-1].certificate is not None
    assert "Measuring the new file" in stages
    assert session.detection is None, "the answer about a copy is none about the clip"


def test_cancel_keeps_the_file_and_says_that_it_was_not_judged(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
) -> None:
    request = make_request()
    session.export(request, CLASSICAL)
    qtbot.waitUntil(lambda: session.activity is Activity.JUDGING_COPY, timeout=20_000)
    session.cancel()

    assert session.activity is Activity.NONE
    assert heard[-1].notes == ("Judging it again was cancelled.",)
    assert heard[-1].certificate_problem == "No certificate was written."
    assert request.target.is_file()
    n_heard = len(heard)
    qtbot.waitUntil(lambda: not session.worker._live, timeout=10_000)
    assert len(heard) == n_heard


def test_a_model_that_is_missing_leaves_the_file(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
) -> None:
    request = make_request()
    with qtbot.assertNotEmitted(session.failed):
        session.export(request, replace(CLASSICAL, model="no-such-model"))
        finish(qtbot, session)

    assert heard[-1].detected is None
    assert "could not be judged again" in heard[-1].notes[-1]
    assert heard[-1].certificate is not None
    assert request.target.is_file()


def test_the_stream_that_was_moved_is_judged(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
) -> None:
    request = make_request("two.mp4", n_sounds=2)
    second = request.info.audios[1].index
    session.export(replace(request, correction=Correction((second,), Fraction(-3, 10))), CLASSICAL)
    finish(qtbot, session)

    detected = heard[-1].detected
    assert detected is not None
    assert detected.audio_stream_index == detected.info.audios[1].index


def test_cancel_while_sound_is_retimed_leaves_nothing(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
    tmp_path: Path,
) -> None:
    request = make_request()
    retiming = Retiming.stretched(Fraction(1001, 1000), Fraction(0))
    before = set(tmp_path.iterdir())
    session.export(
        replace(request, correction=replace(request.correction, retiming=retiming)), CLASSICAL
    )
    with qtbot.waitSignal(session.stopped):
        session.cancel()
    qtbot.waitUntil(lambda: not session.worker._live, timeout=10_000)

    assert not heard
    assert set(tmp_path.iterdir()) == before
