"""Clip of a position, with replacement of unusable clips."""

import logging
from collections.abc import Callable
from pathlib import Path
from typing import TypeAlias

import numpy as np
import torch
from numpy.typing import NDArray

from core.errors import MediaError
from training.data.clip import read_clip
from training.data.epoch_order import EpochOrder
from training.data.sample_config import SampleRecipe
from training.data.sets.data_set import DataSet, DataSetError, Item
from training.data.types import Tensors
from training.data.window_positions import Cut, TooShortError
from training.data.windows import augmented_sample, plain_sample

log = logging.getLogger(__name__)

_MOST_IN_A_ROW = 20
"""Number of consecutive unusable clips for an error."""

_TRAINING, _TEST = 2, 3
"""Random streams of the windows; `EpochOrder` uses stream 1."""

Cutter: TypeAlias = Callable[[np.random.Generator, Item, int], Cut]
"""Chooses the window of a clip from its number of frames."""


class ClipSource:
    """Finds and reads the clip of a position; the next usable clip replaces an unusable one."""

    def __init__(
        self, data_set: DataSet, recipe: SampleRecipe, seed: int, for_test: bool, n_used: int
    ) -> None:
        n_items = len(data_set.items)
        if not n_items:
            raise ValueError(f"{data_set.name} has no clips")
        if not 0 <= n_used <= n_items:
            raise ValueError(f"n_used is from 0 to {n_items}, got {n_used}")
        self.data_set, self.recipe, self.for_test = data_set, recipe, for_test
        self._seed = seed
        self._n_used = n_used or n_items
        self._order = EpochOrder(n_items, seed)

    def __len__(self) -> int:
        n_items = len(self.data_set.items)
        return n_items * self.recipe.n_passes if self.for_test else n_items

    def sample(self, position: int, cutter: Cutter, *, apart: bool) -> Tensors:
        """Make the sample of a position, from its clip or the next usable one.

        `skipped` is the number of unusable clips before it.
        """
        if position < 0 or (self.for_test and position >= len(self)):
            last = f"to {len(self) - 1}" if self.for_test else "on"
            raise IndexError(f"positions are from 0 {last}, got {position}")
        items = self.data_set.items
        order = self._order_at(position)
        first = position % (len(items) if self.for_test else self._n_used)
        n_tried = min(_MOST_IN_A_ROW, len(items))
        failure = ""
        for n_skipped in range(n_tried):
            number = int(order[(first + n_skipped) % len(items)])
            kind = _TEST if self.for_test else _TRAINING
            rng = np.random.default_rng([self._seed, kind, position])
            try:
                sample = self._made(rng, items[number], cutter, apart)
            except (MediaError, TooShortError) as error:
                failure = _said(items[number].path, error)
                if self.recipe.unusable == "stop":
                    raise DataSetError(
                        f"{failure} Exclude the clip, or skip such clips with "
                        "samples.unusable=skip.",
                        path=items[number].path,
                    ) from error
                log.warning("%s The next clip takes its place.", failure)
                continue
            counts = {"item": torch.tensor(number), "skipped": torch.tensor(n_skipped)}
            return sample | counts
        raise DataSetError(
            f"{n_tried} consecutive clips of {self.data_set.name} cannot be used; the last: "
            f"{failure}"
        )

    def _order_at(self, position: int) -> NDArray[np.int64]:
        if self.for_test:
            return np.arange(len(self.data_set.items))
        return self._order.of(position // self._n_used)

    def _made(self, rng: np.random.Generator, item: Item, cutter: Cutter, apart: bool) -> Tensors:
        recipe = self.recipe
        clip = read_clip(item.path, recipe.longest_s, legacy_priming=recipe.legacy_priming)
        cut = cutter(rng, item, clip.n_frames)
        if self.for_test:
            return plain_sample(clip, cut, in_half=not apart)
        return augmented_sample(rng, clip, cut, recipe.augmentation, apart=apart)


def _said(path: Path, error: MediaError | TooShortError) -> str:
    if isinstance(error, MediaError):
        return error.message
    return f"{path} is too short: {error}."
