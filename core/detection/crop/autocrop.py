"""Planning where a network with a square view looks: at what moves with the sound.

One decoding pass, without a network. Faces are not looked for: OpenCV brings no weights of a face
detector along.
"""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.detection.activity import ActivityMeter
from core.detection.config import DetectionConfig
from core.detection.crop.action import ActionMeter, ShotAction
from core.detection.crop.framing import best_squares, source_maps
from core.detection.crop.plan import (
    CENTRE,
    CropPlan,
    ShotSquare,
    Square,
    centre_square,
    stated_square,
)
from core.detection.evidence import OffsetEvidence
from core.media.decode import ClipDecoder
from core.media.info import MediaInfo
from core.model.config import CROP_FRAMES
from core.progress import Monitor, Progress
from core.timing import AUDIO_RATE_HZ, VIDEO_FPS

STAGE = "Looking for what is heard"

MOST_SQUARES = 3
"""Squares of a shot with "multi"."""


def plan_crops(
    info: MediaInfo,
    video_stream_index: int,
    audio_stream_index: int,
    config: DetectionConfig,
    monitor: Monitor,
) -> tuple[CropPlan, ...]:
    """Plan the squares of a clip, or of the region asked for, by the rule `config.crop`.

    All squares have the side that the networks were trained with, 224 px of a short side of 256,
    unless another is stated.

    Args:
        info: The probed file.
        video_stream_index: Stream of the container.
        audio_stream_index: Stream of the container.
        config: The rule, the region, the range of lags and the simulated offset.
        monitor: Told how far the pass is, and asked whether the work is still wanted.

    Returns:
        One plan, or with "multi" up to three; the first is the best one.

    Raises:
        MediaError: Picture or sound cannot be decoded.
        Cancelled: The work is no longer wanted.
    """
    if config.crop == "centre":
        return (CENTRE,)
    start_s = config.start_s if config.window_start_s is None else config.window_start_s
    first_frame = int(start_s * VIDEO_FPS)
    stated = stated_square(config.crop)
    decoder = ClipDecoder(
        info,
        video_stream_index=video_stream_index,
        audio_stream_index=audio_stream_index,
        audio_shift_samples=int(round(config.simulate_offset_s, 2) * AUDIO_RATE_HZ),
        first_frame=first_frame,
        n_frames=1 if stated else _n_frames(config, first_frame),
        monitor=monitor,
    )
    n_expected = _n_frames(config, first_frame) or round(info.duration_s * VIDEO_FPS) - first_frame
    actions, size = _survey(decoder, config.range_s, max(1, n_expected), monitor)
    if stated:
        return (_plan([(first_frame, stated.within(*size))], size),) if any(size) else (CENTRE,)
    return _ranked_plans(actions, size, MOST_SQUARES if config.crop == "multi" else 1)


def merge_squares(evidence_per_plan: Sequence[Sequence[OffsetEvidence]]) -> list[OffsetEvidence]:
    """Make one piece of evidence of each window that was looked at through several squares.

    What is heard is in one of them, and nobody knows in which: the likelihood is the mean of
    theirs, each relative to its own mean over all offsets. All else is that of the square that says
    most.

    Args:
        evidence_per_plan: At least one plan; all have the same windows in the same order.

    Raises:
        ValueError: The plans have different windows.
    """
    merged = []
    for same in zip(*evidence_per_plan, strict=True):
        if len({item.window for item in same}) != 1:
            raise ValueError(f"expected one window, got {[item.window for item in same]}")
        stacked = np.stack([item.log_likelihood for item in same]).astype(np.float64)
        relative = stacked - np.logaddexp.reduce(stacked, axis=1, keepdims=True)
        relative += math.log(stacked.shape[1])
        mixture = np.logaddexp.reduce(relative, axis=0) - math.log(len(same))
        best = same[int(relative.max(axis=1).argmax())]
        merged.append(replace(best, log_likelihood=mixture.astype(np.float32)))
    return merged


def _survey(
    decoder: ClipDecoder, range_s: float, n_expected: int, monitor: Monitor
) -> tuple[tuple[ShotAction, ...], tuple[int, int]]:
    """Return what moves in each shot, nothing in a silent or still clip, and the picture's size."""
    activity, meter = ActivityMeter(), ActionMeter(range_s)
    n_done, size = 0, (0, 0)
    with decoder:
        for chunk in decoder:
            height_px, width_px = chunk.frames.shape[1:3]
            size = (width_px, height_px)
            activity.measure(chunk)
            meter.consume(chunk)
            n_done += len(chunk.frames)
            monitor.report(Progress(STAGE, min(1.0, n_done / n_expected)))
    return () if activity.obstacle else meter.finish(), size


def _n_frames(config: DetectionConfig, first_frame: int) -> int | None:
    if config.window_start_s is not None:
        return CROP_FRAMES
    if config.end_s is None:
        return None
    return max(1, math.ceil(config.end_s * VIDEO_FPS) - first_frame)


def _ranked_plans(
    actions: Sequence[ShotAction], size: tuple[int, int], n_most: int
) -> tuple[CropPlan, ...]:
    found = [best_squares(source, *size, n_most) for source in source_maps(actions)]
    plans = []
    for rank in range(max([1, *map(len, found)])):
        # A shot with fewer squares shows its best one again.
        squares = [
            (action.first_frame, ranked[rank if rank < len(ranked) else 0])
            for action, ranked in zip(actions, found, strict=True)
        ]
        plans.append(_plan(squares, size))
    return tuple(plans)


def _plan(squares: Sequence[tuple[int, Square]], size: tuple[int, int]) -> CropPlan:
    """Put squares of shots together; the centre is named None and equal neighbours are one."""
    shots: list[ShotSquare] = []
    for first_frame, square in squares:
        named = None if square == centre_square(*size) else square
        if not shots or shots[-1].square != named:
            # Whatever lies before the first shot that could be judged looks like it.
            shots.append(ShotSquare(first_frame if shots else 0, named))
    if all(shot.square is None for shot in shots):
        return CENTRE
    return CropPlan(tuple(shots))
