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
        str, typer.Option("--split", help="Which clips of the data set: train, valid or test.")
    ] = "test",
    n_passes: Annotated[
        int,
        typer.Option(
            "--iter-times",
            metavar="N",
            min=0,
            help="Go through the clips N times and pool; 0: as the recipe says, samples.n_passes.",
        ),
    ] = 0,
    judge: Annotated[
        Path | None,
        typer.Option(
            "--synchability", metavar="FILE", help="A result of the third stage to judge with."
        ),
    ] = None,
    device: DeviceOption = "auto",
    n_workers: WorkersOption = 0,
) -> None:
    """Measure how well a network finds offsets, or tells whether there are any."""
    config = read_config(preset, overrides or [])
    question = Question(checkpoint, split, n_passes, judge, device, n_workers)
    with TerminalMonitor() as monitor:
        evaluation = evaluate_checkpoint(config, question, out, monitor)
    Console().print(tables(evaluation))
    typer.echo(f"Written: {out / RESULT}")
