"""The command `evaluate`."""

from pathlib import Path
from typing import Annotated

import typer
from rich.console import Console

from training.config import read_config
from training.evaluation.report import tables
from training.evaluation.run import RESULT, Question, evaluate_checkpoint
from training.options import (
    DeviceOption,
    OutOption,
    OverridesArgument,
    PresetOption,
    WorkersOption,
)
from training.terminal import TerminalMonitor


def evaluate(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="A result of the second or third stage.")
    ],
    preset: PresetOption,
    out: OutOption,
    overrides: OverridesArgument = None,
    split: Annotated[
        str, typer.Option("--split", help="Split of the data set: train, valid or test.")
    ] = "test",
    n_passes: Annotated[
        int,
        typer.Option(
            "--iter-times",
            metavar="N",
            min=0,
            help="Number of passes over the clips, pooled; 0 for samples.n_passes.",
        ),
    ] = 0,
    synchability: Annotated[
        Path | None,
        typer.Option(
            "--synchability",
            metavar="FILE",
            help="A result of the third stage, for accuracies on clips with a findable offset.",
        ),
    ] = None,
    device: DeviceOption = "auto",
    n_workers: WorkersOption = 0,
) -> None:
    """Measure a network on the clips of a data set."""
    config = read_config(preset, overrides or [])
    question = Question(checkpoint, split, n_passes, synchability, device, n_workers)
    with TerminalMonitor() as monitor:
        evaluation = evaluate_checkpoint(config, question, out, monitor)
    Console().print(tables(evaluation))
    typer.echo(f"Written: {out / RESULT}")
