"""Choice of the squares: one decoding pass, without a network.

The motion maps of the shots give the probability that each cell is the audio source. A square is
then chosen to contain as much of that probability as possible.
"""

from collections.abc import Iterable, Sequence

import numpy as np
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.crop.motion_map import MotionMapper, ShotMotion
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
from core.detection.signals.motion import CELL_PX
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import FRAME_SIDE_PX
from core.progress import Monitor, Progress

STAGE = "Looking for the audio source"

MOST_SQUARES = 3
"""Maximum number of squares per shot with "multi"."""

POSITION_STEP_PX = 8
"""Step of the candidate squares."""

MARGIN_PX = 24
"""Margin of a square with reduced weight, except at the border of the frame."""

UNRELATED_LOG_ODDS = 0.0
"""Log-likelihood of an audio source outside of the visible motion, relative to no correlation. Its
probability counts for no square."""

CENTRE_SHARE = 0.7
"""The centre is kept if it holds at least this share of the probability of the best square. The
share is relative, so that weak correlation decides too: a small mouth correlates with the audio
little better than chance."""

FACE_PRIOR = 0.7
"""Prior probability that a face visible all the time is the audio source. It decides where little
motion correlates with the audio; the correlation then decides between several faces."""

OWN_LAG = 0.5
"""Prior probability that the lag of a shot is independent of the lag of the other shots."""

LEAST_SHARE = 0.05
"""Minimum probability that a second or third square adds."""

_MIDDLE_BONUS = 0.05
"""Preference for a square with the audio source in its middle, among nearly equal ones."""


def plan_crops(
    chunks: Iterable[ClipChunk], n_frames: int, config: DetectionConfig, monitor: Monitor
) -> tuple[CropPlan, ...]:
    """Plan the squares of a clip, or of a part of it, by the rule `config.crop`.

    All squares have the side used in training, 224 px of a short side of 256, unless the user
    states another.

    Args:
        chunks: The part, decoded from its start. Nothing is read for "centre", and only the first
            chunk for a stated square.
        n_frames: Approximate number of analysis frames.
        config: Crop rule and range of offsets.
        monitor: Receives the progress of the pass.

    Returns:
        One plan, or up to three for "multi"; the first one is the best.
    """
    if config.crop == "centre":
        return (CENTRE,)
    stated = stated_square(config.crop)
    if stated is None:
        shots, size = _survey(chunks, config.range_s, n_frames, monitor)
        return _ranked_plans(shots, size, MOST_SQUARES if config.crop == "multi" else 1)
    for chunk in chunks:
        size = _size(chunk)
        return (_plan([(chunk.first_frame, stated.within(*size))], size),)
    return (CENTRE,)


def _survey(
    chunks: Iterable[ClipChunk], range_s: float, n_frames: int, monitor: Monitor
) -> tuple[tuple[ShotMotion, ...], tuple[int, int]]:
    """Motion of each shot, empty for a silent or still clip, and the size of a frame."""
    activity, mapper = ActivityMeter(), MotionMapper(range_s)
    n_done, size = 0, (0, 0)
    for chunk in chunks:
        size = _size(chunk)
        activity.measure(chunk)
        mapper.consume(chunk)
        n_done += 0 if chunk.is_margin else len(chunk.frames)
        monitor.report(Progress(STAGE, min(1.0, n_done / n_frames)))
    return () if activity.obstacle else mapper.finish(), size


def _size(chunk: ClipChunk) -> tuple[int, int]:
    height_px, width_px = chunk.frames.shape[1:3]
    return width_px, height_px


def _ranked_plans(
    shots: Sequence[ShotMotion], size: tuple[int, int], n_most: int
) -> tuple[CropPlan, ...]:
    found = [best_squares(source, *size, n_most) for source in source_maps(shots)]
    plans = []
    for rank in range(max([1, *map(len, found)])):
        # A shot with fewer squares repeats its best one.
        squares = [
            (shot.first_frame, ranked[rank if rank < len(ranked) else 0])
            for shot, ranked in zip(shots, found, strict=True)
        ]
        plans.append(_plan(squares, size))
    return tuple(plans)


def _plan(squares: Sequence[tuple[int, Square]], size: tuple[int, int]) -> CropPlan:
    """Combine the squares of shots; the centre becomes None."""
    centre = centre_square(*size)
    # Frames before the first shot with a square get that square too.
    return plan_of(
        ShotSquare(first_frame if index else 0, None if square == centre else square)
        for index, (first_frame, square) in enumerate(squares)
    )


