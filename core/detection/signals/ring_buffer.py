"""Buffer of a signal that grows at its end and forgets its unused past."""

import numpy as np
from numpy.typing import NDArray


class Series:
    """Consecutive values of a signal, kept in the pieces they were appended in.

    Attributes:
        end: Position of the next value.
    """

    def __init__(self) -> None:
        self.end = 0
        self._shape: tuple[int, ...] = ()
        self._pieces: list[tuple[int, NDArray[np.float32]]] = []

    def append(self, values: NDArray[np.float32]) -> None:
        """Add (N, ...) values, all of one shape."""
        self._shape = values.shape[1:]
        self._pieces.append((self.end, values))
        self.end += len(values)

    def keep(self, *spans: tuple[int, int]) -> None:
        """Drop the pieces without a value in any span; a span excludes its end."""
        self._pieces = [
            (start, values)
            for start, values in self._pieces
            if any(start < end and begin < start + len(values) for begin, end in spans)
        ]

    def get(self, begin: int, end: int) -> NDArray[np.float32]:
        """Values from `begin` to before `end`, 0 where none are kept."""
        values = np.zeros((end - begin, *self._shape), np.float32)
        for start, piece in self._pieces:
            low, high = max(begin, start), min(end, start + len(piece))
            if low < high:
                values[low - begin : high - begin] = piece[low - start : high - start]
        return values
