"""Models of an offset that changes: a line (drift) or steps (jumps), fitted to pooled evidence.

Overlapping windows are pooled into time bins first. For a drift, a coarse grid over rate and offset
finds the line, and the likelihood on a fine grid around it gives expected values and intervals.
Jumps divide the clip into pieces of constant offset by dynamic programming.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby, pairwise

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.interval import central_interval
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence, softmax
from core.detection.sync_map import AUDIO_LENGTHS, Interval, Piece
from core.model.synchformer.dimensions import WINDOW_FRAMES
from core.timing import VIDEO_FPS, TimeSpan

WINDOW_S = WINDOW_FRAMES / VIDEO_FPS

BIN_S = 0.96
"""Width of a time bin: three windows at the densest hop."""

MOST_BINS = 1500
"""Maximum number of bins; long clips get wider ones."""

_CHANGE_COST = 5.0
"""Prior cost of a drift or a jump in nats, beside that of its parameters: without a better fit it
is 150 times less likely than a constant."""

_INFORMATIVE = 0.5
"""Prior probability that a window is informative. An uninformative one costs a line no more than
log 2, wherever its peak lies."""

_RESOLUTION_SDS = 1.645
"""Half-width of a 90 % interval of a normal distribution, in standard deviations."""

_MAX_RATE = 0.1
"""Largest drift of the search, in seconds per second: 48 kHz taken for 44.1 kHz is 0.088."""

_MAX_OFFSETS = 400
_REACH_S = 0.12
_N_GRID = 61

LEAST_PIECE_S = 3 * WINDOW_S
"""Minimum length of a piece. Shorter ones are indistinguishable from wrong windows, or from a scene
with motion before or after its sound."""

_CELLS = 2
_TIME_STEP_S = 0.1
_SEARCH_S = 3 * WINDOW_S


@dataclass(frozen=True, slots=True, eq=False)
class PooledEvidence:
    """Evidence of a clip in N time bins.

    Attributes:
        times_s: (N,) clip time of each bin, ascending.
        axis_s: (M,) offsets.
        weights: (N,) independent windows per bin.
        gains: (N, M) float32, log-likelihood of an offset relative to that of an uninformative
            window, times the weight. The sum along a line is the log-likelihood of the line, as if
            windows did not overlap.
    """

    times_s: NDArray[np.float64]
    axis_s: NDArray[np.float64]
    weights: NDArray[np.float64]
    gains: NDArray[np.float32]

    def coarse(self, n_cells: int) -> "PooledEvidence":
        """Same evidence with every `n_cells` neighbouring offsets merged into one."""
        n_kept = len(self.axis_s) // n_cells * n_cells
        weights = self.weights[:, None].astype(np.float32)
        cells = np.exp(self.gains[:, :n_kept] / weights).reshape(len(self.gains), -1, n_cells)
        axis_s = self.axis_s[:n_kept].reshape(-1, n_cells).mean(axis=1)
        gains = np.log(cells.mean(axis=2)) * weights
        return PooledEvidence(self.times_s, axis_s, self.weights, gains)


def pool(evidence: Sequence[OffsetEvidence]) -> PooledEvidence:
    """Pool the evidence of windows, in any order and at any distance."""
    ordered = sorted(evidence, key=lambda item: item.window.first_frame)
    extent_s = ordered[-1].window.span.centre_s - ordered[0].window.span.centre_s
    bin_s = max(BIN_S, extent_s / MOST_BINS)
    groups = [
        tuple(group)
        for _, group in groupby(ordered, lambda item: int(item.window.span.centre_s / bin_s))
    ]
    times_s = np.array([float(np.mean([e.window.span.centre_s for e in g])) for g in groups])
    half = np.minimum(np.diff(times_s) / 2, WINDOW_S / 2)
    weights = (np.append(half, WINDOW_S / 2) + np.append(WINDOW_S / 2, half)) / WINDOW_S
    gains = [
        weight * np.log(likelihoods(group)).mean(axis=0)
        for weight, group in zip(weights, groups, strict=True)
    ]
    return PooledEvidence(times_s, evidence[0].axis_s, weights, np.stack(gains).astype(np.float32))


def likelihoods(evidence: Sequence[OffsetEvidence]) -> NDArray[np.float64]:
    """Likelihoods, (W, M), of each window relative to that of an uninformative window.

    Peaks are blurred by the resolution of the evidence, the limit of their reliability.
    """
    sd_steps = max(item.resolution_s for item in evidence) / _RESOLUTION_SDS / AXIS_STEP_S
    reach = int(np.ceil(3 * sd_steps))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sd_steps) ** 2)
    probabilities = np.stack([item.probabilities for item in evidence])
    n_offsets = probabilities.shape[1]
    padded = np.pad(probabilities, ((0, 0), (reach, reach)), mode="edge")
    blurred = sum(
        share * padded[:, first : first + n_offsets]
        for first, share in enumerate(kernel / kernel.sum())
    )
    relative: NDArray[np.float64] = _INFORMATIVE * n_offsets * blurred + (1 - _INFORMATIVE)
    return relative


@dataclass(frozen=True, slots=True)
class Line:
    """A drift.

    Attributes:
        gain: Log-likelihood relative to that of uninformative windows.
        cost: Prior cost: logarithm of the number of equally likely lines, plus `_CHANGE_COST`.
        piece: Clip time with an offset inside the range, and at its start and end the expected
            offset and the central interval.
        rate: Expected change of the offset, in seconds per second.
        rate_interval: Central interval of the rate.
    """

    gain: float
    cost: float
    piece: Piece
    rate: float
    rate_interval: Interval

    @property
    def score(self) -> float:
        return self.gain - self.cost

    @property
    def is_significant(self) -> bool:
        """Whether the fit is better than chance among unrelated windows.

        An error in one window is repeated in all overlapping ones, which doubles its gain.
        """
        return self.gain > 2 * self.cost


def best_line(pooled: PooledEvidence, level: float) -> Line:
    """Line with the highest score; its rate may be 0.

    The coarse grid has a line within one cell of every possible one. Outside of the range a line
    gains nothing.

    Args:
        pooled: Evidence in at least two bins.
        level: Probability of the intervals.
    """
    rate, middle_s, n_lines = _coarse_line(pooled)
    times_s = pooled.times_s
    at_middle = (times_s[0] + times_s[-1]) / 2
    offsets_s = middle_s + rate * (times_s - at_middle)
    # The coarse grid extends half a step beyond the range.
    half_step_s = (pooled.axis_s[1] - pooled.axis_s[0]) / 2 + 1e-9
    is_in_range = (offsets_s >= pooled.axis_s[0] - half_step_s) & (
        offsets_s <= pooled.axis_s[-1] + half_step_s
    )
    covered_s = times_s[is_in_range]
    span = TimeSpan(float(covered_s[0]), float(covered_s[-1]))
    centre_s = middle_s + rate * (span.centre_s - at_middle)
    rise_s = rate * span.duration_s / 2
    step_s = _cell_s(pooled)
    for reach_s in (max(_REACH_S, 3 * step_s), _REACH_S):
        grid = np.linspace(-reach_s, reach_s, _N_GRID)
        total = _line_gains(pooled, span, centre_s + grid, rise_s + grid)
        best_rise, best_centre = np.unravel_index(int(total.argmax()), total.shape)
        best = (centre_s + grid[best_centre], rise_s + grid[best_rise])
        if reach_s > _REACH_S:
            centre_s, rise_s = best
    weights = softmax(total)
    rises_s, centres_s = np.meshgrid(rise_s + grid, centre_s + grid, indexing="ij")
    starts_s, ends_s = centres_s - rises_s, centres_s + rises_s
    per_second = 2 / max(span.duration_s, step_s)
    return Line(
        gain=float(total.max()),
        cost=math.log(n_lines) + _CHANGE_COST,
        piece=Piece(
            span,
            start_offset_s=float((starts_s * weights).sum()),
            end_offset_s=float((ends_s * weights).sum()),
            start_interval_s=central_interval(starts_s, weights, level),
            end_interval_s=central_interval(ends_s, weights, level),
        ),
        rate=float((rises_s * weights).sum()) * per_second,
        rate_interval=central_interval(rises_s * per_second, weights, level),
    )


def _cell_s(pooled: PooledEvidence) -> float:
    return _offsets_per_cell(pooled) * float(pooled.axis_s[1] - pooled.axis_s[0])


def _offsets_per_cell(pooled: PooledEvidence) -> int:
    return max(2, round(len(pooled.axis_s) / _MAX_OFFSETS))


def _coarse_line(pooled: PooledEvidence) -> tuple[float, float, int]:
    """Best rate, its offset at the middle of the clip, and the number of equally likely lines."""
    coarse, cell_s = pooled.coarse(_offsets_per_cell(pooled)), _cell_s(pooled)
    n_offsets = len(coarse.axis_s)
    times_s = coarse.times_s - (coarse.times_s[0] + coarse.times_s[-1]) / 2
    rates = _rates(float(times_s[-1] - times_s[0]), n_offsets * cell_s, cell_s)
    best, found = -math.inf, (0.0, 0.0, 1)
    for rate, n_rates in rates:
        # Offset x at time t lies on the line with the offset x - rate t at the middle.
        shifts = np.rint(-rate * times_s / cell_s).astype(int)
        lowest = int(shifts.min())
        total = np.zeros(n_offsets + int(shifts.max()) - lowest, np.float32)
        for shift, gain in zip((shifts - lowest).tolist(), coarse.gains, strict=True):
            total[shift : shift + n_offsets] += gain
        n_lines = len(total) * n_rates
        total[_outside_all_bins(shifts - lowest, n_offsets, len(total))] = -math.inf
        score = float(total.max()) - math.log(n_lines)
        if score > best:
            middle_s = coarse.axis_s[0] + (int(total.argmax()) + lowest) * cell_s
            best, found = score, (float(rate), float(middle_s), n_lines)
    return found


def _outside_all_bins(shifts: NDArray[np.int_], n_offsets: int, n_lines: int) -> NDArray[np.bool_]:
    """Mask, (L,), of the lines out of range in every bin: steep ones between distant bins.

    The first of the `n_offsets` neighbouring lines that cross a bin is in `shifts`, (N,).
    """
    begun = np.bincount(shifts, minlength=n_lines + 1)
    ended = np.bincount(shifts + n_offsets, minlength=n_lines + 1)
    is_outside: NDArray[np.bool_] = (begun - ended).cumsum()[:-1] == 0
    return is_outside


def _rates(duration_s: float, reach_s: float, cell_s: float) -> list[tuple[float, int]]:
    """Rates of the search, each with the number of equally likely rates.

    Rates are evenly spaced as long as a line stays in range for the whole clip, then by a constant
    ratio. All rates up to the same steepness are equally likely; rates with a known cause only
    compete with each other.
    """
    slowest = min(reach_s / duration_s, _MAX_RATE)
    step = 2 * cell_s / duration_s
    even = np.arange(math.ceil(slowest / step) + 1) * step
    n_steep = math.ceil(math.log(_MAX_RATE / slowest) / (4 * cell_s / reach_s))
    steep = np.geomspace(slowest, _MAX_RATE, n_steep + 1)[1:]
    rates = [(0.0, 1)]
    for number, rate in enumerate(np.concatenate([even[1:], steep]).tolist(), 1):
        rates += [(-rate, 2 * number + 1), (rate, 2 * number + 1)]
    return rates + [(1 - length, len(AUDIO_LENGTHS)) for length in AUDIO_LENGTHS.values()]


def _line_gains(
    pooled: PooledEvidence,
    span: TimeSpan,
    centres_s: NDArray[np.float64],
    rises_s: NDArray[np.float64],
) -> NDArray[np.float64]:
    """Gains, (R, C), along lines over a span.

    A line has its offset at the centre of the span, (C,), and rises from there to the end, (R,).
    """
    is_inside = (pooled.times_s >= span.start_s) & (pooled.times_s <= span.end_s)
    gains = pooled.gains[is_inside]
    half_s = max(span.duration_s / 2, 1e-9)
    positions = (pooled.times_s[is_inside] - span.centre_s) / half_s  # -1..1
    rows = np.arange(len(gains))[:, None]
    step_s, last = pooled.axis_s[1] - pooled.axis_s[0], len(pooled.axis_s) - 1
    totals = np.zeros((len(rises_s), len(centres_s)))
    for number, rise_s in enumerate(rises_s):
        index = (centres_s + (rise_s * positions)[:, None] - pooled.axis_s[0]) / step_s
        below = np.clip(index.astype(int), 0, last - 1)
        share = index - below
        value = (1 - share) * gains[rows, below] + share * gains[rows, below + 1]
        totals[number] = np.where((index >= 0) & (index <= last), value, 0).sum(axis=0)
    return totals


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
    jump is the logarithm of the number of possible times and offsets, plus `_CHANGE_COST`.
    """
    coarse = pooled.coarse(_CELLS)
    gains, times_s = coarse.gains.astype(np.float64), coarse.times_s
    n_offsets = len(coarse.axis_s)
    n_least = max(2, math.ceil(LEAST_PIECE_S / float(np.median(np.diff(times_s)))))
    distance = max(1, math.ceil(least_jump_s / (_CELLS * AXIS_STEP_S) - 1e-6))
    cost = math.log(max(2.0, pooled.weights.sum())) + math.log(n_offsets) + _CHANGE_COST
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


