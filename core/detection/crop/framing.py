"""Choosing squares of the picture by where something moves with the sound."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detection.crop.motion_map import CELL_PX, ShotAction
from core.detection.crop_plan import Square, centre_square
from core.model.synchformer.dimensions import FRAME_SIDE_PX

POSITION_STEP_PX = 8
"""Distance of the squares that are compared."""

MARGIN_PX = 24
"""What lies nearer to the border of a square counts less, unless the picture ends there as well."""

UNRELATED_LOG_ODDS = 0.0
"""Log-likelihood of "nothing that is seen to move is what is heard"; 0 is that of no correlation.
What a shot owes to it speaks for no square."""

CENTRE_SHARE = 0.7
"""A square takes the place of the centre if what is heard is in the centre with less than so much
of its probability. However little moves with the sound, it is weighed against itself alone: a small
mouth goes with the sound little more than chance does."""

FACE_PRIOR = 0.7
"""Probability that it is a face that is heard where one is seen all the time. It decides where
little moves with the sound, and of several faces which one moves with it."""

OWN_LAG = 0.5
"""Probability that the lag of a shot has nothing to do with that of the other shots."""

LEAST_SHARE = 0.05
"""Least probability that a second or third square adds."""

_MIDDLE_BONUS = 0.05
"""Of squares about as good the one wins that has what is heard in its middle."""


def source_maps(actions: Sequence[ShotAction]) -> list[NDArray[np.float64]]:
    """Return for each shot (C,) probabilities that the cell is where the sound is made.

    They add up to the probability that it is made in the picture at all. A shot is a mixture: one
    of its cells, by itself or with its surroundings, goes with the sound at one of the lags, or
    none does. A cell is the likelier the livelier it is, and if it shows a face. Lags that suit the
    other shots are likelier.
    """
    joints, of_lags = [], []
    for action in actions:
        joint = action.log_likelihood + np.log(_prior(action))[..., None]  # (2, C, B)
        joints.append(joint)
        by_lag = np.logaddexp.reduce(joint, axis=(0, 1))
        of_lags.append(np.logaddexp(by_lag, UNRELATED_LOG_ODDS))
    total = np.sum(of_lags, axis=0)
    maps = []
    for joint, own in zip(joints, of_lags, strict=True):
        others = np.exp((total - own) - (total - own).max())
        lag_prior = OWN_LAG / len(own) + (1 - OWN_LAG) * others / others.sum()
        joint = joint + np.log(lag_prior)
        evidence = np.logaddexp(np.logaddexp.reduce(joint, axis=None), UNRELATED_LOG_ODDS)
        maps.append(np.exp(joint - evidence).sum(axis=(0, 2)))
    return maps


def _prior(action: ShotAction) -> NDArray[np.float64]:
    """Return (2, C) probabilities of the cells, with nothing known of the sound."""
    lively = action.liveliness.astype(np.float64) + 1e-9
    prior: NDArray[np.float64] = lively / (len(lively) * lively.sum(axis=1, keepdims=True))
    faces = FACE_PRIOR * action.faces.astype(np.float64)
    prior *= 1 - faces.sum()
    prior += faces / len(lively)
    return prior


def best_squares(
    source: NDArray[np.float64], width_px: int, height_px: int, n_most: int
) -> list[Square]:
    """Return the best squares of a shot, each for what the ones before leave out.

    The first one is the centre unless another is clearly better.

    Args:
        source: (C,) as of `source_maps`.
        width_px: Of the analysis picture.
        height_px: Likewise.
        n_most: Number of squares at most, at least 1.
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
    """Return (P, N): how much a cell along one side counts for squares that start there."""
    middles = (np.arange(length_px // CELL_PX) + 0.5) * CELL_PX
    begins = np.array(starts)[:, None]
    ends = begins + FRAME_SIDE_PX
    # Nothing is nearer to the border where the picture ends.
    depth_before = np.where(begins == 0, MARGIN_PX, middles - begins)
    depth_behind = np.where(ends >= length_px, MARGIN_PX, ends - middles)
    shares: NDArray[np.float64] = np.clip(np.minimum(depth_before, depth_behind) / MARGIN_PX, 0, 1)
    return shares


def _eccentricity(
    source: NDArray[np.float64], tops: Sequence[int], lefts: Sequence[int]
) -> NDArray[np.float64]:
    """Return (tops, lefts): how far the middle of a square is from that of the source, in sides."""
    weights = source / (source.sum() + 1e-12)
    rows, columns = (
        (np.arange(length) + 0.5) * CELL_PX - FRAME_SIDE_PX / 2 for length in source.shape
    )
    top, left = float(weights.sum(axis=1) @ rows), float(weights.sum(axis=0) @ columns)
    distances: NDArray[np.float64] = np.hypot(
        (np.array(tops) - top)[:, None], (np.array(lefts) - left)[None]
    )
    return distances / FRAME_SIDE_PX
