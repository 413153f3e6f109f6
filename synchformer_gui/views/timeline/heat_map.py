"""Turning evidence, window by window, into a picture over time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import OffsetEvidence

MAX_COLUMNS = 1200
MIN_COLUMN_S = 0.04


class HeatMap:
    """Collects evidence as columns over time, each that of the window with the nearest centre.

    Brightness is the probability of an offset relative to the likeliest offset of all windows,
    under a square root so that weak windows remain visible.

    Args:
        duration_s: Length of the clip.
    """

    def __init__(self, duration_s: float) -> None:
        self.duration_s = duration_s
        n_columns = int(min(MAX_COLUMNS, max(1.0, duration_s / MIN_COLUMN_S)))
        self._times_s = (np.arange(n_columns) + 0.5) * (duration_s / n_columns)
        self._distances_s = np.full(n_columns, np.inf)
        self._columns: NDArray[np.float32] = np.zeros((0, n_columns), np.float32)
        self._last_centre_s = 0.0
        self.axis_s: NDArray[np.float64] = np.zeros(0)

    def add(self, evidence: Sequence[OffsetEvidence]) -> None:
        """Take more windows, in any order."""
        for one in evidence:
            if not len(self.axis_s):
                self.axis_s = one.axis_s
                self._columns = np.full((len(one.axis_s), len(self._times_s)), np.nan, np.float32)
            span = one.window.span
            distances_s = np.abs(self._times_s - span.centre_s)
            # Columns that no window covers stay unknown.
            is_nearest = distances_s < np.minimum(self._distances_s, span.duration_s / 2)
            self._distances_s[is_nearest] = distances_s[is_nearest]
            self._columns[:, is_nearest] = one.probabilities[:, None]
            self._last_centre_s = max(self._last_centre_s, span.centre_s)

    def image(self, *, is_complete: bool) -> NDArray[np.float32]:
        """Return (M, T) brightness 0..1 over offsets and time; NaN where nothing is known.

        Args:
            is_complete: Whether all windows have come; otherwise the picture ends with the centre
                of the last one instead of its end.
        """
        image = self._columns.copy()
        if not is_complete:
            image[:, self._times_s >= self._last_centre_s] = np.nan
        if np.isfinite(image).any():
            image = np.sqrt(image / np.nanmax(image))
        return image
