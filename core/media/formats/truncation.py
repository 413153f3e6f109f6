"""Detection of files with a missing end, by the lengths stated in the container.

Demuxers read a truncated file to where it stops and report nothing. Most containers state the
length of the file or of its last part. A cut between two independent parts cannot be found. Here
are the checks of containers without a module of their own: AVI (RIFF) and MXF (SMPTE ST 377-1).
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.media.formats.flv import file as flv
from core.media.formats.matroska import segment as matroska
from core.media.formats.mp4 import boxes as mp4
from core.media.formats.mpegts import raster as mpegts
from core.media.info import MediaInfo

_SEARCHED_BYTES = 1 << 16
_KEY = bytes.fromhex("060e2b34")
_KEY_BYTES = 16
_PARTITION = bytes.fromhex("060e2b34020501010d010201")


def _is_mxf_truncated(file: BinaryIO, size: int) -> bool:
    """Check the lengths of the packets after the footer named in the header (ST 377-1, 7.1)."""
    head = file.read(_SEARCHED_BYTES)
    begin = head.find(_PARTITION)
    if begin < 0 or begin + _KEY_BYTES + 1 > len(head):
        return False
    # Key and length, two versions, KAG size, positions of this and the previous partition.
    fields = begin + _KEY_BYTES + _length(head[begin + _KEY_BYTES :])[1] + 24
    position = begin + int.from_bytes(head[fields : fields + 8], "big")
    if position <= begin:
        # An open header does not know its footer.
        return False
    if position >= size:
        return True
    while position < size:
        file.seek(position)
        head = file.read(25)
        if head[:4] != _KEY[: len(head)]:
            return False
        n_bytes, n_length_bytes = _length(head[_KEY_BYTES:])
        if not n_length_bytes:
            return True
        position += _KEY_BYTES + n_length_bytes + n_bytes
    return position > size


def _length(content: bytes) -> tuple[int, int]:
    """Parse a BER length.

    Returns:
        The length and its own size in bytes; the size is 0 if it is incomplete.
    """
    if not content or content[0] < 0x80:
        return (content[0], 1) if content else (0, 0)
    n_bytes = content[0] & 0x7F
    if len(content) < 1 + n_bytes:
        return 0, 0
    return int.from_bytes(content[1 : 1 + n_bytes], "big"), 1 + n_bytes


def _is_avi_truncated(file: BinaryIO, size: int) -> bool:
    """Check the lengths of the RIFF chunks; large files have several."""
    position = 0
    while position + 12 <= size:
        file.seek(position)
        head = file.read(8)
        n_bytes = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or n_bytes == 0:
            return False
        position += 8 + n_bytes
    return position > size


_CHECKS: dict[str, Callable[[BinaryIO, int], bool]] = {
    "mov": mp4.is_truncated,
    "matroska": matroska.is_truncated,
    "avi": _is_avi_truncated,
    "flv": flv.is_truncated,
    "mpegts": mpegts.is_truncated,
    "mxf": _is_mxf_truncated,
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
