import subprocess
import sys
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.base import ClipContext
from core.detection.engines.classical import ClassicalEngine
from core.detection.evidence import ClassLogits, OffsetEvidence, evidence_from_classes
from core.detection.result import Reason, Verdict
from core.detection.windows import Window, WindowSchedule
from core.errors import Cancelled, DetectionError, MediaError
from core.media.decoder import ClipChunk
from core.progress import Monitor, Progress
from core.timing import SAMPLES_PER_FRAME

MakeClip = Callable[..., Path]


@dataclass(frozen=True)
class FixedEngine:
    """Answers one class with certainty, and records what it was fed."""

    winner: int
    chunks: list[ClipChunk]
    name: str = "fixed"
    id: str = "fixed"
    max_range_s: float = 2.0
    sees_square: bool = False
    is_slow: bool = False
    confidence_rule: None = None

    def start(self, config: DetectionConfig, monitor: Monitor, clip: ClipContext) -> "FixedRun":
        return FixedRun(self, WindowSchedule(config.hop_segments))


@dataclass(frozen=True)
class FixedRun:
    engine: FixedEngine
    schedule: WindowSchedule

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        self.engine.chunks.append(chunk)
        usable = chunk.has_video & chunk.has_audio
        return [self._answer(w) for w in self.schedule.extend(chunk.first_frame, usable)]

    def finish(self) -> Sequence[OffsetEvidence]:
        return [self._answer(w) for w in self.schedule.finish()]

    def _answer(self, window: Window) -> OffsetEvidence:
        logits = np.zeros(21, np.float32)
        logits[self.engine.winner] = 12
        return evidence_from_classes(window, ClassLogits(0.0, logits))


class Recorder:
    def __init__(self, cancel_after: int | None = None) -> None:
        self.fractions: list[float] = []
        self.n_checks = 0
        self.cancel_after = cancel_after

    def report(self, progress: Progress) -> None:
        assert progress.fraction is not None
        self.fractions.append(progress.fraction)

    def check(self) -> None:
        self.n_checks += 1
        if self.cancel_after is not None and self.n_checks > self.cancel_after:
            raise Cancelled


def test_out_of_sync_clip_is_found_with_facts_of_the_file(make_clip: MakeClip) -> None:
    clip = make_clip(offset_s=0.5)
    before = clip.read_bytes()
    seen: list[OffsetEvidence] = []
    recorder = Recorder()
    detection = detect(clip, ClassicalEngine(), monitor=recorder, on_evidence=seen.append)
    assert detection.estimate.verdict is Verdict.OUT_OF_SYNC
    assert detection.estimate.offset_s > 0.4
    assert detection.second_opinion is None
    assert tuple(seen) == detection.evidence
    assert detection.info.path == clip
    assert (detection.video_stream_index, detection.audio_stream_index) == (0, 1)
    assert recorder.fractions == sorted(recorder.fractions)
    assert recorder.fractions[-1] == pytest.approx(1.0, abs=0.02)
    assert clip.read_bytes() == before


@pytest.mark.parametrize("shift_s", [-0.64, 0.48])
def test_simulated_offset_adds_to_that_of_the_clip(make_clip: MakeClip, shift_s: float) -> None:
    config = DetectionConfig(simulate_offset_s=shift_s)
    detection = detect(make_clip(offset_s=0.2), ClassicalEngine(), config)
    assert detection.estimate.offset_s == pytest.approx(0.2 + shift_s, abs=0.04)


def test_classical_estimate_stands_beside_a_network_and_not_beside_itself(
    make_clip: MakeClip,
) -> None:
    clip = make_clip(offset_s=0.4)
    beside = detect(clip, FixedEngine(4, []))
    assert beside.second_opinion is not None
    assert beside.second_opinion.engine_id == "classical"
    assert beside.second_opinion.estimate.offset_s == pytest.approx(0.4, abs=0.04)
    assert beside.estimate.offset_s == pytest.approx(-1.2, abs=0.04)
    assert detect(clip, ClassicalEngine()).second_opinion is None


def test_range_beyond_the_engine_names_the_limit(make_clip: MakeClip) -> None:
    with pytest.raises(DetectionError, match="at most 2 s"):
        detect(make_clip(), FixedEngine(10, []), DetectionConfig(range_s=5.0))


def test_still_picture_cannot_tell(make_clip: MakeClip) -> None:
    detection = detect(make_clip(still=True), ClassicalEngine())
    assert detection.estimate.verdict is Verdict.CANNOT_TELL
    assert detection.estimate.reason is Reason.NO_MOTION


