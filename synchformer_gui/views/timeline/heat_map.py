"""Evidence of all windows as an image over time."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import OffsetEvidence

MAX_COLUMNS = 1200
MIN_COLUMN_S = 0.04


class HeatMap:
    """Columns over time, each filled by the window with the nearest centre.

    Brightness is the square root of the probability of an offset relative to the largest
    probability of all windows. The square root keeps weak windows visible.

    Args:
        duration_s: Duration of the clip in seconds.
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
        """Add windows, in any order."""
        for one in evidence:
            if not len(self.axis_s):
                self.axis_s = one.axis_s
                self._columns = np.full((len(one.axis_s), len(self._times_s)), np.nan, np.float32)
            span = one.window.span
            distances_s = np.abs(self._times_s - span.centre_s)
            # Columns outside of all windows stay unknown.
            is_nearest = distances_s < np.minimum(self._distances_s, span.duration_s / 2)
            self._distances_s[is_nearest] = distances_s[is_nearest]
            self._columns[:, is_nearest] = one.probabilities[:, None]
            self._last_centre_s = max(self._last_centre_s, span.centre_s)

    def image(self, *, is_complete: bool) -> NDArray[np.float32]:
        """Brightness (M, T) in 0..1 over offsets and time; NaN where nothing is known.

        Args:
            is_complete: All windows were added. Otherwise the image ends at the centre of the last
                window instead of its end.
        """
        image = self._columns.copy()
        if not is_complete:
            image[:, self._times_s >= self._last_centre_s] = np.nan
        if np.isfinite(image).any():
            image = np.sqrt(image / np.nanmax(image))
        return image
