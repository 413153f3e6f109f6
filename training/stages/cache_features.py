"""Caching the features of a data set on disk, for stages with frozen towers."""

import hashlib
import logging
from collections.abc import Iterable
from dataclasses import asdict, replace
from pathlib import Path

from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.progress import Monitor
from training.data.sample_config import SampleRecipe
from training.data.samples import Samples
from training.data.sets.data_set import DataSet
from training.features.feature_files import (
    FeatureError,
    FeaturePlan,
    claim_folder,
    ensure_features,
    n_frames_of,
    read_claim,
    towers_digest,
)
from training.loop.distributed import Ranks
from training.stages.cached_windows import (
    CachedSamples,
    StoredSamples,
    enough_frames,
    store_samples,
)
from training.stages.clip_lists import claim_clips, clips_digest, feature_paths

log = logging.getLogger(__name__)


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
        claim_clips(folder, data_set)
    _require_claimed(ranks, folder)
    clips = feature_paths(folder, data_set)
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