def change_times(
    evidence: Sequence[OffsetEvidence], steps: Steps, span: TimeSpan, level: float
) -> list[tuple[float, float]]:
    """Clip time of each jump, and its margin.

    Args:
        evidence: Evidence of the clip.
        steps: Result of `best_steps`.
        span: Clip time of the evidence.
        level: Probability of the margins.
    """
    return [
        _change_time(evidence, within, offsets_s, level)
        for within, offsets_s in zip(
            _search_spans(steps.changes, span), pairwise(steps.offsets_s), strict=True
        )
    ]


def _change_time(
    evidence: Sequence[OffsetEvidence],
    within: TimeSpan,
    offsets_s: tuple[float, float],
    level: float,
) -> tuple[float, float]:
    """Clip time of a jump between two offsets within a span, and its margin.

    A window across the jump supports both offsets, each in proportion to its time.
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
    # Overlapping windows together count as much as the time that they cover.
    covered_s = float(starts_s[-1] + durations_s[-1] - starts_s[0])
    total *= min(1.0, covered_s / float(durations_s.sum()))
    weights = softmax(total)
    time_s = float((times_s * weights).sum())
    distances_s = np.abs(times_s - time_s)
    order = np.argsort(distances_s)
    n_inside = int(np.searchsorted(weights[order].cumsum(), level))
    margin_s = float(distances_s[order[min(n_inside, len(order) - 1)]])
    return time_s, max(margin_s, _TIME_STEP_S)


def _search_spans(changes: Sequence[TimeSpan], span: TimeSpan) -> list[TimeSpan]:
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


def _best_distant(value: NDArray[np.float64], distance: int) -> NDArray[np.float64]:
    """Largest value, (M,), at least `distance` away from each index."""
    best = np.full(len(value), -math.inf)
    if distance < len(value):
        best[distance:] = np.maximum.accumulate(value)[:-distance]
        above = np.maximum.accumulate(value[::-1])[::-1]
        best[:-distance] = np.maximum(best[:-distance], above[distance:])
    return best
