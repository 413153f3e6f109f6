"""From a data set to features on the disk, for the stages whose towers are frozen."""

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
from training.features.command import ensure_features, towers_digest
from training.features.feature_files import (
    FeatureError,
    FeaturePlan,
    claim_folder,
    n_frames_of,
    read_claim,
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
    """Make the features of the clips of a data set as far as they are missing.

    Args:
        network: Its towers encode.
        data_set: The clips.
        recipe: How they are read.
        plan: Which segments.
        folder: Gets a file for each clip.
        ranks: This process among those that share the work.
        monitor: Told how far it is, and asked after each clip whether to go on.

    Returns:
        The files of the clips that can be used, in order.

    Raises:
        FeatureError: The recipe changes clips in a way that features cannot have, the folder holds
            features of something else, or it cannot be used.
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
    """Return training windows of the clips that are long enough.

    Args:
        paths: Features of clips.
        stage: What is asked of a window.
        recipe: How windows are drawn, as far as features allow.
        seed: Of order, offsets and places.
        n_used: Clips of an epoch, if there are as many.
        n_easy: As in `CacheConfig`.

    Raises:
        FeatureError: None is.
    """
    needed = enough_frames(stage)
    usable = [path for path in paths if n_frames_of(path) >= needed]
    if len(usable) < len(paths):
        log.warning("%d clips are too short and left out.", len(paths) - len(usable))
    if not usable:
        raise FeatureError(
            f"None of the clips has the {needed / 25:.2f} s that every offset needs; use longer"
            " clips."
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
    """Store the features of fixed samples as far as they are missing.

    Args:
        network: Its towers encode.
        samples: The questions of a validation.
        asked: The clips that they are about.
        about: What else decides on the questions, in plain data.
        folder: Gets a file for each.
        n_workers: Processes that make samples; 0 makes them here.
        ranks: This process among those that share the work.
        monitor: Told how far it is, and asked after each question whether to go on.

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
    """Wait for the first process's claim: nothing is written into a folder that it refuses."""
    ranks.wait()
    ranks.require_same(read_claim(folder), _not_shared(folder))


def _require_same_files(ranks: Ranks, folder: Path, paths: Iterable[Path]) -> None:
    """See that each process has the parts of all and not just its own."""
    digest = hashlib.sha256()
    for path in paths:
        digest.update(f"{path.relative_to(folder).as_posix()}\n".encode("utf-8", "surrogateescape"))
    ranks.require_same(digest.hexdigest(), _not_shared(folder))


def _not_shared(folder: Path) -> str:
    return (
        f"The processes do not see the same features in {folder}; all machines have to share this"
        " folder."
    )
