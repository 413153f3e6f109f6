"""Analyzing a corrected file again, as a session does it after an export."""

import threading
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path

import pytest
from av.packet import Packet
from pytestqt.qtbot import QtBot

from core.correction.correction import Correction
from core.correction.retime.encode import RetimedPackets
from core.correction.retiming import Retiming
from core.correction.verify.certificate import remove_certificate
from core.detection.result import Detection, Verdict
from core.progress import Monitor
from core.workflow import export
from core.workflow.export import Exported, ExportRequest, preview
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


def test_the_new_file_is_told_and_then_analyzed(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
) -> None:
    request = make_request()
    stages: list[str] = []
    session.progressed.connect(lambda progress: stages.append(progress.stage))
    session.export(preview(request), CLASSICAL)
    qtbot.waitUntil(lambda: session.activity is Activity.DETECTING_COPY, timeout=20_000)
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
    assert "Analyzing the new file" in stages
    assert session.detection is None, "the answer about a copy is none about the clip"


def test_cancel_keeps_the_file_and_says_that_it_was_not_analyzed(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
) -> None:
    request = make_request()
    session.export(preview(request), CLASSICAL)
    qtbot.waitUntil(lambda: session.activity is Activity.DETECTING_COPY, timeout=20_000)
    session.cancel()

    assert session.activity is Activity.NONE
    assert heard[-1].notes == ("Analyzing it again was cancelled.",)
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
        session.export(preview(request), replace(CLASSICAL, model="no-such-model"))
        finish(qtbot, session)

    assert heard[-1].detected is None
    assert "could not be analyzed again" in heard[-1].notes[-1]
    assert heard[-1].certificate is not None
    assert request.target.is_file()


def test_the_stream_that_was_moved_is_analyzed(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
) -> None:
    request = make_request("two.mp4", n_audio=2)
    second = request.info.audios[1].index
    moved = replace(request, correction=Correction((second,), Fraction(-3, 10)))
    session.export(preview(moved), CLASSICAL)
    finish(qtbot, session)

    detected = heard[-1].detected
    assert detected is not None
    assert detected.audio_stream_index == detected.info.audios[1].index


@pytest.mark.parametrize("recheck_with", [CLASSICAL, None])
def test_what_breaks_off_after_writing_leaves_the_file_and_is_told(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
    monkeypatch: pytest.MonkeyPatch,
    recheck_with: Preferences | None,
) -> None:
    def break_off(*_: object, **__: object) -> None:
        raise RuntimeError("out of memory")

    request = make_request()
    monkeypatch.setattr(session._detector, "detect", break_off)
    monkeypatch.setattr(export, "write_certificate", break_off)
    with qtbot.waitSignal(session.failed, timeout=20_000):
        session.export(preview(request), recheck_with)

    assert session.activity is Activity.NONE
    assert request.target.is_file()
    assert heard[-1].notes == (("Analyzing it again ended unexpectedly.",) if recheck_with else ())
    assert heard[-1].certificate_problem == "No certificate was written."


def test_another_clip_while_the_copy_is_analyzed_tells_of_the_file(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    make_clip: MakeClip,
    heard: list[Exported],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def detect(request: object, monitor: Monitor, publish: object) -> Detection:
        while True:
            monitor.check()
            time.sleep(0.01)

    request = make_request()
    monkeypatch.setattr(session._detector, "detect", detect)
    told: list[Exported] = []
    session.exported_before.connect(told.append)
    session.export(preview(request), CLASSICAL)
    qtbot.waitUntil(lambda: session.activity is Activity.DETECTING_COPY, timeout=20_000)
    n_heard = len(heard)
    with qtbot.waitSignal(session.opened, timeout=5000), qtbot.assertNotEmitted(session.abandoned):
        session.open(make_clip("next.mp4", duration_s=1.0))
        qtbot.waitUntil(lambda: not session.worker._live, timeout=10_000)

    (exported,) = told
    assert exported.path == request.target
    assert exported.notes == ("Analyzing it again was cancelled.",)
    assert exported.certificate_problem == "No certificate was written."
    assert len(heard) == n_heard, "it is no news of the clip that is open"
    assert request.target.is_file()


@dataclass
class Held:
    """Work on another thread that has begun and waits to be let go on."""

    begun: threading.Event = field(default_factory=threading.Event)
    let_go: threading.Event = field(default_factory=threading.Event)

    def wait(self) -> None:
        self.begun.set()
        assert self.let_go.wait(20)


@pytest.fixture
def held(monkeypatch: pytest.MonkeyPatch) -> Iterator[Held]:
    """Hold retiming in front of its first packet."""
    held, before = Held(), RetimedPackets.before

    def wait(packets: RetimedPackets, time_s: Fraction) -> Iterator[Packet]:
        held.wait()
        return iter(before(packets, time_s))

    monkeypatch.setattr(RetimedPackets, "before", wait)
    yield held
    held.let_go.set()


def retimed(request: ExportRequest) -> ExportRequest:
    retiming = Retiming.stretched(Fraction(1001, 1000), Fraction(0))
    return replace(request, correction=replace(request.correction, retiming=retiming))


def test_another_clip_while_a_file_is_written_tells_that_it_was_not(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    make_clip: MakeClip,
    heard: list[Exported],
    held: Held,
) -> None:
    request = make_request()
    session.export(preview(retimed(request)))
    qtbot.waitUntil(held.begun.is_set, timeout=20_000)
    following = make_clip("next.mp4", duration_s=1.0)
    with qtbot.waitSignal(session.abandoned, timeout=10_000) as blocker:
        with qtbot.waitSignal(session.opened, timeout=5000):
            session.open(following)
        held.let_go.set()

    assert blocker.args == [request.target]
    assert not heard
    assert not request.target.exists()


def test_a_file_that_was_complete_before_it_was_cancelled_is_told(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    held = Held()

    def remove(target: Path) -> str:
        held.wait()
        return remove_certificate(target)

    monkeypatch.setattr(export, "remove_certificate", remove)
    request = make_request()
    session.export(preview(request))
    qtbot.waitUntil(held.begun.is_set, timeout=20_000)
    with qtbot.waitSignal(session.stopped):
        session.cancel()
    assert not heard
    held.let_go.set()
    qtbot.waitUntil(lambda: not session.worker._live, timeout=10_000)

    assert heard[-1].path == request.target
    assert heard[-1].certificate is not None
    assert heard[-1].certificate.is_file()


def test_cancel_while_sound_is_retimed_leaves_nothing(
    qtbot: QtBot,
    session: Session,
    make_request: Callable[..., ExportRequest],
    heard: list[Exported],
    held: Held,
    tmp_path: Path,
) -> None:
    request = make_request()
    before = set(tmp_path.iterdir())
    session.export(preview(retimed(request)), CLASSICAL)
    qtbot.waitUntil(held.begun.is_set, timeout=20_000)
    assert [path.suffix for path in set(tmp_path.iterdir()) - before] == [".partial~"]
    with qtbot.waitSignal(session.stopped), qtbot.assertNotEmitted(session.abandoned):
        session.cancel()
        held.let_go.set()
        qtbot.waitUntil(lambda: not session.worker._live, timeout=10_000)

    assert not heard
    assert set(tmp_path.iterdir()) == before
