"""From a training checkpoint to a model that the application can use."""

from pathlib import Path
from typing import Annotated

import typer

from core.model.checkpoint import read_checkpoint, save_checkpoint
from core.model.hashing import hash_file


def export(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="latest.pt or best.pt of a run.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="New; its last part names the model.")
    ],
    title: Annotated[str, typer.Option("--title", help="Name to show [FOLDER's].")] = "",
) -> None:
    """Write a trained network as safetensors and JSON; the application knows the published sizes.

    The folder's model is used with `--model FOLDER/model.safetensors`, or installed with `models
    import`.
    """
    found = read_checkpoint(checkpoint)
    save_checkpoint(found, folder, title=title, source_sha256=hash_file(checkpoint).sha256)
    typer.echo(f"Written: {folder}")
