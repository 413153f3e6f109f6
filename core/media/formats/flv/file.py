"""Flash Video: tags (Adobe FLV specification 10.1, annex E) and truncation."""

import os
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

_TAG_TYPES = frozenset({8, 9, 15, 18})
"""Audio, video and both kinds of script (E.4.1)."""

_MOST_TAGS = 1 << 21
"""More than in half a day of recording."""

_HEADER_BYTES = 9
_TAG_HEAD_BYTES = 11
_TRAILER_BYTES = 4
"""Size of the tag, repeated after each tag."""


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check that the file ends with the trailer of its last tag."""
    file.seek(max(size - _TRAILER_BYTES, 0))
    n_bytes = int.from_bytes(file.read(_TRAILER_BYTES), "big")
    begin = size - _TRAILER_BYTES - n_bytes
    if n_bytes < _TAG_HEAD_BYTES or begin < 0:
        return True
    file.seek(begin)
    return _tag_bytes(file.read(_TAG_HEAD_BYTES)) != n_bytes


class Tag(NamedTuple):
    """A tag.

    Attributes:
        kind: Its first byte: type, and a mark of encryption.
        begin: Position of its content, bytes.
        end: End of its content, bytes.
    """

    kind: int
    begin: int
    end: int


def tags(file: BinaryIO) -> Iterator[Tag]:
    """Yield the tags of a file, up to the first bytes that are none.

    Raises:
        OSError: The file cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    file.seek(0)
    position = int.from_bytes(file.read(_HEADER_BYTES)[5:], "big") + _TRAILER_BYTES
    for _ in range(_MOST_TAGS):
        if position >= size:
            return
        file.seek(position)
        head = file.read(_TAG_HEAD_BYTES)
        n_bytes = _tag_bytes(head)
        if n_bytes is None or position + n_bytes > size:
            return
        yield Tag(head[0], position + _TAG_HEAD_BYTES, position + n_bytes)
        position += n_bytes + _TRAILER_BYTES


def _tag_bytes(head: bytes) -> int | None:
    """Size of a tag with its head; None if the head is not one of a tag."""
    # The upper bits mark encrypted tags.
    if not head or head[0] & 0x1F not in _TAG_TYPES:
        return None
    return _TAG_HEAD_BYTES + int.from_bytes(head[1:4], "big")
