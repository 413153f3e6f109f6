"""Samples of the stages: windows of clips, each a function of a seed and a position.

Samples do not depend on earlier ones, so a run can resume anywhere, on any number of processes.
"""

import logging
import multiprocessing
from abc import ABC, abstractmethod
from collections import deque
from collections.abc import Iterable, Iterator, Sequence
from multiprocessing.context import BaseContext
from typing import Any, ClassVar, Protocol, TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch.utils.data import DataLoader, Dataset

from core.errors import MediaError, SyncError
from core.model.synchformer.dimensions import (
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
    SYNC_SEGMENTS,
    WINDOW_SEGMENTS,
)
from core.model.synchformer.inputs import audio_input, centre_crop, video_input
from training.aliases import Tensors
from training.data import augment, window_positions
from training.data.augment import Augmentation
from training.data.clip import Clip, read_clip
from training.data.sample_config import SampleRecipe
from training.data.sets.data_set import DataSet, DataSetError, Item
from training.data.window_positions import Cut, TooShortError
from training.data.workers import end_with_parent

log = logging.getLogger(__name__)

_AHEAD_PER_WORKER = 2

_MOST_IN_A_ROW = 20
"""Number of consecutive unusable clips for an error."""

_ORDER, _TRAINING, _TEST = 1, 2, 3
"""Random streams of the order of clips and of the windows."""

_Scalar = TypeVar("_Scalar", bound=np.generic)


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
            rng = np.random.default_rng([self._seed, _ORDER, epoch])
            self._epoch, self._order = epoch, rng.permutation(self._n_items)
        return self._order


class WindowSamples(Dataset[Tensors], ABC):
    """Windows of clips; the base class for all stages.

    In training, the length is that of the data set, but any position from 0 on has a sample: every
    clip is used once before any is used again. A test has `n_passes` fixed samples of each clip.

    A sample has video (S, 16, 3, 224, 224) float16 and mel (S, 1, 128, 66) float32 from
    `core.model.synchformer.inputs`, label () int64, offset_s () float32, item () int64, the number
    of the clip in the data set, and skipped () int64, the number of unusable clips before it. The
    next usable clip replaces an unusable one. An unusable clip is counted by every position that
    meets it: by its own, and by those of unusable clips before it.

    Args:
        data_set: The clips.
        recipe: Options for making windows.
        seed: Seed of all random choices.
        for_test: Make test windows, without augmentation and jitter.
        n_used: Clips per epoch, others in each; 0 for all.

    Attributes:
        n_items: Number of clips in the data set.
        stage: Name of the stage.
    """

    stage: ClassVar[str]
    _is_apart: ClassVar[bool] = False
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
        self.n_items = len(data_set.items)
        if not self.n_items:
            raise ValueError(f"{data_set.name} has no clips")
        if not 0 <= n_used <= self.n_items:
            raise ValueError(f"n_used is from 0 to {self.n_items}, got {n_used}")
        self._data_set, self._recipe, self._for_test = data_set, recipe, for_test
        self._seed, self._n_used = seed, n_used or self.n_items
        self._order = EpochOrder(self.n_items, seed)

    def __len__(self) -> int:
        return self.n_items * self._recipe.n_passes if self._for_test else self.n_items

    def __getitem__(self, position: int) -> Tensors:
        """Make the sample of a position.

        Raises:
            DataSetError: A clip is unusable and the recipe says "stop", or too many are unusable.
        """
        if position < 0 or (self._for_test and position >= len(self)):
            last = f"to {len(self) - 1}" if self._for_test else "on"
            raise IndexError(f"positions are from 0 {last}, got {position}")
        n_tried = min(_MOST_IN_A_ROW, self.n_items)
        failure = ""
        for n_skipped in range(n_tried):
            number = self._clip_at(position, n_skipped)
            item = self._data_set.items[number]
            kind = _TEST if self._for_test else _TRAINING
            rng = np.random.default_rng([self._seed, kind, position])
            try:
                sample = self._made(rng, item)
            except (MediaError, TooShortError) as error:
                failure = f"{item.path} is too short: {error}."
                if isinstance(error, MediaError):
                    failure = error.message
                if self._recipe.unusable == "stop":
                    raise DataSetError(
                        f"{failure} Exclude the clip, or skip such clips with "
                        "samples.unusable=skip.",
                        path=item.path,
                    ) from error
                log.warning("%s The next clip takes its place.", failure)
                continue
            counts = {"item": torch.tensor(number), "skipped": torch.tensor(n_skipped)}
            return sample | counts
        raise DataSetError(
            f"{n_tried} consecutive clips of {self._data_set.name} cannot be used; the last: "
            f"{failure}"
        )

    def _clip_at(self, position: int, n_skipped: int) -> int:
        """Number of the clip that is some clips after that of a position."""
        if self._for_test:
            return (position + n_skipped) % self.n_items
        epoch, place = divmod(position, self._n_used)
        return int(self._order.of(epoch)[(place + n_skipped) % self.n_items])

    def _made(self, rng: np.random.Generator, item: Item) -> Tensors:
        recipe = self._recipe
        clip = read_clip(item.path, recipe.longest_s, legacy_priming=recipe.legacy_priming)
        cut = self._cut(rng, item, clip.n_frames)
        if self._for_test:
            return plain_sample(clip, cut, in_half=not self._is_apart)
        return augmented_sample(rng, clip, cut, recipe.augmentation, apart=self._is_apart)

    @abstractmethod
    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        """Draw or look up the place of the window in a clip."""


