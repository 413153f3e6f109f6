"""Patches, applied."""

from pathlib import Path

from core.media.formats.patch import Patch


def patched(source: Path, patch: Patch, target: Path) -> Path:
    """Write a file as a patch of a source describes it."""
    content = source.read_bytes()
    with target.open("wb") as file:
        for piece in patch.pieces():
            file.write(piece if isinstance(piece, bytes) else content[piece.begin : piece.end])
    return target