def source_maps(shots: Sequence[ShotMotion]) -> list[NDArray[np.float64]]:
    """Probability of each cell to be the audio source, (C,) for each shot.

    The sum over cells is the probability of a visible source. Mixture model of a shot: one cell,
    alone or with its surroundings, correlates with the audio at one lag, or none does. Motion
    energy and faces raise the prior of a cell, and the other shots that of a lag.
    """
    joints, lag_likelihoods = [], []
    for shot in shots:
        joint = shot.log_likelihood + np.log(_prior(shot))[..., None]  # (2, C, B)
        joints.append(joint)
        by_lag = np.logaddexp.reduce(joint, axis=(0, 1))
        lag_likelihoods.append(np.logaddexp(by_lag, UNRELATED_LOG_ODDS))
    total = np.sum(lag_likelihoods, axis=0)
    maps = []
    for joint, own in zip(joints, lag_likelihoods, strict=True):
        others = np.exp((total - own) - (total - own).max())
        lag_prior = OWN_LAG / len(own) + (1 - OWN_LAG) * others / others.sum()
        joint = joint + np.log(lag_prior)
        evidence = np.logaddexp(np.logaddexp.reduce(joint, axis=None), UNRELATED_LOG_ODDS)
        maps.append(np.exp(joint - evidence).sum(axis=(0, 2)))
    return maps


def _prior(shot: ShotMotion) -> NDArray[np.float64]:
    """Prior probability of the cells, (2, C), independent of the audio."""
    energy = shot.energy.astype(np.float64) + 1e-9
    prior: NDArray[np.float64] = energy / (len(energy) * energy.sum(axis=1, keepdims=True))
    faces = FACE_PRIOR * shot.faces.astype(np.float64)
    prior *= 1 - faces.sum()
    prior += faces / len(energy)
    return prior


def best_squares(
    source: NDArray[np.float64], width_px: int, height_px: int, n_most: int
) -> list[Square]:
    """Best squares of a shot, each for the probability left over by the ones before.

    The first one is the centre unless another one is clearly better.

    Args:
        source: (C,) probabilities by `source_maps`.
        width_px: Width of a frame.
        height_px: Height of a frame.
        n_most: Maximum number of squares, at least 1.
    """
    centre = centre_square(width_px, height_px)
    lefts, tops = _starts(width_px, centre.left_px), _starts(height_px, centre.top_px)
    across, down = _shares(lefts, width_px), _shares(tops, height_px)
    left = source.reshape(down.shape[1], across.shape[1])
    found: list[Square] = []
    while len(found) < n_most:
        inside = down @ left @ across.T  # (tops, lefts)
        score = inside - _MIDDLE_BONUS * left.sum() * _eccentricity(left, tops, lefts)
        top, column = divmod(int(score.argmax()), len(lefts))
        of_centre = inside[tops.index(centre.top_px), lefts.index(centre.left_px)]
        if found and inside[top, column] < LEAST_SHARE:
            break
        if not found and of_centre >= CENTRE_SHARE * inside[top, column]:
            top, column = tops.index(centre.top_px), lefts.index(centre.left_px)
        found.append(Square(lefts[column], tops[top]))
        left = left * (1 - np.outer(down[top], across[column]))
    return found


def _starts(length_px: int, centre_px: int) -> list[int]:
    last = length_px - FRAME_SIDE_PX
    return sorted({*range(0, last + 1, POSITION_STEP_PX), centre_px, last})


def _shares(starts: Sequence[int], length_px: int) -> NDArray[np.float64]:
    """Weight (P, N) of each cell along one side, for squares with these starts."""
    middles = (np.arange(length_px // CELL_PX) + 0.5) * CELL_PX
    begins = np.array(starts)[:, None]
    ends = begins + FRAME_SIDE_PX
    # No margin where the square touches the border of the frame.
    depth_before = np.where(begins == 0, MARGIN_PX, middles - begins)
    depth_behind = np.where(ends >= length_px, MARGIN_PX, ends - middles)
    shares: NDArray[np.float64] = np.clip(np.minimum(depth_before, depth_behind) / MARGIN_PX, 0, 1)
    return shares


def _eccentricity(
    source: NDArray[np.float64], tops: Sequence[int], lefts: Sequence[int]
) -> NDArray[np.float64]:
    """Distance (tops, lefts) from the middle of a square to the mean source, in square sides."""
    weights = source / (source.sum() + 1e-12)
    rows, columns = (
        (np.arange(length) + 0.5) * CELL_PX - FRAME_SIDE_PX / 2 for length in source.shape
    )
    top, left = float(weights.sum(axis=1) @ rows), float(weights.sum(axis=0) @ columns)
    distances: NDArray[np.float64] = np.hypot(
        (np.array(tops) - top)[:, None], (np.array(lefts) - left)[None]
    )
    return distances / FRAME_SIDE_PX
