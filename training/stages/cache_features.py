"""Features of a data set cached on disk, and windows of them, for stages with frozen towers.

A training window begins at a segment of one of the clip's views, and audio is moved in whole frames
of 40 ms. All else is drawn as for windows of frames: the offset evenly among the classes, the place
evenly among all possible places at this offset, and a jitter of the audio of up to 40 ms.
"""

import hashlib
import json
import logging
from collections.abc import Iterable, Sequence
from dataclasses import asdict, replace
from pathlib import Path

import numpy as np
import torch
from torch.utils.data import Dataset

from core.model.synchformer.dimensions import (
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    SYNC_SEGMENTS,
    WINDOW_SEGMENTS,
)
from core.model.synchformer.offset_classes import N_CLASSES, OFFSET_GRID_S, class_of
from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.paths import complete_or_absent
from core.progress import Monitor, Progress
from core.timing import VIDEO_FPS
from training.aliases import Tensors
from training.data.sample_config import SampleRecipe
from training.data.samples import EpochOrder, Samples, loader
from training.data.sets.data_set import DataSet, Item
from training.features.feature_files import (
    SUFFIX,
    FeatureError,
    FeaturePlan,
    claim_folder,
    ensure_features,
    n_frames_of,
    read_claim,
    read_features,
    towers_digest,
    write_features,
)
from training.loop.distributed import Ranks

log = logging.getLogger(__name__)

_FOREIGN_OFFSET_FRAMES = 112
"""Offset of a whole window of 13 segments: video and audio have no common content."""

_JITTER_FRAMES = 1

