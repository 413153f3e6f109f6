"""The commands of the three stages, from a configuration to a trained network."""

import json
import logging
from contextlib import nullcontext
from dataclasses import asdict
from pathlib import Path
from typing import Annotated

import torch
import typer
from torch import nn

from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT, Monitor
from training.aliases import Metrics
from training.config import RunConfig, Stage, read_stage, resolved, save_config
from training.data.samples import ContrastiveSamples, Samples, SynchabilitySamples, SyncSamples
from training.data.sets.data_set import DataSet
from training.data.sets.opening import open_data_set
from training.features.feature_files import FeaturePlan, towers_digest
from training.loop.checkpoints import LATEST
from training.loop.distributed import Ranks, joined_ranks
from training.loop.loop import train
from training.options import (
    DeviceOption,
    OutOption,
    OverridesArgument,
    PresetOption,
    WandbOption,
    WorkersOption,
)
from training.stages.cache_features import (
    cache_clips,
    cached_questions,
    cached_training,
    clips_digest,
)
from training.stages.contrastive import ContrastiveModel, ContrastiveTask
from training.stages.rank_share import SampledTask, Share
from training.stages.sync import WindowTask, build_learner
from training.terminal import TerminalMonitor
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

CacheOption = Annotated[
    Path | None,
    typer.Option(
        "--cache-features",
        metavar="DIR",
        help="Keep the features of the towers here and train on them: many times as fast.",
    ),
]


def contrastive(
    preset: PresetOption,
    out: OutOption,
    overrides: OverridesArgument = None,
    device: DeviceOption = "auto",
    n_workers: WorkersOption = 0,
    wandb_project: WandbOption = "",
) -> None:
    """Stage 1: train the towers to match video and audio segments."""
    _run("contrastive", preset, overrides, out, None, device, n_workers, wandb_project)


def sync(
    preset: PresetOption,
    out: OutOption,
    overrides: OverridesArgument = None,
    cache: CacheOption = None,
    device: DeviceOption = "auto",
    n_workers: WorkersOption = 0,
    wandb_project: WandbOption = "",
) -> None:
    """Stage 2: train the synchronization module to classify offsets."""
    _run("sync", preset, overrides, out, cache, device, n_workers, wandb_project)


def synchability(
    preset: PresetOption,
    out: OutOption,
    overrides: OverridesArgument = None,
    cache: CacheOption = None,
    device: DeviceOption = "auto",
    n_workers: WorkersOption = 0,
    wandb_project: WandbOption = "",
) -> None:
    """Stage 3: train the synchronization module to classify synchronizability."""
    _run("synchability", preset, overrides, out, cache, device, n_workers, wandb_project)


def _run(
    stage: Stage,
    preset: Path,
    overrides: list[str] | None,
    out: Path,
    cache: Path | None,
    device: str,
    n_workers: int,
    wandb_project: str,
) -> None:
    config = read_stage(stage, preset, overrides or [])
    with (
        joined_ranks(device) as ranks,
        # Only the first process reports, as all are at the same step.
        TerminalMonitor() if ranks.is_first else nullcontext(SILENT) as monitor,
    ):
        metrics = run_stage(config, out, ranks, monitor, n_workers, cache, wandb_project)
        if ranks.is_first:
            figures = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
            typer.echo(f"{figures}; checkpoints: {out}")


