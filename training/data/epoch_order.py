"""Order of the clips in each epoch of training."""

import numpy as np
from numpy.typing import NDArray

_STREAM = 1


class EpochOrder:
    """Random orders of the clips, functions of the seed and the epoch alone.

    Drawing the order of a million clips takes as long as making a sample, so the last one is
    cached.
    """

    def __init__(self, n_items: int, seed: int) -> None:
        self._n_items, self._seed = n_items, seed
        self._epoch, self._order = -1, np.zeros(0, np.int64)

    def of(self, epoch: int) -> NDArray[np.int64]:
        """Numbers of all clips in the order of an epoch: (n_items,)."""
        if epoch != self._epoch:
            rng = np.random.default_rng([self._seed, _STREAM, epoch])
            self._epoch, self._order = epoch, rng.permutation(self._n_items)
        return self._order