def test_silence_cannot_tell(make_clip: MakeClip) -> None:
    detection = detect(make_clip(silent=True), ClassicalEngine())
    assert detection.estimate.reason is Reason.SILENCE


@pytest.mark.parametrize(("lacking", "said"), [("audio", "no sound"), ("video", "no picture")])
def test_missing_stream_is_a_sentence(make_clip: MakeClip, lacking: str, said: str) -> None:
    clip = make_clip(**{lacking: False})
    with pytest.raises(MediaError, match=said) as caught:
        detect(clip, ClassicalEngine())
    assert clip.name in caught.value.message


def test_unknown_audio_stream_lists_the_known_ones(make_clip: MakeClip) -> None:
    with pytest.raises(MediaError, match="only audio stream is 1"):
        detect(make_clip(), ClassicalEngine(), DetectionConfig(audio_stream_index=7))


def test_clip_shorter_than_a_segment_is_refused(make_clip: MakeClip) -> None:
    clip = make_clip(duration_s=0.5)
    with pytest.raises(DetectionError, match=r"less than 0\.64 s") as caught:
        detect(clip, ClassicalEngine())
    assert clip.name in caught.value.message


def test_clip_shorter_than_a_window_is_padded_with_a_warning(make_clip: MakeClip) -> None:
    detection = detect(make_clip(duration_s=3.0), ClassicalEngine())
    (evidence,) = detection.evidence
    assert evidence.window.is_padded
    assert any("shorter than a window" in warning for warning in detection.warnings)


@pytest.mark.parametrize(
    ("start_s", "offset_s", "first_frame", "first_sample"),
    [
        (0.0, 0.0, 0, 0),
        # 1.16 * 25 and (1.16 + 0.6) * 16000 lie a little below whole numbers in float64.
        (1.16, 0.6, 28, 28159),
        (2.0, -0.5, 50, 24000),
        (0.5, -0.52, 12, 0),
    ],
)
def test_window_start_follows_the_published_arithmetic(
    make_clip: MakeClip, start_s: float, offset_s: float, first_frame: int, first_sample: int
) -> None:
    clip = make_clip("clip.mkv", audio_codec="pcm_s16le")
    whole = FixedEngine(10, [])
    detect(clip, whole)
    engine = FixedEngine(10, [])
    config = DetectionConfig(window_start_s=start_s, simulate_offset_s=offset_s)
    (evidence,) = detect(clip, engine, config).evidence
    assert evidence.window.first_frame == first_frame + 2
    frames = np.concatenate([c.frames for c in engine.chunks])
    wave = np.concatenate([c.waveform for c in engine.chunks])
    assert len(frames) == 125
    all_frames = np.concatenate([c.frames for c in whole.chunks])
    all_samples = np.concatenate([c.waveform for c in whole.chunks])
    np.testing.assert_array_equal(frames, all_frames[first_frame : first_frame + 125])
    expected = all_samples[first_sample : first_sample + 125 * SAMPLES_PER_FRAME]
    np.testing.assert_array_equal(wave, expected)


@pytest.mark.parametrize(("start_s", "offset_s"), [(5.2, 0.0), (4.0, 1.5), (9.9, 0.0), (60.0, 0.0)])
def test_window_without_five_seconds_says_what_is_needed(
    make_clip: MakeClip, start_s: float, offset_s: float
) -> None:
    config = DetectionConfig(window_start_s=start_s, simulate_offset_s=offset_s)
    with pytest.raises(DetectionError, match="needs 5 s"):
        detect(make_clip(), FixedEngine(10, []), config)


def test_window_whose_sound_would_begin_before_the_clip_is_refused(make_clip: MakeClip) -> None:
    config = DetectionConfig(window_start_s=0.5, simulate_offset_s=-1.0)
    with pytest.raises(DetectionError, match="before the start"):
        detect(make_clip(), FixedEngine(10, []), config)


# The fixture that looks for threads left behind watches this one.
@pytest.mark.parametrize("cancel_after", [1, 4])
def test_cancelling_midway_ends_cleanly(make_clip: MakeClip, cancel_after: int) -> None:
    with pytest.raises(Cancelled):
        detect(make_clip(), ClassicalEngine(), monitor=Recorder(cancel_after))


@pytest.mark.parametrize("module", ["detect", "engines.open", "serialize", "engines.classical"])
def test_importing_does_not_import_torch(module: str) -> None:
    code = f"import sys, core.detection.{module}; sys.exit('torch' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
