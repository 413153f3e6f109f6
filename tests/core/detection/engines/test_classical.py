from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.detection.answer.estimate import estimate_offset
from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.base import ClipContext
from core.detection.engines.classical import RESOLUTION_S, ClassicalEngine
from core.detection.evidence import OffsetEvidence
from core.media.decoder import ClipChunk, ClipDecoder
from core.media.probe import probe
from core.progress import SILENT
from core.timing import SAMPLES_PER_FRAME

HALF_FRAME_S = 0.02
"""An event drawn at a frame's own time is first seen half a frame after the change's centre."""

REAL_DOG = Path(__file__).parents[5] / "shared/clips/3qesirWAGt4_20000_30000.mp4"


def _chunk(path: Path) -> ClipChunk:
    """Decode a clip into one chunk."""
    info = probe(path)
    with ClipDecoder(info, video_stream_index=0, audio_stream_index=1) as decoder:
        chunks = list(decoder)
    return ClipChunk(
        0,
        np.concatenate([c.frames for c in chunks]),
        np.concatenate([c.waveform for c in chunks]),
        np.concatenate([c.has_video for c in chunks]),
        np.concatenate([c.has_audio for c in chunks]),
    )


def _pieces(chunk: ClipChunk, n_frames: int) -> list[ClipChunk]:
    cuts = range(0, len(chunk.frames), n_frames)
    return [
        ClipChunk(
            chunk.first_frame + i,
            chunk.frames[i : i + n_frames],
            chunk.waveform[i * SAMPLES_PER_FRAME : (i + n_frames) * SAMPLES_PER_FRAME],
            chunk.has_video[i : i + n_frames],
            chunk.has_audio[i : i + n_frames],
        )
        for i in cuts
    ]


def _analyze(chunks: list[ClipChunk], config: DetectionConfig) -> list[OffsetEvidence]:
    run = ClassicalEngine().start(config, SILENT, ClipContext(250))
    evidence = [item for chunk in chunks for item in run.consume(chunk)]
    return [*evidence, *run.finish()]


@pytest.mark.parametrize("offset_s", [-0.72, -0.2, 0.0, 0.31, 1.3])
def test_finds_the_offset_of_flash_and_beep_with_its_sign(
    make_clip: Callable[..., Path], offset_s: float
) -> None:
    estimate = detect(make_clip(offset_s=offset_s), ClassicalEngine()).estimate
    assert estimate.offset_s == pytest.approx(offset_s, abs=HALF_FRAME_S + 0.015)
    assert estimate.confidence > 0.9
    low, high = estimate.interval_s
    assert low <= offset_s <= high


def test_bias_on_flash_and_beep_is_below_a_frame(make_clip: Callable[..., Path]) -> None:
    errors_s = []
    for seed in range(4):
        clip = make_clip(f"{seed}.mkv", seed=seed, audio_codec="pcm_s16le", offset_s=0.1)
        errors_s.append(detect(clip, ClassicalEngine()).estimate.offset_s - 0.1)
    assert np.mean(errors_s) == pytest.approx(0, abs=HALF_FRAME_S)


def test_answer_does_not_depend_on_the_pieces(make_clip: Callable[..., Path]) -> None:
    chunk = _chunk(make_clip(offset_s=0.2, duration_s=12.0))
    config = DetectionConfig(range_s=1.0)
    whole = _analyze([chunk], config)
    for n_frames in (7, 100):
        pieces = _analyze(_pieces(chunk, n_frames), config)
        assert [item.window for item in pieces] == [item.window for item in whole]
        for one, other in zip(pieces, whole, strict=True):
            np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, atol=1e-3)


def test_answer_does_not_depend_on_the_pieces_around_missing_sound(
    make_clip: Callable[..., Path],
) -> None:
    chunk = _chunk(make_clip(duration_s=36.0))
    chunk.has_audio[160:400] = False
    chunk.has_audio[560:] = False
    config = DetectionConfig(range_s=0.5, hop_s=3.2)
    whole = _analyze([chunk], config)
    pieces = _analyze(_pieces(chunk, 25), config)
    assert max(item.window.end_frame for item in whole) > 550
    assert [item.window for item in pieces] == [item.window for item in whole]
    for one, other in zip(pieces, whole, strict=True):
        np.testing.assert_allclose(one.log_likelihood, other.log_likelihood, atol=1e-3)


