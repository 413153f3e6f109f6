"""Turning evidence, window by window, into a picture over time."""

from bisect import insort
from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import OffsetEvidence

MAX_COLUMNS = 1200
MIN_COLUMN_S = 0.04


class HeatMap:
    """Collects evidence and paints it as columns, each that of the window with the nearest centre.

    Brightness is the probability of an offset relative to the likeliest offset of all windows,
    under a square root so that weak windows remain visible.

    Args:
        duration_s: Length of the clip.
    """

    def __init__(self, duration_s: float) -> None:
        self.duration_s = duration_s
        n_columns = int(min(MAX_COLUMNS, max(1.0, duration_s / MIN_COLUMN_S)))
        self._times_s = (np.arange(n_columns) + 0.5) * (duration_s / n_columns)
        self._columns: list[tuple[float, int, OffsetEvidence, NDArray[np.float64]]] = []
        self.axis_s: NDArray[np.float64] = np.zeros(0)

    def add(self, evidence: Sequence[OffsetEvidence]) -> None:
        """Take more windows, in any order."""
        for one in evidence:
            self.axis_s = one.axis_s
            centre_s = one.window.span.centre_s
            insort(
                self._columns,
                (centre_s, one.window.index, one, one.probabilities),
                key=lambda column: column[:2],
            )

    def image(self, *, is_complete: bool) -> NDArray[np.float32]:
        """Return (M, T) brightness 0..1 over offsets and time; NaN where nothing is known.

        Args:
            is_complete: Whether all windows have come; otherwise the picture ends with the centre
                of the last one instead of its end.
        """
        image = np.full((len(self.axis_s), len(self._times_s)), np.nan, dtype=np.float32)
        if not self._columns:
            return image
        centres = np.array([column[0] for column in self._columns])
        nearest = np.searchsorted((centres[1:] + centres[:-1]) / 2, self._times_s)
        spans = [self._columns[i][2].window.span for i in (0, -1)]
        end_s = spans[1].end_s if is_complete else spans[1].centre_s
        known = np.flatnonzero((self._times_s >= spans[0].start_s) & (self._times_s < end_s))
        if len(known) == 0:
            return image
        columns = np.stack([self._columns[i][3] for i in nearest[known]], axis=1)
        image[:, known] = np.sqrt(columns / columns.max())
        return image
