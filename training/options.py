"""Options shared by several commands."""

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
    Path, typer.Option("--preset", metavar="NAME|FILE", help="Name of a preset, or a TOML file.")
]
OutOption = Annotated[Path, typer.Option("--out", metavar="DIR", help="Folder for the results.")]
OverridesArgument = Annotated[
    list[str] | None,
    typer.Argument(metavar="[SECTION.KEY=VALUE]...", help="Changes to the preset."),
]
DeviceOption = Annotated[
    str, typer.Option("--device", help="auto, cpu, cuda, cuda:N or mps.", callback=_known_device)
]
WorkersOption = Annotated[
    int,
    typer.Option(
        "--workers", metavar="N", min=0, help="Processes for reading clips; 0 for no extra ones."
    ),
]
WandbOption = Annotated[
    str,
    typer.Option(
        "--wandb", metavar="PROJECT", help="Also send the curves to this Weights & Biases project."
    ),
]
