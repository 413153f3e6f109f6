"""Detection of files with a missing end, by the lengths stated in the container.

Demuxers read a truncated file to where it stops and report nothing. Most containers state the
length of the file or of its last part. A cut between two independent parts cannot be found.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.media.formats import avi, flv, matroska, mp4, mpegts, mxf
from core.media.info import MediaInfo

_CHECKS: dict[str, Callable[[BinaryIO, int], bool]] = {
    "mov": mp4.is_truncated,
    "matroska": matroska.is_truncated,
    "avi": avi.is_truncated,
    "flv": flv.is_truncated,
    "mpegts": mpegts.is_truncated,
    "mxf": mxf.is_truncated,
}
"""Check of each container, by the beginning of FFmpeg's name of its demuxer."""


def truncation_notes(info: MediaInfo) -> Iterator[str]:
    """Yield a note for users if the end of a file is missing."""
    if is_truncated(info.path, info.container):
        yield (
            f"The end of {info.path.name} seems to be missing, and will be missing in the new file "
            "too; copy it again from where it came from."
        )


def is_truncated(path: Path, container: str) -> bool:
    """Check whether a file ends before the length stated in its container.

    Args:
        path: The file.
        container: FFmpeg's name of the demuxer.

    Returns:
        False also if the container states no length, or the file cannot be read.
    """
    check = next((check for name, check in _CHECKS.items() if container.startswith(name)), None)
    if check is None:
        return False
    try:
        with path.open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(0)
            return check(file, size)
    except OSError:
        return False
