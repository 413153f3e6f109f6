"""Flash Video: tags (Adobe FLV specification 10.1, annex E), filler between packets, truncation."""

import os
from typing import BinaryIO

_TAG_TYPES = frozenset({8, 9, 15, 18})
"""Audio, video and both kinds of script (E.4.1)."""

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


def is_filled(file: BinaryIO, begin: int, end: int) -> bool:
    """Check that valid tags lead from one position to another, both in bytes.

    Raises:
        OSError: The file cannot be read.
    """
    position = begin
    while position < end:
        file.seek(position)
        head = file.read(_TAG_HEAD_BYTES)
        n_bytes = _tag_bytes(head)
        if n_bytes is None:
            return False
        file.seek(n_bytes - len(head), os.SEEK_CUR)
        # A run of zeros has no trailer.
        if file.read(_TRAILER_BYTES) != n_bytes.to_bytes(_TRAILER_BYTES, "big"):
            return False
        position += n_bytes + _TRAILER_BYTES
    return position == end


def _tag_bytes(head: bytes) -> int | None:
    """Size of a tag with its head; None if the head is not one of a tag."""
    # The upper bits mark encrypted tags.
    if not head or head[0] & 0x1F not in _TAG_TYPES:
        return None
    return _TAG_HEAD_BYTES + int.from_bytes(head[1:4], "big")
