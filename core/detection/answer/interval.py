"""Intervals around an estimate: credible intervals of a posterior, and their minimum width."""

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import AXIS_STEP_S
from core.detection.sync_map import Interval


def shortest_interval(
    axis: NDArray[np.float64], posterior: NDArray[np.float64], level: float
) -> Interval:
    """Shortest interval of offsets with a given probability.

    For one peak this is the highest-density region. For several peaks that region would fall into
    pieces, and their hull would hold far more than the level.

    Args:
        axis: (M,) offsets in seconds, `AXIS_STEP_S` apart.
        posterior: (M,) probabilities.
        level: Probability of the interval.
    """
    until = np.append(0.0, posterior.cumsum())
    ends = np.searchsorted(until, until[:-1] + level * until[-1] - 1e-12)
    n_steps = np.where(ends < len(until), ends - np.arange(len(axis)), len(axis) + 1)
    first = int(n_steps.argmin())
    last = first + int(n_steps[first]) - 1
    return float(axis[first]) - AXIS_STEP_S / 2, float(axis[last]) + AXIS_STEP_S / 2


def central_interval(
    values: NDArray[np.float64], weights: NDArray[np.float64], level: float
) -> Interval:
    """Central interval of weighted values: equal probability is cut off on both sides.

    Args:
        values: Values of any shape.
        weights: Probabilities of the same shape, with the sum 1.
        level: Probability of the interval.
    """
    order = np.argsort(values, axis=None)
    reached = weights.ravel()[order].cumsum()
    borders = np.searchsorted(reached, [(1 - level) / 2, (1 + level) / 2])
    low, high = values.ravel()[order[np.minimum(borders, len(order) - 1)]]
    return float(low), float(high)


def widened(interval: Interval, centre: float, least_margin: float) -> Interval:
    """Extend an interval to at least `least_margin` on either side of its centre."""
    return min(interval[0], centre - least_margin), max(interval[1], centre + least_margin)


def are_disjoint(one: Interval, other: Interval) -> bool:
    """Whether two intervals share no value, so that their estimates differ reliably."""
    return one[1] < other[0] or other[1] < one[0]
