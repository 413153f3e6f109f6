"""Planning where a network with a square view looks: at what moves with the sound, and at faces.

One decoding pass, without a network.
"""

from collections.abc import Iterable, Sequence

from core.detection.config import DetectionConfig
from core.detection.crop.framing import best_squares, source_maps
from core.detection.crop.motion_map import ActionMeter, ShotAction
from core.detection.crop_plan import (
    CENTRE,
    CropPlan,
    ShotSquare,
    Square,
    centre_square,
    plan_of,
    stated_square,
)
from core.detection.signals.activity import ActivityMeter
from core.media.decoder import ClipChunk
from core.progress import Monitor, Progress

STAGE = "Looking for what is heard"

MOST_SQUARES = 3
"""Squares of a shot with "multi"."""


def plan_crops(
    chunks: Iterable[ClipChunk], n_frames: int, config: DetectionConfig, monitor: Monitor
) -> tuple[CropPlan, ...]:
    """Plan the squares of a clip, or of a piece of one, by the rule `config.crop`.

    All squares have the side that the networks were trained with, 224 px of a short side of 256,
    unless another is stated.

    Args:
        chunks: The piece, decoded from its beginning; with "centre" nothing is read, and with a
            stated square no more than the first chunk.
        n_frames: About how many analysis frames that is.
        config: The rule and the range of lags.
        monitor: Told how far the pass is.

    Returns:
        One plan, or with "multi" up to three; the first is the best one.
    """
    if config.crop == "centre":
        return (CENTRE,)
    stated = stated_square(config.crop)
    if stated is None:
        actions, size = _survey(chunks, config.range_s, n_frames, monitor)
        return _ranked_plans(actions, size, MOST_SQUARES if config.crop == "multi" else 1)
    for chunk in chunks:
        size = _size(chunk)
        return (_plan([(chunk.first_frame, stated.within(*size))], size),)
    return (CENTRE,)


def _survey(
    chunks: Iterable[ClipChunk], range_s: float, n_frames: int, monitor: Monitor
) -> tuple[tuple[ShotAction, ...], tuple[int, int]]:
    """Return what moves in each shot, nothing in a silent or still clip, and the picture's size."""
    activity, meter = ActivityMeter(), ActionMeter(range_s)
    n_done, size = 0, (0, 0)
    for chunk in chunks:
        size = _size(chunk)
        activity.measure(chunk)
        meter.consume(chunk)
        n_done += 0 if chunk.is_margin else len(chunk.frames)
        monitor.report(Progress(STAGE, min(1.0, n_done / n_frames)))
    return () if activity.obstacle else meter.finish(), size


def _size(chunk: ClipChunk) -> tuple[int, int]:
    height_px, width_px = chunk.frames.shape[1:3]
    return width_px, height_px


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
    """Put squares of shots together; the centre is named None."""
    centre = centre_square(*size)
    # Whatever lies before the first shot that could be judged looks like it.
    return plan_of(
        ShotSquare(first_frame if index else 0, None if square == centre else square)
        for index, (first_frame, square) in enumerate(squares)
    )
