"""Times of creatures' calls, and the jerks of their bodies."""

import numpy as np

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import Stage
from training.data.synthetic.scenes import sounds

Span = tuple[float, float, float]
"""Start (s), length (s) and strength of an opening of a mouth."""


def bouts(
    rng: np.random.Generator, starts: sounds.Floats, most: int, gap_s: float
) -> list[tuple[float, float]]:
    """Draw (time, strength) of calls: 1 to `most` calls from every start on."""
    calls: list[tuple[float, float]] = []
    for index, start in enumerate(starts):
        end = starts[index + 1] if index + 1 < len(starts) else np.inf
        time, strength = float(start), log_uniform(rng, 0.35, 1)
        for _ in range(int(rng.integers(1, most + 1))):
            if time > end - gap_s:
                break
            calls.append((time, strength * float(rng.uniform(0.8, 1))))
            time += gap_s * float(np.exp(rng.uniform(-0.35, 0.5)))
    return calls


def jerks(stage: Stage, spans: list[Span], period_s: float) -> sounds.Curve:
    """Swing of a body: a decaying jerk of about 1 at every start."""
    times = sounds.curve_times(stage)
    values = np.zeros(len(times))
    for start, _, strength in spans:
        first = int(np.searchsorted(times, start))
        past = times[first : first + int(4000 * period_s)] - start
        swing = 1.6 * np.exp(-past / (0.5 * period_s)) * np.sin(2 * np.pi * past / period_s)
        values[first : first + len(past)] += strength * swing
    return sounds.Curve(values)
