"""The order in which training goes through clips."""

import numpy as np
from numpy.typing import NDArray

_STREAM = 1


class EpochOrder:
    """Orders of clips, another one in each epoch, each a function of the seed and the epoch alone.

    Drawing the order of a million clips takes as long as making a sample, so the last one is kept.
    """

    def __init__(self, n_items: int, seed: int) -> None:
        self._n_items, self._seed = n_items, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def of(self, epoch: int) -> NDArray[np.int64]:
        """Return the numbers of all clips, (n_items,), in the order of an epoch."""
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed, _STREAM, epoch])
            self._epoch, self._order = epoch, rng.permutation(self._n_items)
        return self._order
