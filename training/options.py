"""Options that several commands share."""

from pathlib import Path
from typing import Annotated

import typer

from core.model.device import choose_device


def _known_device(name: str) -> str:
    try:
        choose_device(name)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error
    return name


PresetOption = Annotated[
    Path, typer.Option("--preset", metavar="NAME|FILE", help="What is trained, and how.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Gets the results.")]
OverridesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SECTION.KEY=VALUE]...", help="What differs from the preset."),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", callback=_known_device)
]
WorkersOption = Annotated[
    int, typer.Option("--workers", metavar="N", min=0, help="Processes that read clips; 0: none.")
]
WandbOption = Annotated[
    str,
    typer.Option(
        "--wandb", metavar="PROJECT", help="Send the curves to Weights & Biases, if installed."
    ),
]
