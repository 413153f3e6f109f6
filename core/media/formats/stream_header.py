"""The part of a file that describes its streams, as bytes."""

from contextlib import suppress
from pathlib import Path

from core.media.formats.mp4 import read_index

_HEAD_BYTES = 1 << 20


def index_of(path: Path, container: str) -> bytes:
    """Return the part of a file that describes its streams; empty for most containers.

    Of MP4 and MOV, it is what the box of that name holds.

    It is empty as well where that cannot be read, which copying the file tells.

    Args:
        path: The file.
        container: FFmpeg's name of its format.
    """
    with suppress(OSError), path.open("rb") as file:
        if container.startswith("matroska"):
            return file.read(_HEAD_BYTES)
        if container.startswith("mov"):
            return read_index(file)[1]
    return b""


def check_index(path: Path, container: str) -> None:
    """Read what describes the streams of a file.

    Demuxers go on after a failure in there, with those streams that they have heard of until then.

    Args:
        path: The file.
        container: FFmpeg's name of its format.

    Raises:
        OSError: It cannot be read.
    """
    with path.open("rb") as file:
        file.read(_HEAD_BYTES)
        if container.startswith("mov"):
            read_index(file)
