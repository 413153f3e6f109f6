"""Bytes of a file that describe its streams."""

from contextlib import suppress
from pathlib import Path

from core.media.formats.mp4.boxes import read_index

_HEAD_BYTES = 1 << 20


def index_of(path: Path, container: str) -> bytes:
    """Index of MP4 and MOV (content of ``moov``), or first megabyte of Matroska.

    Args:
        path: The file.
        container: FFmpeg's name of the demuxer.

    Returns:
        The bytes; empty for other containers, and if the file cannot be read, an error reported by
        copying it.
    """
    with suppress(OSError), path.open("rb") as file:
        if container.startswith("matroska"):
            return file.read(_HEAD_BYTES)
        if container.startswith("mov"):
            return read_index(file)[1]
    return b""


def check_index(path: Path, container: str) -> None:
    """Check that the bytes that describe the streams can be read.

    Demuxers ignore a read error there and go on with the streams found so far.

    Args:
        path: The file.
        container: FFmpeg's name of the demuxer.

    Raises:
        OSError: The bytes cannot be read.
    """
    with path.open("rb") as file:
        file.read(_HEAD_BYTES)
        if container.startswith("mov"):
            read_index(file)
