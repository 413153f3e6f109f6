"""Script tags of FLV beyond those copied by FFmpeg (Adobe FLV specification 10.1, annex E.4)."""

from collections.abc import Collection, Iterator
from typing import BinaryIO

from core.media.formats.flv.file import tags

_SCRIPT = 18
_ENCRYPTED = 0x20
_NAME_BYTES = 64
_FIRST_TAGS = 4096
_WRITTEN_ANEW = frozenset({"onMetaData"})


def is_encrypted(file: BinaryIO) -> bool:
    """Check the first tags for the mark of encryption.

    Raises:
        OSError: The file cannot be read.
    """
    for number, tag in enumerate(tags(file)):
        if tag.kind & _ENCRYPTED:
            return True
        if number == _FIRST_TAGS:
            break
    return False


def unseen_parts(file: BinaryIO, _: Collection[int]) -> Iterator[str]:
    """Yield the names of parts without a place in a copy.

    Raises:
        OSError: The file cannot be read.
    """
    counts: dict[str, int] = {}
    for tag in tags(file):
        if tag.kind == _SCRIPT:
            file.seek(tag.begin)
            name = _name(file.read(min(_NAME_BYTES, tag.end - tag.begin)))
            counts[name] = counts.get(name, 0) + 1
    for name, count in counts.items():
        if name not in _WRITTEN_ANEW:
            yield f"{count} script tag{'s' * (count > 1)} named {name or 'nothing'}"


def _name(content: bytes) -> str:
    """Name of a script tag, a string after its type and length."""
    text = content[3 : 3 + int.from_bytes(content[1:3], "big")]
    return text.decode("utf-8", "replace")
