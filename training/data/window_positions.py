"""Positions of windows in frames and samples of a clip, with the arithmetic of the published code.

Seconds are truncated to counts, not rounded, in float64: 1.16 s is frame 28, since 1.16 * 25 is a
little less than 29. Follows dataset/transforms.py of github.com/v-iashin/Synchformer at b66668a;
reimplemented. Offsets have the sign of `core.timing`: positive takes audio from later in the clip.
"""

from dataclasses import dataclass, replace

import numpy as np

from core.model.synchformer.dimensions import (
    CROP_FRAMES,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    SEGMENT_SAMPLES,
    SYNC_SEGMENTS,
    WINDOW_FRAMES,
    WINDOW_SEGMENTS,
)
from core.model.synchformer.offset_classes import OFFSET_GRID_S, class_of
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS

MAX_JITTER_SAMPLES = 800
"""Largest random shift of the audio besides its offset in training: 50 ms."""

SYNCHABLE, UNSYNCHABLE = 1, 0

_SPARE_FRAMES = CROP_FRAMES - WINDOW_FRAMES


class TooShortError(ValueError):
    """A clip is too short for a window; the text states its length."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Segments of a clip.

    Attributes:
        first_frames: (S) first frame of each segment of 16 frames.
        first_samples: (S) first sample of each segment of 10240 samples.
        offset_s: Offset of the audio, without the jitter of training.
        label: Target class: the offset class, or synchronizable (1) or not (0).
    """

    first_frames: tuple[int, ...]
    first_samples: tuple[int, ...]
    offset_s: float
    label: int


def draw_sync(rng: np.random.Generator, n_frames: int, *, jitter: bool = True) -> Cut:
    """Cut a training window of 14 segments at one of the 21 offsets, anywhere in a clip.

    Args:
        rng: Source of offset and place.
        n_frames: Number of frames in the clip.
        jitter: Move the audio by up to 50 ms, without a change of offset and label.

    Raises:
        TooShortError: The clip is too short for the offset.
    """
    offset_s = _draw_grid_offset(rng)
    first_frame, first_sample = _draw_crop(rng, n_frames, CROP_FRAMES, offset_s)
    if jitter:
        first_sample = _jittered(rng, first_sample, n_frames, CROP_FRAMES)
    spare = int(rng.integers(_SPARE_FRAMES + 1))
    return _window(first_frame, first_sample, spare, offset_s)


