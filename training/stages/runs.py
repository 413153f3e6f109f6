"""Runs of the three stages, from a configuration to a trained network."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

import torch

from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.progress import Monitor
from training.config import RunConfig, resolved, save_config
from training.data.samples import ContrastiveSamples, Samples, SynchabilitySamples, SyncSamples
from training.data.sets.data_set import DataSet
from training.data.sets.opening import open_data_set
from training.features.feature_files import FeaturePlan, towers_digest
from training.loop.checkpoints import LATEST
from training.loop.config import LoopConfig
from training.loop.distributed import Ranks
from training.loop.loop import train
from training.metrics.types import Metrics
from training.stages.cache_features import cache_clips, cached_questions, cached_training
from training.stages.clip_lists import clips_digest
from training.stages.contrastive import ContrastiveModel, ContrastiveTask
from training.stages.rank_share import Share
from training.stages.sync import WindowTask, build_learner
from training.weights import (
    begin_small,
    load_matching,
    read_weights,
    start_audio_tower,
    start_from_sync,
    start_towers,
    start_visual_tower,
)

log = logging.getLogger(__name__)


def run_contrastive(
    config: RunConfig,
    folder: Path,
    ranks: Ranks,
    monitor: Monitor,
    n_workers: int,
    wandb_project: str = "",
) -> Metrics:
    """Train the towers; writes checkpoints, log and figures of similarities.

    Args:
        config: Configuration of stage 1.
        folder: Folder for the results.
        ranks: This process among all of the run.
        monitor: Gets the progress; may cancel.
        n_workers: Processes for making samples.
        wandb_project: As in `RunLog`.

    Raises:
        SyncError: The clips, the start weights or an earlier run in the folder cannot be used.
        Cancelled: The monitor asked to stop.
    """
    learned, asked = _open_sets(config, ranks)
    _save_config(config, folder, ranks)
    model = config.model
    torch.manual_seed(config.loop.seed)
    network = ContrastiveModel(
        width=model.width, depth=model.depth, stochastic_depth=model.stochastic_depth
    )
    if config.start.visual is not None:
        loaded = start_visual_tower(network.v_encoder, config.start.visual)
        log.info("%s", loaded.sentence(config.start.visual))
    if config.start.audio is not None:
        loaded = start_audio_tower(network.a_encoder, config.start.audio)
        log.info("%s", loaded.sentence(config.start.audio))
    if config.start.checkpoint is not None:
        path = config.start.checkpoint
        log.info("%s", start_towers(network, read_weights(path), path).sentence(path))
    share = _share(config, ranks)
    seed, recipe = config.loop.seed, config.samples
    n_used = _n_used(len(learned.items), share)
    task = ContrastiveTask(
        ContrastiveSamples(learned, recipe, seed, n_used=n_used),
        ContrastiveSamples(asked, recipe, seed, for_test=True),
        share,
        n_workers=n_workers,
        gather_negatives=model.gather_negatives,
    )
    return train(
        network,
        task,
        _schedule(config, n_used, share),
        folder,
        monitor,
        _conditions(config, learned, asked),
        ranks=ranks,
        wandb_project=wandb_project,
    )


def run_windows(
    config: RunConfig,
    head: Head,
    folder: Path,
    ranks: Ranks,
    monitor: Monitor,
    n_workers: int,
    cache: Path | None = None,
    wandb_project: str = "",
) -> Metrics:
    """Train the synchronization module for offsets or synchronizability.

    Args:
        config: Configuration of stage 2 or 3.
        head: Head to train.
        folder: Folder for checkpoints and log.
        ranks: This process among all of the run.
        monitor: Gets the progress; may cancel.
        n_workers: Processes for making samples.
        cache: Folder for features; None to encode every window in each use.
        wandb_project: As in `RunLog`.

    Raises:
        SyncError: The clips, the start weights, the features or an earlier run in the folder
            cannot be used.
        Cancelled: The monitor asked to stop.
    """
    learned, asked = _open_sets(config, ranks)
    _save_config(config, folder, ranks)
    model = config.model
    # All processes of a run start with the same weights.
    torch.manual_seed(config.loop.seed)
    network = build_learner(head, width=model.width, depth=model.depth, dropout=model.dropout)
    _start(network, config)
    network.to(ranks.device)
    share = _share(config, ranks)
    make = SyncSamples if head == "sync" else SynchabilitySamples
    seed, recipe = config.loop.seed, config.samples
    questions: Samples = make(asked, recipe, seed, for_test=True)
    n_used = _n_used(len(learned.items), share)
    samples: Samples = make(learned, recipe, seed, n_used=n_used)
    if cache is not None:
        flip = recipe.augmentation.flip
        plan = FeaturePlan(n_views=config.cache.n_views, flip=flip, seed=seed)
        paths = cache_clips(network, learned, recipe, plan, cache / "train", ranks, monitor)
        samples = cached_training(paths, head, recipe, seed, n_used, config.cache.n_easy)
        about = {"head": head, "seed": seed, **asdict(recipe)}
        place = cache / f"{head}-valid"
        questions = cached_questions(
            network, questions, asked, about, place, n_workers, ranks, monitor
        )
    task = WindowTask(samples, questions, share, n_workers=n_workers)
    return train(
        network,
        task,
        _schedule(config, n_used, share),
        folder,
        monitor,
        _conditions(config, learned, asked, network if cache is not None else None),
        ranks=ranks,
        wandb_project=wandb_project,
    )


def _conditions(
    config: RunConfig, learned: DataSet, asked: DataSet, cached: Synchformer | None = None
) -> str:
    """Conditions for resuming a run, as JSON.

    Args:
        config: Configuration of the run.
        learned: Clips of the training.
        asked: Clips of the validation.
        cached: Network of the cached features, if any are used.
    """
    values = json.loads(resolved(config))
    values["clips"] = {"train": clips_digest(learned), "valid": clips_digest(asked)}
    values["cache_features"] = cached is not None
    if cached is not None:
        values["towers"] = towers_digest(cached)
    return json.dumps(values, sort_keys=True)


def _save_config(config: RunConfig, folder: Path, ranks: Ranks) -> None:
    """Save the configuration of a new run; a resumed run has the same, or is refused."""
    if ranks.is_first and not (folder / LATEST).is_file():
        save_config(config, folder)


def _start(network: Synchformer, config: RunConfig) -> None:
    """Load the initial weights of a run."""
    path = config.start.checkpoint
    if config.start.small:
        begin_small(network)
    if path is None:
        log.warning("The towers are not trained; set start.checkpoint to use a previous stage.")
        return
    weights = read_weights(path)
    parts = {name.split(".")[1] for name in weights if name.startswith("transformer.")}
    if network.transformer.head == "synchability" and "sync_head" not in parts:
        loaded = start_from_sync(network, weights, path)
    elif not parts:
        loaded = start_towers(network, weights, path)
    else:
        loaded = load_matching(network, weights, path, new=())
    log.info("%s", loaded.sentence(path))


def _open_sets(config: RunConfig, ranks: Ranks) -> tuple[DataSet, DataSet]:
    """Open the clips of the training and of the validation."""
    sets = [open_data_set(config.data.kind, split, config.data) for split in ("train", "valid")]
    notes = [note for data_set in sets for note in data_set.notes]
    if config.stage == "sync":
        notes += [note for data_set in sets for note in data_set.window_notes]
    for note in dict.fromkeys(notes) if ranks.is_first else ():
        log.warning("%s", note)
    return sets[0], sets[1]


def _share(config: RunConfig, ranks: Ranks) -> Share:
    loop = config.loop
    return Share(loop.batch_size, loop.accumulate, ranks.rank, ranks.n_ranks)


def _schedule(config: RunConfig, n_used: int, share: Share) -> LoopConfig:
    """Schedule for a number of clips per epoch and of processes."""
    steps_per_epoch = max(1, n_used // share.global_batch)
    return config.epochs.apply(config.loop, steps_per_epoch, share.n_ranks)


def _n_used(n_items: int, share: Share) -> int:
    """Clips per epoch: whole steps, or all clips if fewer than one step."""
    return n_items // share.global_batch * share.global_batch or n_items
