"""`export`: convert a training checkpoint to a model for the application."""

from pathlib import Path
from typing import Annotated

import typer

from core.errors import CheckpointError
from core.model.checkpoints.checkpoint import read_checkpoint, save_checkpoint
from core.model.hashing import hash_file
from training.weights import NetworkSize, read_weights, size_of


def export(
    checkpoint: Annotated[
        Path, typer.Argument(metavar="CHECKPOINT", help="latest.pt or best.pt of a run.")
    ],
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="New folder; its name is the model's name.")
    ],
    title: Annotated[
        str, typer.Option("--title", help="Name to show; default: the folder's name.")
    ] = "",
) -> None:
    """Write a trained network of the published size as a model for the application.

    Use the model with `--model FOLDER/model.safetensors`, or install it with `models import`.
    """
    _require_published_size(checkpoint)
    found = read_checkpoint(checkpoint)
    save_checkpoint(found, folder, title=title, source_sha256=hash_file(checkpoint).sha256)
    typer.echo(f"Written: {folder}")


def _require_published_size(path: Path) -> None:
    """Refuse an intact network of a size unknown to the application.

    Raises:
        CheckpointError: The file cannot be read, or holds a network of another size.
    """
    published = NetworkSize()
    try:
        size = size_of(read_weights(path))
    except KeyError:
        return  # `read_checkpoint` reports missing weights.
    if size != published:
        raise CheckpointError(
            f"Only networks of the published size (width {published.width}, depth"
            f" {published.depth}) can be exported; {path} has width {size.width}, depth"
            f" {size.depth}. Train one with model.width={published.width}"
            f" model.depth={published.depth}.",
            path=path,
        )
