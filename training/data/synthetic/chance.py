"""Random quantities, and irregular times of events; no shift of the sound repeats the rhythm."""

import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.performance import Stage

LEAD_S = 1.0
"""Events extend this long before the clip and beyond its end."""


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from a log-uniform distribution between two positive values."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))


def irregular_times(
    rng: np.random.Generator, stage: Stage, typical_gap_s: float, least_gap_s: float = 0.12
) -> NDArray[np.float64]:
    """Draw ascending event times in seconds of clip time, from before 0 to beyond the end.

    Gaps are log-normal around the tempo of the clip, with runs of quick events and with pauses.

    Args:
        rng: Source of all randomness.
        stage: Canvas and duration.
        typical_gap_s: Median gap; the tempo of the clip lies within a factor of 1.6 of it.
        least_gap_s: Shortest gap.
    """
    tempo_s = typical_gap_s * float(np.exp(rng.uniform(-0.47, 0.47)))
    spread = rng.uniform(0.25, 0.7)
    times = [-LEAD_S + float(rng.uniform(0, tempo_s))]
    while times[-1] < stage.duration_s + LEAD_S:
        gap = tempo_s * float(np.exp(spread * rng.standard_normal()))
        if rng.random() < 0.06:
            gap += float(rng.uniform(0.8, 2.5))
        times.append(times[-1] + max(gap, least_gap_s))
    return np.array(times[:-1])
