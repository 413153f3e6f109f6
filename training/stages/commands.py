"""The commands of the three stages."""

from pathlib import Path
from typing import Annotated

import typer

from core.model.fusion import Head
from training.config import RunConfig, read_config
from training.distributed import joined_ranks
from training.loop import Metrics
from training.options import (
    DeviceOption,
    OutOption,
    OverridesArgument,
    PresetOption,
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
) -> None:
    """Stage 1: teach the towers which segments of picture and sound belong together."""
    config = read_config(preset, overrides or [])
    with joined_ranks(device) as ranks, TerminalMonitor() as monitor:
        metrics = run_contrastive(config, out, ranks, monitor, n_workers)
    _tell(metrics, out)
