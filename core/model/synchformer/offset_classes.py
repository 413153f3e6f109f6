"""The 21 offset classes."""

import numpy as np
from numpy.typing import NDArray

N_CLASSES = 21
MAX_OFFSET_S = 2.0
STEP_S = 0.2

OFFSET_GRID_S: NDArray[np.float32] = np.linspace(-MAX_OFFSET_S, MAX_OFFSET_S, N_CLASSES).astype(
    np.float32
)
"""Class centres in seconds, (21,); class 10 is 0 s. Positive: the audio is early."""


def class_of(offset_s: float) -> int:
    """Class nearest to an offset in seconds; the first of a tie."""
    return int(np.abs(OFFSET_GRID_S - np.float32(offset_s)).argmin())
