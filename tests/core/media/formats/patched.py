"""Apply a patch to a file."""

from pathlib import Path

from core.media.formats.patch import ByteRange, Patch


def patched(source: Path, patch: Patch, target: Path) -> Path:
    """Write a patched copy of a file."""
    content = source.read_bytes()
    target.write_bytes(
        b"".join(
            content[piece.begin : piece.end] if isinstance(piece, ByteRange) else piece
            for piece in patch.pieces()
        )
    )
    return target
