"""Where a window of a clip begins, in picture and sound: the arithmetic of the published recipes.

Positions count frames and samples of a `Clip`. Seconds become counts by cutting off, not by
rounding, in float64: 1.16 s is frame 28, since 1.16 * 25 is a little less than 29. Follows
dataset/transforms.py of github.com/v-iashin/Synchformer at b66668a; written anew. The sign of an
offset is that of `core.timing`: positive takes sound from later in the clip.
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
"""Most that sound is moved besides its offset in training: 50 ms."""

SYNCHABLE, UNSYNCHABLE = 1, 0

_SPARE_FRAMES = CROP_FRAMES - WINDOW_FRAMES


class TooShortError(ValueError):
    """A clip has no place for what is to be cut from it; its text says how long it is."""


@dataclass(frozen=True, slots=True)
class Cut:
    """Segments of a clip.

    Attributes:
        first_frames: (S) of each segment of 16 frames.
        first_samples: (S) of each segment of 10240 samples.
        offset_s: By how much the sound is early against the picture, but for the jitter of
            training.
        label: What is to be found: the class of the offset, or whether the segments can be
            synchronized at all (1) or not (0).
    """

    first_frames: tuple[int, ...]
    first_samples: tuple[int, ...]
    offset_s: float
    label: int


def draw_sync(rng: np.random.Generator, n_frames: int, *, jitter: bool = True) -> Cut:
    """Cut a training window of 14 segments at one of the 21 offsets, somewhere in a clip.

    Args:
        rng: Draws everything.
        n_frames: Of the clip.
        jitter: Move the sound by up to 50 ms, which changes neither offset nor label.

    Raises:
        TooShortError: There is no place in the clip for that offset.
    """
    offset_s = _draw_grid_offset(rng)
    crop = _draw_crop(rng, n_frames, CROP_FRAMES, offset_s)
    first_sample = crop.first_sample
    if jitter:
        first_sample = _jittered(rng, first_sample, n_frames, CROP_FRAMES)
    spare = int(rng.integers(_SPARE_FRAMES + 1))
    return _window(crop.first_frame, first_sample, spare, offset_s)


def random_sync_at_test(rng: np.random.Generator, n_frames: int) -> Cut:
    """Cut a window like `draw_sync`, but the middle of its crop, and without jitter.

    Raises:
        TooShortError: There is no place in the clip for that offset.
    """
    offset_s = _draw_grid_offset(rng)
    crop = _draw_crop(rng, n_frames, CROP_FRAMES, offset_s)
    return _window(crop.first_frame, crop.first_sample, _SPARE_FRAMES // 2, offset_s)


def fixed_sync(n_frames: int, start_s: float, offset_s: float) -> Cut:
    """Cut the middle window of the 5 s from `start_s` on, at a given offset.

    Raises:
        TooShortError: The crop does not lie in the clip.
    """
    first_frame, first_sample = crop_start(start_s, offset_s)
    if first_sample < 0:
        if first_sample < -SAMPLES_PER_FRAME:
            raise TooShortError(
                f"the sound of {start_s} s at an offset of {offset_s:+} s would begin before the "
                "clip"
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
    """Return the first frame and the first sample of a crop; the sample may be negative.

    The sample follows from the start that was asked for, not from the frame, which may lie up to
    40 ms before it.
    """
    return int(start_s * VIDEO_FPS), int((start_s + round(offset_s, 2)) * AUDIO_RATE_HZ)


def draw_synchability(
    rng: np.random.Generator,
    n_frames: int,
    *,
    n_segments: int = SYNC_SEGMENTS,
    jitter: bool = True,
) -> Cut:
    """Cut a window that, half of the time, has a sound that was never heard with its picture.

    Args:
        rng: Draws everything.
        n_frames: Of the clip.
        n_segments: 13; 14 where the offset is to be found from the same window.
        jitter: Move the sound a little, as in training.

    Returns:
        A window whose label is 1 if picture and sound overlap, at one of the 21 offsets, and 0 if
        the sound is that of the time just before or after it.

    Raises:
        TooShortError: The clip has no place for a sound of another time. It has then none for an
            offset either, since short clips would all have the label 1.
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
    crop = _draw_crop(rng, n_frames, n_needed, offset_s)
    first_sample = crop.first_sample
    if jitter:
        first_sample = _jittered(rng, first_sample, n_frames, n_needed)
    return Cut(
        _steps(crop.first_frame, SEGMENT_HOP_FRAMES, n_segments),
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
    """Cut segments that do not overlap, in sync but for a jitter that all of them share.

    Args:
        rng: Draws everything.
        n_frames: Of the clip.
        n_segments: How many.
        jitter: Move the sound by up to 50 ms.

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
    # As many to either side, so that it is none where the segments fill the clip.
    most = min(MAX_JITTER_SAMPLES, before, behind)
    shift = int(rng.integers(-most, most + 1))
    return replace(cut, first_samples=tuple(first + shift for first in cut.first_samples))


def centred_contrastive(n_frames: int, n_segments: int = WINDOW_SEGMENTS) -> Cut:
    """Cut segments that do not overlap from the middle of a clip, in sync.

    Raises:
        TooShortError: The clip is shorter than the segments.
    """
    return _contrastive(_spare_frames(n_frames, n_segments) // 2, n_segments)


def window_frames(n_segments: int) -> int:
    """Return how many frames half-overlapping segments cover: 112 for 13 of them."""
    return SEGMENT_FRAMES + (n_segments - 1) * SEGMENT_HOP_FRAMES


def synchability_frames(n_segments: int) -> int:
    """Return how many frames a window and one of another time beside it cover: 224 for 13."""
    return 2 * window_frames(n_segments)


@dataclass(frozen=True, slots=True)
class _Crop:
    first_frame: int
    first_sample: int


def _draw_grid_offset(rng: np.random.Generator) -> float:
    return round(float(rng.choice(OFFSET_GRID_S)), 2)


def _draw_crop(rng: np.random.Generator, n_frames: int, n_crop: int, offset_s: float) -> _Crop:
    """Place a crop so that its sound, too, lies in the clip; it begins with a frame."""
    latest_s = (n_frames - n_crop) / VIDEO_FPS
    low_s, high_s = max(0.0, -offset_s), min(latest_s, latest_s - offset_s)
    if latest_s <= 0 or high_s < low_s:
        # The published recipe fails for a clip of just the length of the crop.
        least_s = n_crop / VIDEO_FPS + max(abs(offset_s), 1 / VIDEO_FPS)
        raise TooShortError(
            f"it has {n_frames / VIDEO_FPS:.2f} s, but an offset of {offset_s:+} s needs "
            f"{least_s:.2f} s"
        )
    first_frame = int(rng.uniform(low_s, high_s) * VIDEO_FPS)
    first_sample = int((first_frame / VIDEO_FPS + offset_s) * AUDIO_RATE_HZ)
    # Cutting off the start may have moved the sound to before the clip, by less than a frame.
    return _Crop(first_frame, max(first_sample, 0))


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
