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
        help="Keep what the towers see and hear here, and learn from that: many times as fast.",
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
    """Stage 1: teach the towers which segments of picture and sound belong together."""
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
    """Stage 2: teach the synchronization module by how much the sound is early."""
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
    """Stage 3: teach the synchronization module whether there is an offset to be found."""
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
    """Return what shows the progress; the processes are at the same step, so the first tells it."""
    return TerminalMonitor() if ranks.is_first else nullcontext(SILENT)


def _tell(metrics: Metrics, out: Path, ranks: Ranks) -> None:
    if not ranks.is_first:
        return
    figures = ", ".join(f"{name} {value:.3f}" for name, value in metrics.items())
    typer.echo(f"{figures}; the checkpoints are in {out}")
