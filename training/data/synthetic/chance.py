"""Random quantities."""

import numpy as np


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Return a value between two positive ones; every octave is as likely."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
