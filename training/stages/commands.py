"""The commands of the three stages."""

from contextlib import AbstractContextManager, nullcontext
from pathlib import Path
from typing import Annotated

import typer

from core.model.synchformer.sync_transformer import Head
from core.progress import SILENT, Monitor
from training.config import RunConfig, read_stage
from training.loop.distributed import Ranks, joined_ranks
from training.metrics.types import Metrics
from training.options import (
    DeviceOption,
    OutOption,
    OverridesArgument,
    PresetOption,
    WandbOption,
    WorkersOption,
)
from training.stages.runs import run_contrastive, run_windows
from training.terminal import TerminalMonitor

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
    config = read_stage("contrastive", preset, overrides or [])
    with joined_ranks(device) as ranks, _monitor_of(ranks) as monitor:
        metrics = run_contrastive(config, out, ranks, monitor, n_workers, wandb_project)
        _tell(metrics, out, ranks)


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
    config = read_stage("sync", preset, overrides or [])
    _teach_windows(config, "sync", out, cache, device, n_workers, wandb_project)


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
    config = read_stage("synchability", preset, overrides or [])
    _teach_windows(config, "synchability", out, cache, device, n_workers, wandb_project)


def _teach_windows(
    config: RunConfig,
    head: Head,
    out: Path,
    cache: Path | None,
    device: str,
    n_workers: int,
    wandb_project: str,
) -> None:
    with joined_ranks(device) as ranks, _monitor_of(ranks) as monitor:
        metrics = run_windows(config, head, out, ranks, monitor, n_workers, cache, wandb_project)
        _tell(metrics, out, ranks)


def _monitor_of(ranks: Ranks) -> AbstractContextManager[Monitor]:
    """Monitor of a process; only the first one reports, as all are at the same step."""
    return TerminalMonitor() if ranks.is_first else nullcontext(SILENT)


def _tell(metrics: Metrics, out: Path, ranks: Ranks) -> None:
    if not ranks.is_first:
        return
    figures = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    typer.echo(f"{figures}; checkpoints: {out}")