def _noise(n_frames: int) -> ClipChunk:
    """Chunk of noise, video and audio."""
    rng = np.random.default_rng(5)
    wave = (0.1 * rng.standard_normal(n_frames * SAMPLES_PER_FRAME)).astype(np.float32)
    frames = rng.integers(0, 256, (n_frames, 64, 96, 3), dtype=np.uint8)
    is_present = np.ones(n_frames, np.bool_)
    return ClipChunk(0, frames, wave, is_present, is_present)


def _most_held(chunk: ClipChunk) -> int:
    """Largest number of motion values kept at a time."""
    run = ClassicalEngine().start(
        DetectionConfig(range_s=0.2), SILENT, ClipContext(len(chunk.frames))
    )
    most = 0
    for piece in _pieces(chunk, 25):
        run.consume(piece)
        most = max(most, sum(len(values) for _, values in run._cells._pieces))
    return most


@pytest.mark.parametrize(("begin", "end"), [(0, 0), (300, 1400), (0, 1400)])
def test_memory_does_not_grow_with_the_clip_or_its_gaps(begin: int, end: int) -> None:
    for name in ("has_audio", "has_video"):
        chunk = _noise(1400)
        getattr(chunk, name)[begin:end] = False
        assert _most_held(chunk) < 800


def test_evidence_comes_while_the_clip_still_streams(make_clip: Callable[..., Path]) -> None:
    run = ClassicalEngine().start(DetectionConfig(range_s=0.4), SILENT, ClipContext(250))
    pieces = _pieces(_chunk(make_clip(duration_s=14.0)), 25)
    assert any(run.consume(piece) for piece in pieces)


def test_gain_does_not_change_the_answer(make_clip: Callable[..., Path]) -> None:
    chunk = _chunk(make_clip(offset_s=0.4))
    quiet = ClipChunk(
        0, chunk.frames, chunk.waveform * np.float32(0.02), chunk.has_video, chunk.has_audio
    )
    config = DetectionConfig()
    loud_answer, quiet_answer = (
        estimate_offset(_analyze([c], config), config).offset_s for c in (chunk, quiet)
    )
    assert quiet_answer == pytest.approx(loud_answer, abs=0.011)


def test_foreign_audio_gives_no_confident_answer(make_clip: Callable[..., Path]) -> None:
    config = DetectionConfig()
    video, audio = (_chunk(make_clip(f"{seed}.mp4", seed=seed)) for seed in (3, 4))
    n = min(len(video.frames), len(audio.frames))
    mixed = ClipChunk(
        0,
        video.frames[:n],
        audio.waveform[: n * SAMPLES_PER_FRAME],
        video.has_video[:n],
        audio.has_audio[:n],
    )
    assert estimate_offset(_analyze([mixed], config), config).confidence < 0.7


def test_wide_range_finds_far_offsets(make_clip: Callable[..., Path]) -> None:
    clip = make_clip(offset_s=-7.5, duration_s=24.0)
    estimate = detect(clip, ClassicalEngine(), DetectionConfig(range_s=10.0)).estimate
    assert estimate.offset_s == pytest.approx(-7.5, abs=RESOLUTION_S)


@pytest.mark.skipif(not REAL_DOG.exists(), reason="the real clip is not here")
@pytest.mark.parametrize("offset_s", [-1.5, -0.6, 0.24, 0.8, 1.7])
def test_finds_known_shifts_of_a_real_clip(offset_s: float) -> None:
    config = DetectionConfig(simulate_offset_s=offset_s)
    estimate = detect(REAL_DOG, ClassicalEngine(), config).estimate
    assert estimate.offset_s == pytest.approx(offset_s, abs=0.1)
    assert estimate.confidence > 0.7
