"""Looks for the straight line through the evidence that explains the windows best."""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.pooling import SURPRISE, Pooled
from core.detection.sync_map import AUDIO_LENGTHS, Interval
from core.timing import TimeSpan

MAX_RATE = 0.1
"""Largest drift that is looked for, in seconds per second: 48 kHz taken for 44.1 kHz is 0.088."""

_MAX_OFFSETS = 400
_REACH_S = 0.12
_N_GRID = 61


@dataclass(frozen=True, slots=True)
class Line:
    """A drift.

    Attributes:
        gain: Its log-likelihood relative to "tells nothing".
        cost: The logarithm of how many lines are as likely beforehand, and `SURPRISE`.
        span: Clip time over which it stays within the range of offsets.
        start_offset_s: At the start of the span; expected value.
        end_offset_s: At its end.
        start_interval_s: Central interval at the level asked for.
        end_interval_s: Likewise.
        rate: Change of the offset in seconds per second.
        rate_interval: Likewise.
    """

    gain: float
    cost: float
    span: TimeSpan
    start_offset_s: float
    end_offset_s: float
    start_interval_s: Interval
    end_interval_s: Interval
    rate: float
    rate_interval: Interval

    @property
    def score(self) -> float:
        return self.gain - self.cost

    @property
    def is_solid(self) -> bool:
        """Whether it is more than chance among windows that have nothing in common.

        What is wrong in a window is wrong in all that overlap it, so twice as long.
        """
        return self.gain > 2 * self.cost


def best_line(pooled: Pooled, level: float) -> Line:
    """Return the line with the highest score; it may be level.

    All lines are tried on a grid so fine that one of them is nowhere farther than a cell from the
    true one; those that leave the range gain nothing outside of it. Around the best one the
    likelihood is then evaluated on a finer grid, whose moments are the answer.

    Args:
        pooled: The evidence, at least two bins.
        level: Probability mass of the intervals.
    """
    rate, middle_s, n_lines = _coarse_line(pooled)
    times_s = pooled.times_s
    at_middle = (times_s[0] + times_s[-1]) / 2
    offsets_s = middle_s + rate * (times_s - at_middle)
    # The coarse grid reaches beyond the range by half a step.
    half_step_s = (pooled.axis_s[1] - pooled.axis_s[0]) / 2 + 1e-9
    is_seen = (offsets_s >= pooled.axis_s[0] - half_step_s) & (
        offsets_s <= pooled.axis_s[-1] + half_step_s
    )
    seen_s = times_s[is_seen]
    span = TimeSpan(float(seen_s[0]), float(seen_s[-1]))
    centre_s = middle_s + rate * (span.centre_s - at_middle)
    rise_s = rate * span.duration_s / 2
    step_s = _cell_s(pooled)
    for reach_s in (max(_REACH_S, 3 * step_s), _REACH_S):
        grid = np.linspace(-reach_s, reach_s, _N_GRID)
        total = _along_lines(pooled, span, centre_s + grid, rise_s + grid)
        best_rise, best_centre = np.unravel_index(int(total.argmax()), total.shape)
        best = (centre_s + grid[best_centre], rise_s + grid[best_rise])
        if reach_s > _REACH_S:
            centre_s, rise_s = best
    weight = np.exp(total - total.max())
    weight /= weight.sum()
    rises_s, centres_s = np.meshgrid(rise_s + grid, centre_s + grid, indexing="ij")
    per_second = 2 / max(span.duration_s, step_s)
    return Line(
        gain=float(total.max()),
        cost=math.log(n_lines) + SURPRISE,
        span=span,
        start_offset_s=float(((centres_s - rises_s) * weight).sum()),
        end_offset_s=float(((centres_s + rises_s) * weight).sum()),
        start_interval_s=_interval(centres_s - rises_s, weight, level),
        end_interval_s=_interval(centres_s + rises_s, weight, level),
        rate=float((rises_s * weight).sum()) * per_second,
        rate_interval=_interval(rises_s * per_second, weight, level),
    )


def _cell_s(pooled: Pooled) -> float:
    return _cells(pooled) * float(pooled.axis_s[1] - pooled.axis_s[0])