_STEP_FRAMES = round(VIDEO_FPS * float(OFFSET_GRID_S[-1]) / (N_CLASSES // 2))

_CLIPS = "clips.json"

_N_DIGITS = 12


class CachedSamples(Dataset[Tensors]):
    """Random windows of features, one for each position.

    Attributes:
        n_items: Number of clips.
        stage: Head to train.
    """

    def __init__(
        self,
        paths: Sequence[Path],
        stage: Head,
        seed: int,
        *,
        n_used: int = 0,
        n_easy: int = 0,
        jitter: bool = True,
    ) -> None:
        """Take the features of clips.

        Args:
            paths: One file of features for each clip.
            stage: "sync" draws one of 21 offsets; "synchability" draws windows without common
                content half of the time.
            seed: Seed of order, offsets and places.
            n_used: Clips per epoch; 0 for all.
            n_easy: Number of positions over which windows spread from the middle of the clip to
                all of it. In clips with an event in the middle, audio alone shows the offset of
                the first windows.
            jitter: Move the audio by up to 40 ms besides its offset.
        """
        self._paths, self._seed = tuple(paths), seed
        self.stage: Head = stage
        self.n_items, self._n_used = len(paths), n_used or len(paths)
        self._n_easy, self._jitter = n_easy, jitter
        self._order = EpochOrder(len(paths), seed)

    def __len__(self) -> int:
        return self.n_items

    def __getitem__(self, position: int) -> Tensors:
        """Draw the window of a position.

        Returns:
            visual (S, 8, D) and audio (S, 6, D) float16, label () int64, offset_s () float32,
            item () int64.
        """
        epoch, index = divmod(position, self._n_used)
        item = int(self._order.of(epoch)[index])
        rng = np.random.default_rng([self._seed, 2, position])
        features = read_features(self._paths[item])
        spread = min(1.0, position / self._n_easy) if self._n_easy else 1.0
        window = draw_cached_window(rng, features, self.stage, spread, jitter=self._jitter)
        return window | {"item": torch.tensor(item)}


def draw_cached_window(
    rng: np.random.Generator,
    features: Tensors,
    stage: Head,
    spread: float = 1.0,
    *,
    jitter: bool = True,
) -> Tensors:
    """Cut a window at a random offset; see `CachedSamples.__getitem__`.

    Args:
        rng: Source of offset, view and place.
        features: Features of the clip.
        stage: Head to train.
        spread: Largest distance of the window from the middle of the clip, 0..1; 1 is at its ends.
        jitter: Move the audio by up to 40 ms besides its offset.

    Raises:
        ValueError: The clip is too short for the offset.
    """
    n_segments = WINDOW_SEGMENTS if stage == "sync" else SYNC_SEGMENTS
    offset_frames, label = _draw_offset(rng, stage)
    view = int(rng.integers(len(features["visual"])))
    first_of_view = int(features["first_frames"][view])
    n_places = features["visual"].shape[1] - n_segments + 1
    n_audio = len(features["audio"]) - SEGMENT_HOP_FRAMES * (n_segments - 1)
    firsts = first_of_view + SEGMENT_HOP_FRAMES * np.arange(n_places)
    fitting = np.flatnonzero((firsts + offset_frames >= 0) & (firsts + offset_frames < n_audio))
    if not len(fitting):
        n_frames = len(features["audio"]) + SEGMENT_FRAMES - 1
        raise ValueError(f"no window at {offset_frames / VIDEO_FPS} s in {n_frames} frames")
    from_middle = np.abs(2 * fitting - (n_places - 1)) / max(1, n_places - 1)  # 0..1
    place = int(rng.choice(fitting[from_middle <= max(spread, from_middle.min())]))
    heard = int(firsts[place]) + offset_frames
    if jitter:
        heard += int(rng.integers(-_JITTER_FRAMES, _JITTER_FRAMES + 1))
    heard = int(np.clip(heard, 0, n_audio - 1))
    rows = heard + SEGMENT_HOP_FRAMES * torch.arange(n_segments)
    return {
        "visual": features["visual"][view, place : place + n_segments],
        "audio": features["audio"][rows],
        "label": torch.tensor(label),
        "offset_s": torch.tensor(offset_frames / VIDEO_FPS, dtype=torch.float32),
    }


def _draw_offset(rng: np.random.Generator, stage: Head) -> tuple[int, int]:
    """Draw an offset in frames and its label."""
    offset_s = float(rng.choice(OFFSET_GRID_S))
    offset_frames = _STEP_FRAMES * (class_of(offset_s) - N_CLASSES // 2)
    if stage == "sync":
        return offset_frames, class_of(offset_s)
    if rng.random() < 0.5:
        return offset_frames, 1
    return _FOREIGN_OFFSET_FRAMES * int(rng.choice((-1, 1))), 0


def enough_frames(stage: Head) -> int:
    """Shortest clip, in frames, with a window at any offset in any view."""
    if stage == "sync":
        n_segments, furthest = WINDOW_SEGMENTS, _STEP_FRAMES * (N_CLASSES // 2)
    else:
        n_segments, furthest = SYNC_SEGMENTS, _FOREIGN_OFFSET_FRAMES
    n_window = SEGMENT_FRAMES + SEGMENT_HOP_FRAMES * (n_segments - 1)
    return n_window + furthest + SEGMENT_HOP_FRAMES


class StoredSamples(Dataset[Tensors]):
    """Features of fixed samples, such as those of a validation."""

    def __init__(self, folder: Path, n_items: int) -> None:
        self._folder, self.n_items = folder, n_items

    def __len__(self) -> int:
        return self.n_items

    def __getitem__(self, position: int) -> Tensors:
        return read_features(self.path(position))

    def path(self, index: int) -> Path:
        """File of a sample."""
        return self._folder / f"{index:06d}{SUFFIX}"


def cache_clips(
    network: Synchformer,
    data_set: DataSet,
    recipe: SampleRecipe,
    plan: FeaturePlan,
    folder: Path,
    ranks: Ranks,
    monitor: Monitor,
) -> list[Path]:
    """Make the missing features of a data set.

    Args:
        network: Network with the towers.
        data_set: The clips.
        recipe: Options for reading the clips.
        plan: Segments to encode.
        folder: Folder of the features, one file for each clip.
        ranks: This process; the ranks share the work.
        monitor: Gets the progress; may cancel after each clip.

    Returns:
        Files of the usable clips, in order.

    Raises:
        FeatureError: The recipe has augmentations that features cannot have, or the folder holds
            features of something else or cannot be used.
        RanksError: The processes do not share the folder.
        Cancelled: The monitor asked to stop.
    """
    changed = [
        name for name, share in asdict(replace(recipe.augmentation, flip=0.0)).items() if share
    ]
    if changed:
        raise FeatureError(
            f"Features on the disk are made once, without {', '.join(changed)}; set"
            f" {', '.join(f'samples.augmentation.{name}=0' for name in changed)}, or leave out"
            " --cache-features."
        )
    read_as = {"longest_s": recipe.longest_s, "legacy_priming": recipe.legacy_priming}
    if ranks.is_first:
        claim_folder(folder, {"towers": towers_digest(network), **asdict(plan), **read_as})
        _claim_clips(folder, data_set)
    _require_claimed(ranks, folder)
    clips = _feature_paths(folder, data_set)
    skipped = ensure_features(
        network,
        folder,
        clips,
        plan,
        monitor,
        longest_s=recipe.longest_s,
        legacy_priming=recipe.legacy_priming,
        ranks=ranks,
    )
    for reason in skipped:
        log.warning("%s It is left out.", reason)
    ranks.wait()
    made = [path for path in clips if path.exists()]
    _require_same_files(ranks, folder, made)
    return made


def cached_training(
    paths: list[Path], stage: Head, recipe: SampleRecipe, seed: int, n_used: int, n_easy: int
) -> CachedSamples:
    """Training windows from the features of all clips of sufficient length.

    Args:
        paths: Features of clips.
        stage: Head to train.
        recipe: Options for drawing windows; features support only the jitter.
        seed: Seed of order, offsets and places.
        n_used: Clips per epoch, at most the number of long enough clips.
        n_easy: As in `CacheConfig`.

    Raises:
        FeatureError: All clips are too short.
    """
    needed = enough_frames(stage)
    usable = [path for path in paths if n_frames_of(path) >= needed]
    if len(usable) < len(paths):
        log.warning("%d clips are left out because they are too short.", len(paths) - len(usable))
    if not usable:
        raise FeatureError(
            f"All clips are too short: offsets need {needed / 25:.2f} s; use longer clips."
        )
    n_used = min(n_used, len(usable))
    return CachedSamples(usable, stage, seed, n_used=n_used, n_easy=n_easy, jitter=recipe.jitter)


def cached_questions(
    network: Synchformer,
    samples: Samples,
    asked: DataSet,
    about: dict[str, object],
    folder: Path,
    n_workers: int,
    ranks: Ranks,
    monitor: Monitor,
) -> StoredSamples:
    """Store the missing features of fixed samples.

    Args:
        network: Network with the towers.
        samples: Samples of a validation.
        asked: Clips of the samples.
        about: All other conditions of the samples, as plain data.
        folder: Folder of the features, one file for each sample.
        n_workers: Processes for making samples; 0 for this process.
        ranks: This process; the ranks share the work.
        monitor: Gets the progress; may cancel after each sample.

    Raises:
        FeatureError: The folder holds features of something else, or it cannot be used.
        RanksError: The processes do not share the folder.
        Cancelled: The monitor asked to stop.
    """
    if ranks.is_first:
        clips = clips_digest(asked, with_sizes=True)
        claim_folder(folder, {"towers": towers_digest(network), "clips": clips, **about})
    _require_claimed(ranks, folder)
    stored = StoredSamples(folder, len(samples))
    own = range(ranks.rank, len(samples), ranks.n_ranks)
    store_samples(network, samples, stored, own, n_workers, monitor)
    ranks.wait()
    paths = (stored.path(index) for index in range(len(samples)))
    _require_same_files(ranks, folder, (path for path in paths if path.exists()))
    return stored


def _require_claimed(ranks: Ranks, folder: Path) -> None:
    """Wait for the first process's claim, so that nothing is written into a refused folder."""
    ranks.wait()
    ranks.require_same(read_claim(folder), _not_shared(folder))


def _require_same_files(ranks: Ranks, folder: Path, paths: Iterable[Path]) -> None:
    """Check that each process sees the files of all processes."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode("utf-8", "surrogateescape"))
    ranks.require_same(digest.hexdigest(), _not_shared(folder))


def _not_shared(folder: Path) -> str:
    return (
        f"The processes do not see the same features in {folder}; all machines must share this"
        " folder."
    )


@torch.inference_mode()
def store_samples(
    network: Synchformer,
    samples: Samples,
    stored: StoredSamples,
    indices: Iterable[int],
    n_workers: int,
    monitor: Monitor,
) -> None:
    """Encode fixed samples without a file.

    Args:
        network: Network with the towers.
        samples: Frames and spectrograms of windows.
        stored: Files of the features.
        indices: Numbers of the samples.
        n_workers: Processes for making samples; 0 for this process.
        monitor: Gets the progress; may cancel after each sample.
    """
    network.eval()
    device = network.vfeat_extractor.cls_token.device
    missing = [index for index in indices if not stored.path(index).exists()]
    batches = loader(samples, [[index] for index in missing], n_workers)
    for number, (index, batch) in enumerate(zip(missing, batches, strict=True)):
        monitor.check()
        monitor.report(Progress("Encoding validation clips", number / len(missing)))
        features = {
            "visual": network.encode_video(batch.pop("video").to(device))[0].half().cpu(),
            "audio": network.encode_audio(batch.pop("mel").to(device))[0].half().cpu(),
        }
        kept = {name: value[0] for name, value in batch.items()}
        write_features(features | kept, stored.path(index))
    monitor.report(Progress("Encoding validation clips", 1.0))


def clips_digest(data_set: DataSet, *, with_sizes: bool = False) -> str:
    """Number of clips and digest of a list, as text to show.

    Args:
        data_set: The clips. The digest depends on names, order and fixed windows, not on folders.
        with_sizes: Include file sizes; each takes a request to the file system.
    """
    digest = hashlib.sha256()
    for item in data_set.items:
        size = _size_of(item) if with_sizes else None
        fixed = data_set.fixed.get(item.key)
        window = None if fixed is None else (fixed.offset_s, fixed.start_s)
        digest.update(json.dumps([item.key, size, window]).encode())
    return f"{len(data_set.items)} clips, {digest.hexdigest()[:_N_DIGITS]}"


def _feature_paths(folder: Path, data_set: DataSet) -> dict[Path, Path]:
    """Clip by file of features, in order."""
    return {folder / f"{item.key}{SUFFIX}": item.path for item in data_set.items}


def _claim_clips(folder: Path, data_set: DataSet) -> None:
    """Record the clips of a folder of features, and check existing features against the record.

    A clip is identified by name and size, so clips may be moved or added. The record is written
    before any features, so features of an unrecorded clip belong to something else.

    Raises:
        FeatureError: There are features of another clip, or the record cannot be used.
    """
    path = folder / _CLIPS
    sizes = {item.key: _size_of(item) for item in data_set.items}
    try:
        noted = dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
        # The folder is listed once: a request for each of a million files takes minutes on a
        # network drive, and the drive may cache the absence of a file.
        made = set(folder.rglob(f"*{SUFFIX}"))
        for target, key in zip(_feature_paths(folder, data_set), sizes, strict=True):
            if target in made and noted.get(key) != sizes[key]:
                raise FeatureError(
                    f"{folder} holds features of other clips of the same names, such as {key};"
                    " choose another folder, or delete it to make them anew.",
                    path=target,
                    details=f"{noted.get(key)} bytes instead of {sizes[key]}",
                )
        if not sizes.items() <= noted.items():
            with complete_or_absent(path) as partial:
                partial.write_text(json.dumps(noted | sizes, indent=0), encoding="utf-8")
    except (OSError, ValueError, TypeError) as error:
        raise FeatureError(
            f"{path} cannot be used; choose another folder.", path=path, details=str(error)
        ) from error


def _size_of(item: Item) -> int:
    try:
        return item.path.stat().st_size
    except OSError:
        return -1
