"""Jumps: the division of a clip into pieces of constant offset with the best fit."""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.pooling import CHANGE_COST, WINDOW_S, PooledEvidence, likelihoods
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence, softmax
from core.timing import TimeSpan

LEAST_PIECE_S = 3 * WINDOW_S
"""Minimum length of a piece. Shorter ones are indistinguishable from wrong windows, or from a scene
with motion before or after its sound."""

_CELLS = 2
_TIME_STEP_S = 0.1
_SEARCH_S = 3 * WINDOW_S


@dataclass(frozen=True, slots=True)
class Steps:
    """Piecewise constant offset.

    Attributes:
        score: Log-likelihood relative to that of uninformative windows, less the prior cost of
            offsets and changes.
        score_of_none: Score of the best constant.
        offsets_s: Offset of each piece.
        changes: Clip time from the last bin of a piece to the first bin of the next; one less than
            pieces.
    """

    score: float
    score_of_none: float
    offsets_s: tuple[float, ...]
    changes: tuple[TimeSpan, ...]


def best_steps(pooled: PooledEvidence, least_jump_s: float) -> Steps:
    """Division into constant pieces with the highest score.

    Exact, by dynamic programming over time and offset. In each bin a piece either continues, or a
    new one begins at least `least_jump_s` away and lasts at least `LEAST_PIECE_S`. The cost of a
    jump is the logarithm of the number of possible times and offsets, plus `CHANGE_COST`.
    """
    coarse = pooled.coarse(_CELLS)
    gains, times_s = coarse.gains.astype(np.float64), coarse.times_s
    n_offsets = len(coarse.axis_s)
    n_least = max(2, math.ceil(LEAST_PIECE_S / float(np.median(np.diff(times_s)))))
    distance = max(1, math.ceil(least_jump_s / (_CELLS * AXIS_STEP_S) - 1e-6))
    cost = math.log(max(2.0, pooled.weights.sum())) + math.log(n_offsets) + CHANGE_COST
    until = np.vstack([np.zeros(n_offsets), gains.cumsum(axis=0)])
    value = until[1:].copy()
    is_new = np.zeros(gains.shape, np.bool_)
    for now in range(2 * n_least - 1, len(gains)):
        stayed = value[now - 1] + gains[now]
        entered = _best_distant(value[now - n_least], distance) - cost
        entered += until[now + 1] - until[now + 1 - n_least]
        is_new[now] = entered > stayed
        value[now] = np.maximum(stayed, entered)
    ends, indices = [len(gains)], [int(value[-1].argmax())]
    now = len(gains) - 1
    while now >= 0:
        if not is_new[now, indices[0]]:
            now -= 1
            continue
        now -= n_least
        before = value[now].copy()
        before[max(0, indices[0] - distance + 1) : indices[0] + distance] = -math.inf
        ends.insert(0, now + 1)
        indices.insert(0, int(before.argmax()))
    return Steps(
        score=float(value[-1].max()) - math.log(n_offsets),
        score_of_none=float(until[-1].max()) - math.log(n_offsets),
        offsets_s=tuple(float(coarse.axis_s[i]) for i in indices),
        changes=tuple(TimeSpan(float(times_s[n - 1]), float(times_s[n])) for n in ends[:-1]),
    )


def change_time(
    evidence: Sequence[OffsetEvidence],
    within: TimeSpan,
    offsets_s: tuple[float, float],
    level: float,
) -> tuple[float, float]:
    """Clip time of a jump between two offsets, and its margin.

    A window across the jump supports both offsets, each in proportion to its time.

    Args:
        evidence: Evidence of the windows around the jump.
        within: Range of the search.
        offsets_s: Offset before and after.
        level: Probability that the jump lies within the margin.
    """
    around = [
        e
        for e in evidence
        if within.start_s <= e.window.span.end_s and e.window.span.start_s <= within.end_s
    ]
    axis_s = around[0].axis_s
    likelihood = likelihoods(around)
    before, after = (likelihood[:, int(np.abs(axis_s - o).argmin())] for o in offsets_s)
    starts_s = np.array([e.window.span.start_s for e in around])
    durations_s = np.array([e.window.span.duration_s for e in around])
    times_s = np.arange(within.start_s, within.end_s, _TIME_STEP_S)
    shares = np.clip((times_s[:, None] - starts_s) / durations_s, 0, 1)
    total = np.log(shares * before + (1 - shares) * after).sum(axis=1)
    total *= _independence(starts_s, durations_s)
    weights = softmax(total)
    time_s = float((times_s * weights).sum())
    distances_s = np.abs(times_s - time_s)
    order = np.argsort(distances_s)
    n_inside = int(np.searchsorted(weights[order].cumsum(), level))
    margin_s = float(distances_s[order[min(n_inside, len(order) - 1)]])
    return time_s, max(margin_s, _TIME_STEP_S)


def search_spans(changes: Sequence[TimeSpan], span: TimeSpan) -> list[TimeSpan]:
    """Possible clip time of each change: at most up to the middle of the pieces beside it.

    A gap between the windows of two pieces belongs to it entirely, however long.
    """
    borders_s = (span.start_s, *(change.centre_s for change in changes), span.end_s)
    middles_s = [(a + b) / 2 for a, b in pairwise(borders_s)]
    return [
        TimeSpan(
            min(near.start_s, max(low_s, near.start_s - _SEARCH_S)),
            max(near.end_s, min(high_s, near.end_s + _SEARCH_S)),
        )
        for near, (low_s, high_s) in zip(changes, pairwise(middles_s), strict=True)
    ]


def _independence(starts_s: NDArray[np.float64], durations_s: NDArray[np.float64]) -> float:
    """Ratio of covered time to total window time, the weight of an overlapping window."""
    covered_s = float(starts_s[-1] + durations_s[-1] - starts_s[0])
    return min(1.0, covered_s / float(durations_s.sum()))


def _best_distant(value: NDArray[np.float64], distance: int) -> NDArray[np.float64]:
    """Largest value, (M,), at least `distance` away from each index."""
    best = np.full(len(value), -math.inf)
    if distance < len(value):
        best[distance:] = np.maximum.accumulate(value)[:-distance]
        above = np.maximum.accumulate(value[::-1])[::-1]
        best[:-distance] = np.maximum(best[:-distance], above[distance:])
    return best
