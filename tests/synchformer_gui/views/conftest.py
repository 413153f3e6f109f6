"""Clips, evidence and answers to show."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from pytestqt.qtbot import QtBot

from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.detection.windows import plan_windows
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.media.probe import probe
from core.timing import TimeSpan
from synchformer_gui.jobs.jobs import JobQueue
from synchformer_gui.settings import ExportPreferences
from synchformer_gui.views.export.export_dialog import ExportDialog
from synchformer_gui.views.export.initial_values import propose
from synchformer_gui.views.main_window import MainWindow

TICK = Fraction(1, 16000)


@pytest.fixture
def evidence() -> tuple[OffsetEvidence, ...]:
    """Seventeen windows of a clip of 10 s, each certain of 0.16 s."""
    axis = offset_axis(2.0)
    log_likelihood = (-0.5 * ((axis - 0.16) / 0.05) ** 2).astype(np.float32)
    return tuple(
        OffsetEvidence(window, axis, log_likelihood, 0.02) for window in plan_windows(0, 250)
    )


@pytest.fixture
def drift() -> SyncMap:
    """From 80 ms early to 120 ms late."""
    ends = (TimeSpan(0.1, 9.9), 0.08, -0.12, (0.07, 0.09), (-0.13, -0.11))
    return SyncMap(MapKind.DRIFT, (Piece(*ends),), -20_408.0, (-22_000.0, -19_000.0))


@pytest.fixture
def make_detection(
    evidence: tuple[OffsetEvidence, ...], tmp_path: Path
) -> Callable[..., Detection]:
    def make(
        verdict: Verdict = Verdict.OUT_OF_SYNC,
        reason: Reason = Reason.NONE,
        *,
        offset_s: float = 0.16,
        engine_id: str = "classical",
        confidence: float = 0.87,
        synchronizability: float | None = None,
        warnings: tuple[str, ...] = (),
        sync_map: SyncMap | None = None,
    ) -> Detection:
        video = VideoStream(0, "h264", 320, 256, Fraction(25), TICK, 0.0, 10.0, 0, False, False)
        audio = AudioStream(1, "aac", 16000, 1, TICK, 0.0, 10.0, "")
        path = tmp_path / "clip.mp4"
        path.touch()
        info = MediaInfo(path, "mov,mp4", 10.0, 1_000_000, (video,), (audio,), ())
        interval_s = (offset_s - 0.01, offset_s + 0.01)
        estimate = OffsetEstimate(
            offset_s,
            interval_s,
            0.9,
            confidence,
            verdict,
            reason,
            17,
            synchronizability=synchronizability,
        )
        opinion = Opinion("classical estimate", engine_id, estimate)
        return Detection(
            info=info,
            config=DetectionConfig(),
            opinion=opinion,
            second_opinion=None,
            evidence=evidence,
            video_stream_index=0,
            audio_stream_index=1,
            warnings=warnings,
            elapsed_s=1.0,
            coverage=Coverage(()),
            sync_map=sync_map,
        )

    return make


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Path:
    """A clip whose sound is 0.24 s early."""
    return make_clip("talk.mp4", offset_s=0.24, duration_s=8.0)


@pytest.fixture
def analyzed(qtbot: QtBot, window: MainWindow, clip: Path) -> MainWindow:
    """A window in which the clip has been analyzed by the classical estimate."""
    combo = window.detect_panel.model_combo
    combo.setCurrentIndex(combo.findData("classical"))
    combo.activated.emit(combo.currentIndex())
    with qtbot.waitSignal(window.session.opened, timeout=5000):
        window.open_clip(clip)
    with qtbot.waitSignal(window.session.detected, timeout=40_000):
        window.detect()
    return window


@pytest.fixture
def two_languages(make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    """A clip whose sound comes twice."""
    source = make_clip("one.mkv", offset_s=0.24, duration_s=6.0)
    target = tmp_path / "two.mkv"
    with av.open(str(source)) as container, av.open(str(target), "w") as out:
        video, audio = container.streams.video[0], container.streams.audio[0]
        outs = {
            video.index: [out.add_stream_from_template(video)],
            audio.index: [out.add_stream_from_template(audio) for _ in range(2)],
        }
        for packet in container.demux(video, audio):
            if packet.size:
                index = packet.stream.index
                pts, dts = packet.pts, packet.dts
                for stream in outs[index]:
                    copy = av.Packet(bytes(packet))
                    copy.pts, copy.dts = pts, dts
                    copy.time_base = packet.time_base
                    copy.is_keyframe = packet.is_keyframe
                    copy.stream = stream
                    out.mux(copy)
    return target


@pytest.fixture
def queue(qtbot: QtBot) -> Iterator[JobQueue]:
    queue = JobQueue(1)
    yield queue
    queue.close()


@pytest.fixture
def make_dialog(
    qtbot: QtBot,
    queue: JobQueue,
    make_detection: Callable[..., Detection],
    make_clip: Callable[..., Path],
) -> Callable[..., ExportDialog]:
    """Return a function that asks about a clip of 2 s whose sound was found 160 ms early."""

    def make(
        verdict: Verdict = Verdict.OUT_OF_SYNC,
        *,
        reason: Reason = Reason.NONE,
        offset_s: float = 0.16,
        sync_map: SyncMap | None = None,
        preferences: ExportPreferences | None = None,
        name: str = "clip.mp4",
        **clip: object,
    ) -> ExportDialog:
        info = probe(make_clip(name, duration_s=2.0, size=(96, 80), **clip))
        found = make_detection(verdict, reason, offset_s=offset_s, sync_map=sync_map)
        detection = replace(found, info=info)
        proposal = propose(info, info.audios[0].index, detection)
        dialog = ExportDialog(proposal, preferences or ExportPreferences(), queue)
        qtbot.addWidget(dialog)
        dialog.show()
        return dialog

    return make


@pytest.fixture
def settle(qtbot: QtBot) -> Callable[[ExportDialog], str]:
    """Return a function that waits until a dialog says what comes of it; it returns the problem."""

    def wait(dialog: ExportDialog) -> str:
        qtbot.waitUntil(lambda: not dialog.preview_job.is_looking, timeout=5000)
        return dialog.problem_label.text().replace("\N{ZERO WIDTH SPACE}", "")

    return wait
