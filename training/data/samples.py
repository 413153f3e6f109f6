"""Samples of the stages: windows of clips, each a function of a seed and a position.

Samples do not depend on earlier ones, so a run can resume anywhere, on any number of processes.
"""

import multiprocessing
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator
from multiprocessing.context import BaseContext
from typing import Any, ClassVar, Protocol

import numpy as np
import torch
from torch.utils.data import DataLoader, Dataset

from core.errors import SyncError
from core.model.synchformer.dimensions import SYNC_SEGMENTS
from training.data import window_positions
from training.data.clip_source import ClipSource
from training.data.sample_config import SampleRecipe
from training.data.sets.data_set import DataSet, Item
from training.data.types import Tensors
from training.data.window_positions import Cut
from training.data.workers import end_with_parent

_AHEAD_PER_WORKER = 2


class WindowSamples(Dataset[Tensors], ABC):
    """Windows of clips; the base class for all stages.

    In training, the length is that of the data set, but any position from 0 on has a sample: every
    clip is used once before any is used again. A test has `n_passes` fixed samples of each clip.

    A sample has video (S, 16, 3, 224, 224) float16 and mel (S, 1, 128, 66) float32 from
    `core.model.synchformer.inputs`, label () int64, offset_s () float32, item () int64, the number
    of the clip in the data set, and skipped () int64, the number of unusable clips before it. An
    unusable clip is counted by every position that meets it: by its own, and by those of unusable
    clips before it.

    Attributes:
        n_items: Number of clips in the data set.
        stage: Name of the stage.
    """

    stage: ClassVar[str]
    is_apart: ClassVar[bool] = False
    """Segments are augmented separately, not the window as a whole."""

    def __init__(
        self,
        data_set: DataSet,
        recipe: SampleRecipe,
        seed: int,
        *,
        for_test: bool = False,
        n_used: int = 0,
    ) -> None:
        """Take the clips.

        Args:
            data_set: The clips.
            recipe: Options for making windows.
            seed: Seed of all random choices.
            for_test: Make test windows, without augmentation and jitter.
            n_used: Clips per epoch, others in each; 0 for all.
        """
        self._source = ClipSource(data_set, recipe, seed, for_test, n_used)
        self.n_items = len(data_set.items)

    def __len__(self) -> int:
        return len(self._source)

    def __getitem__(self, position: int) -> Tensors:
        """Make the sample of a position.

        Raises:
            DataSetError: A clip is unusable and the recipe says "stop", or too many are unusable.
        """
        return self._source.sample(position, self._cut, apart=self.is_apart)

    @abstractmethod
    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        """Draw or look up the place of the window in a clip."""


class SyncSamples(WindowSamples):
    """Windows of 14 segments at one of 21 offsets."""

    stage = "sync"

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        source = self._source
        if not source.for_test:
            return window_positions.draw_sync(rng, n_frames, jitter=source.recipe.jitter)
        fixed = source.data_set.fixed.get(item.key) if source.recipe.is_by_table else None
        if fixed is not None:
            return window_positions.fixed_sync(n_frames, fixed.start_s, fixed.offset_s)
        return window_positions.random_sync_at_test(rng, n_frames)


class SynchabilitySamples(WindowSamples):
    """Windows of 13 segments, half of them with audio of another time.

    There are no fixed offsets.
    """

    stage = "synchability"

    def __init__(
        self,
        data_set: DataSet,
        recipe: SampleRecipe,
        seed: int,
        *,
        for_test: bool = False,
        n_used: int = 0,
        n_segments: int = SYNC_SEGMENTS,
    ) -> None:
        """Take the clips.

        Args:
            data_set: As in `WindowSamples`.
            recipe: As in `WindowSamples`.
            seed: As in `WindowSamples`.
            for_test: As in `WindowSamples`.
            n_used: As in `WindowSamples`.
            n_segments: 14 for windows shared with an offset network.
        """
        super().__init__(data_set, recipe, seed, for_test=for_test, n_used=n_used)
        self._n_segments = n_segments

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        del item
        jitter = self._source.recipe.jitter and not self._source.for_test
        return window_positions.draw_synchability(
            rng, n_frames, n_segments=self._n_segments, jitter=jitter
        )


class ContrastiveSamples(WindowSamples):
    """Segments of a clip without overlap, in sync; video is float32 in tests."""

    stage = "contrastive"
    is_apart = True

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        del item
        recipe = self._source.recipe
        if self._source.for_test:
            return window_positions.centred_contrastive(n_frames, recipe.n_segments)
        return window_positions.draw_contrastive(
            rng, n_frames, recipe.n_segments, jitter=recipe.jitter
        )


class Samples(Protocol):
    """Samples by position; the length is that of an epoch or a test."""

    n_items: int

    def __len__(self) -> int: ...

    def __getitem__(self, position: int) -> Tensors: ...


def loader(samples: Samples, positions: Iterable[list[int]], n_workers: int) -> Iterator[Tensors]:
    """Yield batches of samples, in order.

    A worker makes one sample at a time, so all workers share the next batch; at most two samples
    per worker wait. Workers end with the iteration, also if closed early, and with this process.

    Args:
        samples: Source of the samples; workers get a copy.
        positions: Positions of each batch; may be endless, as they are read shortly before use.
        n_workers: Number of worker processes; 0 makes the samples in this process.

    Raises:
        SyncError: A sample could not be made; raised in its turn.
    """
    if n_workers == 0:
        for batch in positions:
            yield stacked([samples[position] for position in batch])
        return
    sizes: deque[int] = deque()

    def each() -> Iterator[int]:
        for batch in positions:
            sizes.append(len(batch))
            yield from batch

    arriving = iter(
        DataLoader(
            _Caught(samples),
            batch_size=None,
            sampler=each(),
            num_workers=n_workers,
            prefetch_factor=_AHEAD_PER_WORKER,
            collate_fn=_unchanged,
            worker_init_fn=_begin_worker,
            multiprocessing_context=_worker_context(),
        )
    )
    waiting: list[Tensors] = []
    try:
        for sample in arriving:
            if isinstance(sample, SyncError):
                raise sample
            waiting.append(sample)
            if len(waiting) == sizes[0]:
                sizes.popleft()
                yield stacked(waiting)
                waiting = []
    finally:
        # Deleting the iterator ends the workers; the traceback of a failure would keep it alive.
        del arriving


def stacked(samples: list[Tensors]) -> Tensors:
    """Stack samples along a new first axis."""
    return {name: torch.stack([sample[name] for sample in samples]) for name in samples[0]}


class _Caught(Dataset[Tensors | SyncError]):
    """Returns expected errors; a DataLoader would turn raised ones into text with a traceback."""

    def __init__(self, samples: Samples) -> None:
        self._samples = samples

    def __getitem__(self, position: int) -> Tensors | SyncError:
        try:
            return self._samples[position]
        except SyncError as error:
            return error


def _worker_context() -> BaseContext:
    """Start method of the workers.

    A fork would copy locks held by threads of this process. Spawned workers tear down their
    interpreter at the end and abort while sending a sample.
    """
    context = multiprocessing.get_context("forkserver")
    context.set_forkserver_preload([__name__])
    return context


def _begin_worker(number: int) -> None:
    del number
    end_with_parent()


def _unchanged(sample: Any) -> Any:
    return sample