class SyncSamples(WindowSamples):
    """Windows of 14 segments at one of 21 offsets."""

    stage = "sync"

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        if not self._for_test:
            return window_positions.draw_sync(rng, n_frames, jitter=self._recipe.jitter)
        fixed = self._data_set.fixed.get(item.key) if self._recipe.is_by_table else None
        if fixed is not None:
            return window_positions.fixed_sync(n_frames, fixed.start_s, fixed.offset_s)
        return window_positions.random_sync_at_test(rng, n_frames)


class SynchabilitySamples(WindowSamples):
    """Windows of 13 segments, half of them with audio of another time.

    There are no fixed offsets.
    """

    stage = "synchability"
    n_segments = SYNC_SEGMENTS

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        return window_positions.draw_synchability(
            rng,
            n_frames,
            n_segments=self.n_segments,
            jitter=self._recipe.jitter and not self._for_test,
        )


class SharedWindowSamples(SynchabilitySamples):
    """The same of 14 segments, for windows shared with an offset network."""

    n_segments = WINDOW_SEGMENTS


class ContrastiveSamples(WindowSamples):
    """Segments of a clip without overlap, in sync; video is float32 in tests."""

    stage = "contrastive"
    _is_apart = True

    def _cut(self, rng: np.random.Generator, item: Item, n_frames: int) -> Cut:
        recipe = self._recipe
        if self._for_test:
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


def plain_sample(clip: Clip, cut: Cut, *, in_half: bool = True) -> Tensors:
    """Make the inputs of a window without augmentation, from the centre of the frames.

    Args:
        clip: The clip.
        cut: The window.
        in_half: Round pixels to float16, as in the published pipeline except for tests of the first
            stage.

    Returns:
        video, mel, label and offset_s of `SyncSamples`; video is float32 if not `in_half`.
    """
    segments = _segments(centre_crop(clip.frames), cut.first_frames, SEGMENT_FRAMES)
    if in_half:
        video = video_input(segments).half()
    else:
        pixels = torch.from_numpy(segments).movedim(-1, -3).float()
        video = pixels.div_(255).sub_(0.5).div_(0.5)
    heard = _segments(clip.waveform, cut.first_samples, SEGMENT_SAMPLES)
    return _sample(video, heard, cut)


def augmented_sample(
    rng: np.random.Generator, clip: Clip, cut: Cut, augmentation: Augmentation, *, apart: bool
) -> Tensors:
    """Make the inputs of a window with augmentation.

    Args:
        rng: Source of the random changes.
        clip: The clip.
        cut: The window.
        augmentation: Probabilities of the changes.
        apart: Change each segment separately, else the whole window as one.

    Returns:
        video, mel, label and offset_s of `SyncSamples`.
    """
    square = augment.draw_square(rng, clip.frames.shape[1:3], augmentation)
    first, last = cut.first_frames[0], cut.first_frames[-1] + SEGMENT_FRAMES
    frames = augment.cut_square(clip.frames[first:last], square)
    first_sample, last_sample = cut.first_samples[0], cut.first_samples[-1] + SEGMENT_SAMPLES
    waveform = clip.waveform[first_sample:last_sample]
    if not apart:
        frames = augment.change_frames(rng, frames, augmentation)
        waveform = augment.change_audio(rng, waveform, augmentation)
    seen = _segments(frames, [frame - first for frame in cut.first_frames], SEGMENT_FRAMES)
    starts = [sample - first_sample for sample in cut.first_samples]
    heard = _segments(waveform, starts, SEGMENT_SAMPLES)
    if apart:
        seen = np.stack([augment.change_frames(rng, one, augmentation) for one in seen])
        heard = np.stack([augment.change_audio(rng, one, augmentation) for one in heard])
    return _sample(video_input(seen).half(), heard, cut)


def _segments(values: NDArray[_Scalar], starts: Sequence[int], length: int) -> NDArray[_Scalar]:
    return np.stack([values[start : start + length] for start in starts])


def _sample(video: torch.Tensor, heard: NDArray[np.float32], cut: Cut) -> Tensors:
    return {
        "video": video,
        "mel": audio_input(heard),
        "label": torch.tensor(cut.label),
        "offset_s": torch.tensor(cut.offset_s, dtype=torch.float32),
    }
