"""Clips for measuring an offset network together with a synchronizability network."""

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
"""Shortest clip with a window of 14 segments and audio of another time beside it."""


class MeasuredSamples(SyncSamples):
    """Windows with the additional entry n_frames () int64, the length of the clip."""

    _n_frames = 0

    def __getitem__(self, position: int) -> Tensors:
        """Make the sample of a position; see `SyncSamples`."""
        sample = super().__getitem__(position)
        return sample | {"n_frames": torch.tensor(self._n_frames)}

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        # After unusable clips, the last cut is the one of the sample.
        self._n_frames = n_frames
        return super()._cut(rng, item, n_frames)


class LongClips:
    """Collects the clips that are long enough for both networks."""

    def __init__(self) -> None:
        self._numbers: set[int] = set()

    def watch(self, batch: Tensors) -> None:
        """Add the long clips of a batch of `MeasuredSamples`."""
        is_long = batch["n_frames"] >= _LEAST_FRAMES
        self._numbers.update(batch["item"][is_long].tolist())

    def of(self, data_set: DataSet) -> DataSet | None:
        """Data set of the long clips only; None if there are none."""
        items = tuple(data_set.items[number] for number in sorted(self._numbers))
        return replace(data_set, items=items) if items else None