def random_sync_at_test(rng: np.random.Generator, n_frames: int) -> Cut:
    """Cut a window like `draw_sync`, but from the middle of its crop and without jitter.

    Raises:
        TooShortError: The clip is too short for the offset.
    """
    offset_s = _draw_grid_offset(rng)
    first_frame, first_sample = _draw_crop(rng, n_frames, CROP_FRAMES, offset_s)
    return _window(first_frame, first_sample, _SPARE_FRAMES // 2, offset_s)


def fixed_sync(n_frames: int, start_s: float, offset_s: float) -> Cut:
    """Cut the middle window of the 5 s from `start_s` on, at a given offset.

    Raises:
        TooShortError: The crop reaches beyond the clip.
    """
    first_frame, first_sample = crop_start(start_s, offset_s)
    if first_sample < 0:
        if first_sample < -SAMPLES_PER_FRAME:
            raise TooShortError(
                f"at an offset of {offset_s:+} s, the audio of a start at {start_s} s would begin "
                "before the clip"
            )
        first_sample = 0
    n_needed = max(first_frame, -(-first_sample // SAMPLES_PER_FRAME)) + CROP_FRAMES
    if n_needed > n_frames:
        raise TooShortError(
            f"it has {n_frames / VIDEO_FPS:.2f} s, but {n_needed / VIDEO_FPS:.2f} s are needed for "
            f"a start of {start_s} s and an offset of {offset_s:+} s"
        )
    return _window(first_frame, first_sample, _SPARE_FRAMES // 2, round(offset_s, 2))


def crop_start(start_s: float, offset_s: float) -> tuple[int, int]:
    """First frame and first sample of a crop; the sample may be negative.

    The sample follows from the given start, not from the frame. The frame may begin up to 40 ms
    before the start.
    """
    return int(start_s * VIDEO_FPS), int((start_s + round(offset_s, 2)) * AUDIO_RATE_HZ)


def draw_synchability(
    rng: np.random.Generator,
    n_frames: int,
    *,
    n_segments: int = SYNC_SEGMENTS,
    jitter: bool = True,
) -> Cut:
    """Cut a window, half of the time with audio of another time.

    Args:
        rng: Source of offset and place.
        n_frames: Number of frames in the clip.
        n_segments: 13; 14 for windows shared with an offset network.
        jitter: Move the audio by up to 50 ms, as in training.

    Returns:
        A window with label 1 at one of the 21 offsets, or with label 0 and the audio of the time
        just before or after it.

    Raises:
        TooShortError: The clip is too short for audio of another time. It is then refused for both
            labels; else all short clips would have label 1.
    """
    n_needed = window_frames(n_segments)
    n_least = synchability_frames(n_segments)
    if n_frames < n_least:
        raise TooShortError(
            f"it has {n_frames / VIDEO_FPS:.2f} s, but {n_segments} segments and as many of another"
            f" time need {n_least / VIDEO_FPS:.2f} s"
        )
    if rng.random() < 0.5:
        offset_s, label = _draw_grid_offset(rng), SYNCHABLE
    else:
        offset_s = round(n_needed / VIDEO_FPS * float(rng.choice((-1, 1))), 2)
        label = UNSYNCHABLE
    first_frame, first_sample = _draw_crop(rng, n_frames, n_needed, offset_s)
    if jitter:
        first_sample = _jittered(rng, first_sample, n_frames, n_needed)
    return Cut(
        _steps(first_frame, SEGMENT_HOP_FRAMES, n_segments),
        _steps(first_sample, SEGMENT_HOP_FRAMES * SAMPLES_PER_FRAME, n_segments),
        offset_s,
        label,
    )


def draw_contrastive(
    rng: np.random.Generator,
    n_frames: int,
    n_segments: int = WINDOW_SEGMENTS,
    *,
    jitter: bool = True,
) -> Cut:
    """Cut segments without overlap, in sync except for a common jitter.

    Args:
        rng: Source of place and jitter.
        n_frames: Number of frames in the clip.
        n_segments: Number of segments.
        jitter: Move the audio by up to 50 ms.

    Raises:
        TooShortError: The clip is shorter than the segments.
    """
    n_spare = _spare_frames(n_frames, n_segments)
    first_frame = int(rng.integers(n_spare + 1))
    cut = _contrastive(first_frame, n_segments)
    if not jitter:
        return cut
    before = cut.first_samples[0]
    behind = SAMPLES_PER_FRAME * n_frames - (cut.first_samples[-1] + SEGMENT_SAMPLES)
    # Symmetric, hence 0 if the segments fill the clip.
    most = min(MAX_JITTER_SAMPLES, before, behind)
    shift = int(rng.integers(-most, most + 1))
    return replace(cut, first_samples=tuple(first + shift for first in cut.first_samples))


def centred_contrastive(n_frames: int, n_segments: int = WINDOW_SEGMENTS) -> Cut:
    """Cut segments without overlap from the middle of a clip, in sync.

    Raises:
        TooShortError: The clip is shorter than the segments.
    """
    return _contrastive(_spare_frames(n_frames, n_segments) // 2, n_segments)


def window_frames(n_segments: int) -> int:
    """Number of frames of half-overlapping segments: 112 for 13 segments."""
    return SEGMENT_FRAMES + (n_segments - 1) * SEGMENT_HOP_FRAMES


def synchability_frames(n_segments: int) -> int:
    """Number of frames of a window and one of another time beside it: 224 for 13 segments."""
    return 2 * window_frames(n_segments)


def _draw_grid_offset(rng: np.random.Generator) -> float:
    return round(float(rng.choice(OFFSET_GRID_S)), 2)


def _draw_crop(
    rng: np.random.Generator, n_frames: int, n_crop: int, offset_s: float
) -> tuple[int, int]:
    """Draw the first frame and the first sample of a crop inside the clip, at a frame's start."""
    latest_s = (n_frames - n_crop) / VIDEO_FPS
    low_s, high_s = max(0.0, -offset_s), min(latest_s, latest_s - offset_s)
    if latest_s <= 0 or high_s < low_s:
        # The published code fails for a clip of exactly the length of the crop.
        least_s = n_crop / VIDEO_FPS + max(abs(offset_s), 1 / VIDEO_FPS)
        raise TooShortError(
            f"it has {n_frames / VIDEO_FPS:.2f} s, but an offset of {offset_s:+} s needs "
            f"{least_s:.2f} s"
        )
    first_frame = int(rng.uniform(low_s, high_s) * VIDEO_FPS)
    first_sample = int((first_frame / VIDEO_FPS + offset_s) * AUDIO_RATE_HZ)
    # Truncating the start may move the audio before the clip, by less than a frame.
    return first_frame, max(first_sample, 0)


def _jittered(rng: np.random.Generator, first_sample: int, n_frames: int, n_crop: int) -> int:
    latest = SAMPLES_PER_FRAME * (n_frames - n_crop)
    before = min(first_sample, MAX_JITTER_SAMPLES)
    behind = min(latest - first_sample, MAX_JITTER_SAMPLES)
    return first_sample + int(rng.integers(-before, behind + 1))


def _window(first_frame: int, first_sample: int, spare: int, offset_s: float) -> Cut:
    return Cut(
        _steps(first_frame + spare, SEGMENT_HOP_FRAMES, WINDOW_SEGMENTS),
        _steps(
            first_sample + _samples_of(spare),
            SEGMENT_HOP_FRAMES * SAMPLES_PER_FRAME,
            WINDOW_SEGMENTS,
        ),
        offset_s,
        class_of(offset_s),
    )


def _contrastive(first_frame: int, n_segments: int) -> Cut:
    return Cut(
        _steps(first_frame, SEGMENT_FRAMES, n_segments),
        _steps(_samples_of(first_frame), SEGMENT_SAMPLES, n_segments),
        0.0,
        class_of(0.0),
    )


def _spare_frames(n_frames: int, n_segments: int) -> int:
    n_spare = n_frames - n_segments * SEGMENT_FRAMES
    if n_spare < 0:
        raise TooShortError(
            f"it has {n_frames / VIDEO_FPS:.2f} s, but {n_segments} segments need "
            f"{n_segments * SEGMENT_FRAMES / VIDEO_FPS:.2f} s"
        )
    return n_spare


def _steps(first: int, hop: int, n_segments: int) -> tuple[int, ...]:
    return tuple(first + hop * i for i in range(n_segments))


def _samples_of(n_frames: int) -> int:
    return int(n_frames / VIDEO_FPS * AUDIO_RATE_HZ)