def run_stage(
    config: RunConfig,
    folder: Path,
    ranks: Ranks,
    monitor: Monitor,
    n_workers: int,
    cache: Path | None = None,
    wandb_project: str = "",
) -> Metrics:
    """Train the towers (stage 1), or the synchronization module for one of its heads.

    Writes checkpoints and log; stage 1 also writes figures of similarities.

    Args:
        config: Configuration of the run.
        folder: Folder for the results.
        ranks: This process among all of the run.
        monitor: Gets the progress; may cancel.
        n_workers: Processes for making samples.
        cache: Folder for features, for stages 2 and 3; None to encode every window in each use.
        wandb_project: As in `RunLog`.

    Raises:
        SyncError: The clips, the start weights, the features or an earlier run in the folder
            cannot be used.
        Cancelled: The monitor asked to stop.
    """
    learned, asked = _open_sets(config, ranks)
    if ranks.is_first and not (folder / LATEST).is_file():
        # A resumed run has the same configuration, or is refused.
        save_config(config, folder)
    loop, recipe, seed = config.loop, config.samples, config.loop.seed
    share = Share(loop.batch_size, loop.accumulate, ranks.rank, ranks.n_ranks)
    n_items = len(learned.items)
    # Whole steps, or all clips if fewer than one step.
    n_used = n_items // share.global_batch * share.global_batch or n_items
    # All processes of a run start with the same weights.
    torch.manual_seed(seed)
    network: nn.Module
    task: SampledTask
    cached: Synchformer | None = None
    samples: Samples
    questions: Samples
    if config.stage == "contrastive":
        network = _towers(config)
        task = ContrastiveTask(
            ContrastiveSamples(learned, recipe, seed, n_used=n_used),
            ContrastiveSamples(asked, recipe, seed, for_test=True),
            share,
            n_workers=n_workers,
            gather_negatives=config.model.gather_negatives,
        )
    else:
        network = learner = _learner(config).to(ranks.device)
        make = SyncSamples if config.stage == "sync" else SynchabilitySamples
        samples = make(learned, recipe, seed, n_used=n_used)
        questions = make(asked, recipe, seed, for_test=True)
        if cache is not None:
            cached = learner
            plan = FeaturePlan(config.cache.n_views, flip=recipe.augmentation.flip, seed=seed)
            paths = cache_clips(learner, learned, recipe, plan, cache / "train", ranks, monitor)
            samples = cached_training(
                paths, config.stage, recipe, seed, n_used, config.cache.n_easy
            )
            about = {"head": config.stage, "seed": seed, **asdict(recipe)}
            place = cache / f"{config.stage}-valid"
            questions = cached_questions(
                learner, questions, asked, about, place, n_workers, ranks, monitor
            )
        task = WindowTask(samples, questions, share, n_workers=n_workers)
    return train(
        network,
        task,
        config.epochs.apply(loop, max(1, n_used // share.global_batch), ranks.n_ranks),
        folder,
        monitor,
        _conditions(config, learned, asked, cached),
        ranks=ranks,
        wandb_project=wandb_project,
    )


def _open_sets(config: RunConfig, ranks: Ranks) -> tuple[DataSet, DataSet]:
    """Open the clips of the training and of the validation."""
    sets = [open_data_set(config.data.kind, split, config.data) for split in ("train", "valid")]
    notes = [note for data_set in sets for note in data_set.notes]
    if config.stage == "sync":
        notes += [note for data_set in sets for note in data_set.window_notes]
    for note in dict.fromkeys(notes) if ranks.is_first else ():
        log.warning("%s", note)
    return sets[0], sets[1]


def _towers(config: RunConfig) -> ContrastiveModel:
    """Build the network of stage 1 with its initial weights."""
    model, start = config.model, config.start
    network = ContrastiveModel(
        width=model.width, depth=model.depth, stochastic_depth=model.stochastic_depth
    )
    if start.visual is not None:
        loaded = start_visual_tower(network.v_encoder, start.visual)
        log.info("%s", loaded.sentence(start.visual))
    if start.audio is not None:
        loaded = start_audio_tower(network.a_encoder, start.audio)
        log.info("%s", loaded.sentence(start.audio))
    if (path := start.checkpoint) is not None:
        log.info("%s", start_towers(network, read_weights(path), path).sentence(path))
    return network


def _learner(config: RunConfig) -> Synchformer:
    """Build the network of stage 2 or 3 with its initial weights."""
    model, path = config.model, config.start.checkpoint
    head: Head = "sync" if config.stage == "sync" else "synchability"
    network = build_learner(head, width=model.width, depth=model.depth, dropout=model.dropout)
    if config.start.small:
        begin_small(network)
    if path is None:
        log.warning("The towers are not trained; set start.checkpoint to use a previous stage.")
        return network
    weights = read_weights(path)
    parts = {name.split(".")[1] for name in weights if name.startswith("transformer.")}
    if head == "synchability" and "sync_head" not in parts:
        loaded = start_from_sync(network, weights, path)
    elif not parts:
        loaded = start_towers(network, weights, path)
    else:
        loaded = load_matching(network, weights, path, new=())
    log.info("%s", loaded.sentence(path))
    return network


def _conditions(
    config: RunConfig, learned: DataSet, asked: DataSet, cached: Synchformer | None
) -> str:
    """Conditions for resuming a run, as JSON; `cached` is the network of features on disk."""
    values = json.loads(resolved(config))
    values["clips"] = {"train": clips_digest(learned), "valid": clips_digest(asked)}
    values["cache_features"] = cached is not None
    if cached is not None:
        values["towers"] = towers_digest(cached)
    return json.dumps(values, sort_keys=True)
