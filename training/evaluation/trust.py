"""Where to trust a network: only where another one says that there is an offset to be found."""

from dataclasses import replace

import numpy as np
import torch

from core.model.synchformer.dimensions import WINDOW_SEGMENTS
from core.timing import VIDEO_FPS
from training.data.samples import SyncSamples
from training.data.sets.data_set import DataSet, Item
from training.data.types import Tensors
from training.data.window_positions import Cut, synchability_frames

_LEAST_FRAMES = synchability_frames(WINDOW_SEGMENTS)

LEAST_S = _LEAST_FRAMES / VIDEO_FPS
"""A clip has to be so long for a window of 14 segments and a sound of another time."""


class MeasuredSamples(SyncSamples):
    """Windows that also tell n_frames () int64, how much there is of their clip."""

    _n_frames = 0

    def __getitem__(self, position: int) -> Tensors:
        """Make the sample of a position, as `SyncSamples` does."""
        sample = super().__getitem__(position)
        return sample | {"n_frames": torch.tensor(self._n_frames)}

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        # The last clip that is cut for a sample is the one that it is made of.
        self._n_frames = n_frames
        return super()._cut(rng, item, n_frames)


class LongClips:
    """Remembers which clips are long enough for both networks to be asked about them."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()

    def watch(self, batch: Tensors) -> None:
        """Look at a batch of `MeasuredSamples`."""
        is_long = batch["n_frames"] >= _LEAST_FRAMES
        self._numbers.update(batch["item"][is_long].tolist())

    def of(self, data_set: DataSet) -> DataSet | None:
        """Return the data set without the others; None if nothing is left."""
        items = tuple(data_set.items[number] for number in sorted(self._numbers))
        return replace(data_set, items=items) if items else None
