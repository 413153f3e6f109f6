"""Signals that grow at their end and are forgotten at their beginning."""

import numpy as np
from numpy.typing import NDArray


class Series:
    """Values that follow each other, each of one or more numbers."""

    def __init__(self) -> None:
        self.start = 0
        self._values: NDArray[np.float32] | None = None

    def append(self, values: NDArray[np.float32]) -> None:
        """Add (N, ...) values, all of one shape."""
        self._values = values if self._values is None else np.concatenate([self._values, values])

    def forget(self, before: int) -> None:
        """Drop the values before a position."""
        if self._values is None:
            return
        n_forgotten = min(max(before - self.start, 0), len(self._values))
        self._values = self._values[n_forgotten:]
        self.start += n_forgotten

    def get(self, begin: int, end: int) -> NDArray[np.float32]:
        """Return the values from `begin` to before `end`, 0 where there are none."""
        shape = () if self._values is None else self._values.shape[1:]
        values = np.zeros((end - begin, *shape), np.float32)
        if self._values is not None:
            low, high = max(begin, self.start), min(end, self.start + len(self._values))
            if low < high:
                known = self._values[low - self.start : high - self.start]
                values[low - begin : high - begin] = known
        return values
