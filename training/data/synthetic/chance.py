"""Random quantities."""

import numpy as np


def log_uniform(rng: np.random.Generator, low: float, high: float) -> float:
    """Draw from a log-uniform distribution between two positive values."""
    return float(np.exp(rng.uniform(np.log(low), np.log(high))))
