"""Parts of a file beyond its packets, listed from the structure of the container.

FFmpeg copies what it models. The rest is named here, so that nothing gets lost unsaid when a file
is written anew. Encryption belongs to that rest: without its boxes, packets cannot be decoded.
"""

from collections.abc import Callable, Collection, Iterator
from contextlib import suppress
from itertools import islice
from pathlib import Path
from typing import BinaryIO, NamedTuple

from core.errors import MediaError
from core.media.formats.flv import contents as flv_contents
from core.media.formats.matroska import contents as matroska_contents
from core.media.formats.mp4 import contents as mp4_contents
from core.media.formats.mpegts import contents as mpegts_contents

_MOST_PARTS = 50
"""Most parts that are named."""

_PARTS: dict[str, Callable[[BinaryIO, Collection[int]], Iterator[str]]] = {
    "mov": mp4_contents.unseen_parts,
    "matroska": matroska_contents.unseen_parts,
    "mpegts": mpegts_contents.unseen_parts,
    "flv": flv_contents.unseen_parts,
}
_ENCRYPTION: dict[str, Callable[[BinaryIO], bool]] = {
    "mov": mp4_contents.is_encrypted,
    "matroska": matroska_contents.is_encrypted,
    "mpegts": mpegts_contents.is_encrypted,
    "flv": flv_contents.is_encrypted,
}
"""Checks of each container, by the beginning of FFmpeg's name of its demuxer."""


class Contents(NamedTuple):
    """Findings about a file that is to be written anew.

    Attributes:
        is_encrypted: Whether it has encrypted streams.
        unseen_parts: Names of the parts without a place in a file written by FFmpeg, such as "the
            nesting of its chapters".
    """

    is_encrypted: bool = False
    unseen_parts: tuple[str, ...] = ()


def read_contents(path: Path, container: str, seen: Collection[int]) -> Contents:
    """List what FFmpeg does not copy from a file.

    Args:
        path: The file.
        container: FFmpeg's name of the demuxer.
        seen: Numbers of the streams that FFmpeg lists: track IDs in MP4, PIDs in MPEG-TS.

    Returns:
        The findings; none for other containers, and if the file cannot be read, an error reported
        by copying it.
    """
    name = next((one for one in _PARTS if container.startswith(one)), None)
    if name is None:
        return Contents()
    with suppress(OSError), path.open("rb") as file:
        is_protected = _ENCRYPTION[name](file)
        file.seek(0)
        return Contents(is_protected, tuple(islice(_PARTS[name](file, seen), _MOST_PARTS)))
    return Contents()


def track_kinds(path: Path, container: str) -> dict[int, str]:
    """Types of the tracks of MP4 and MOV, by track ID; empty for other containers."""
    if container.startswith("mov"):
        with suppress(OSError), path.open("rb") as file:
            return mp4_contents.track_kinds(file)
    return {}


def is_encrypted(path: Path, container: str) -> bool:
    """Whether a file has encrypted streams; False if it cannot be read.

    Args:
        path: The file.
        container: FFmpeg's name of the demuxer.
    """
    check = next((one for name, one in _ENCRYPTION.items() if container.startswith(name)), None)
    if check is None:
        return False
    with suppress(OSError), path.open("rb") as file:
        return check(file)
    return False


def check_decodable(path: Path, container: str) -> None:
    """Check that a file is not encrypted.

    Raises:
        MediaError: It is.
    """
    if is_encrypted(path, container):
        raise MediaError(
            f"{path.name} is encrypted, so its picture and sound cannot be decoded; choose a copy "
            "without encryption.",
            path=path,
        )