def _cells(pooled: Pooled) -> int:
    """Return how many offsets make a cell of the coarse grid."""
    return max(2, round(len(pooled.axis_s) / _MAX_OFFSETS))


def _coarse_line(pooled: Pooled) -> tuple[float, float, int]:
    """Return rate, offset at the middle of the clip and how many lines are as likely beforehand."""
    coarse, cell_s = pooled.coarse(_cells(pooled)), _cell_s(pooled)
    n_offsets = len(coarse.axis_s)
    times_s = coarse.times_s - (coarse.times_s[0] + coarse.times_s[-1]) / 2
    rates = _rates(float(times_s[-1] - times_s[0]), n_offsets * cell_s, cell_s)
    best, found = -math.inf, (0.0, 0.0, 1)
    for rate, n_rates in rates:
        # Sound of offset x at time t belongs to the line that has x - rate t at the middle.
        shifts = np.rint(-rate * times_s / cell_s).astype(int)
        lowest = int(shifts.min())
        total = np.zeros(n_offsets + int(shifts.max()) - lowest, np.float32)
        for shift, gain in zip((shifts - lowest).tolist(), coarse.gains, strict=True):
            total[shift : shift + n_offsets] += gain
        n_lines = len(total) * n_rates
        total[_meeting_nothing(shifts - lowest, n_offsets, len(total))] = -math.inf
        score = float(total.max()) - math.log(n_lines)
        if score > best:
            middle_s = coarse.axis_s[0] + (int(total.argmax()) + lowest) * cell_s
            best, found = score, (float(rate), float(middle_s), n_lines)
    return found


def _meeting_nothing(shifts: NDArray[np.int_], n_offsets: int, n_lines: int) -> NDArray[np.bool_]:
    """Return (L,), which lines are out of range in every bin.

    Steep ones can be, where bins lie far apart.

    Args:
        shifts: (N,) first of the `n_offsets` neighbouring lines that meet a bin.
        n_offsets: Number of offsets of a bin.
        n_lines: Number of lines.
    """
    begun = np.bincount(shifts, minlength=n_lines + 1)
    ended = np.bincount(shifts + n_offsets, minlength=n_lines + 1)
    nothing: NDArray[np.bool_] = (begun - ended).cumsum()[:-1] == 0
    return nothing


def _rates(duration_s: float, reach_s: float, cell_s: float) -> list[tuple[float, int]]:
    """Return the rates to try, and how many are as likely as each.

    They are evenly spaced as far as lines stay in sight, then by ratios. As likely are all that are
    no steeper; of those that known causes make, no more than these.
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


def _along_lines(
    pooled: Pooled, span: TimeSpan, centres_s: NDArray[np.float64], rises_s: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (R, C), the gain along each line.

    Args:
        pooled: The evidence.
        span: What of it lines run through.
        centres_s: (C,) offsets at the centre of the span.
        rises_s: (R,) by which they are exceeded at its end.
    """
    is_inside = (pooled.times_s >= span.start_s) & (pooled.times_s <= span.end_s)
    gains = pooled.gains[is_inside]
    half_s = max(span.duration_s / 2, 1e-9)
    places = (pooled.times_s[is_inside] - span.centre_s) / half_s
    rows = np.arange(len(gains))[:, None]
    step_s, last = pooled.axis_s[1] - pooled.axis_s[0], len(pooled.axis_s) - 1
    totals = np.zeros((len(rises_s), len(centres_s)))
    for number, rise_s in enumerate(rises_s):
        position = (centres_s + (rise_s * places)[:, None] - pooled.axis_s[0]) / step_s
        below = np.clip(position.astype(int), 0, last - 1)
        share = position - below
        value = (1 - share) * gains[rows, below] + share * gains[rows, below + 1]
        totals[number] = np.where((position >= 0) & (position <= last), value, 0).sum(axis=0)
    return totals


def _interval(
    values: NDArray[np.float64], weight: NDArray[np.float64], level: float
) -> tuple[float, float]:
    order = np.argsort(values, axis=None)
    reached = weight.ravel()[order].cumsum()
    borders = np.searchsorted(reached, [(1 - level) / 2, (1 + level) / 2])
    low, high = values.ravel()[order[np.minimum(borders, len(order) - 1)]]
    return float(low), float(high)
