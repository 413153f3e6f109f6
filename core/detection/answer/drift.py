"""Drift: the straight line of offset over time with the best fit to the pooled evidence.

A coarse grid over rate and offset finds the line. The likelihood on a fine grid around it gives
expected values and intervals.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.interval import central_interval
from core.detection.answer.pooling import CHANGE_COST, PooledEvidence
from core.detection.evidence import softmax
from core.detection.sync_map import AUDIO_LENGTHS, Interval, Piece
from core.timing import TimeSpan

MAX_RATE = 0.1
"""Largest drift of the search, in seconds per second: 48 kHz taken for 44.1 kHz is 0.088."""

_MAX_OFFSETS = 400
_REACH_S = 0.12
_N_GRID = 61


@dataclass(frozen=True, slots=True)
class Line:
    """A drift.

    Attributes:
        gain: Log-likelihood relative to that of uninformative windows.
        cost: Prior cost: logarithm of the number of equally likely lines, plus `CHANGE_COST`.
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
        cost=math.log(n_lines) + CHANGE_COST,
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

    Args:
        shifts: (N,) first of the `n_offsets` neighbouring lines that cross a bin.
        n_offsets: Number of offsets of a bin.
        n_lines: Number of lines, L.
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
    slowest = min(reach_s / duration_s, MAX_RATE)
    step = 2 * cell_s / duration_s
    even = np.arange(math.ceil(slowest / step) + 1) * step
    n_steep = math.ceil(math.log(MAX_RATE / slowest) / (4 * cell_s / reach_s))
    steep = np.geomspace(slowest, MAX_RATE, n_steep + 1)[1:]
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
    """Gains, (R, C), along lines.

    Args:
        pooled: The evidence.
        span: Clip time of the lines.
        centres_s: (C,) offsets at the centre of the span.
        rises_s: (R,) increases of the offset from the centre to the end of the span.
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
