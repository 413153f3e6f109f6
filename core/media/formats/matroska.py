"""Matroska and WebM: EBML elements (RFC 8794, RFC 9559), filler between packets, truncation."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_SEGMENT = 0x18538067
_BLOCKS = frozenset({0xA1, 0xA3})
"""Block and SimpleBlock (RFC 9559, 5.1.3); FFmpeg gives the position of their content."""

_ENTERED = frozenset({_SEGMENT, 0x1F43B675, 0xA0})
"""Segment, Cluster and BlockGroup, whose children stand between packets."""

_SKIPPED = _BLOCKS | {
    # EBML, SeekHead, Info, Tracks, Cues, Chapters, Tags, Attachments.
    *(0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B),
    *(0x1C53BB6B, 0x1043A770, 0x1254C367, 0x1941A469),
    # Void and CRC-32, allowed anywhere; children of a Cluster other than blocks.
    *(0xEC, 0xBF, 0xE7, 0xA7, 0xAB, 0x5854, 0xAF),
    # Children of a BlockGroup other than its block.
    *(0x9B, 0xFA, 0xFB, 0xFD, 0xA2, 0xA4, 0x75A1, 0x75A2, 0x8E, 0xC8),
}
"""Elements to step over, including blocks of tracks unknown to FFmpeg."""

_MAX_ID_BYTES, _MAX_SIZE_BYTES = 4, 8
_HEAD_BYTES = _MAX_ID_BYTES + _MAX_SIZE_BYTES


@dataclass(frozen=True, slots=True)
class _Element:
    """Head of an EBML element.

    Attributes:
        id: Identifier with its length marker.
        n_head_bytes: Size of the head.
        n_bytes: Size of the content; None if unknown, as in live recordings.
    """

    id: int
    n_head_bytes: int
    n_bytes: int | None


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check the length of the segment, or of its clusters if the segment states none."""
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(_HEAD_BYTES)
        element = _element(head)
        if element is None:
            # Either a head cut in two, or foreign data appended to the file.
            return len(head) < _HEAD_BYTES and position > 0
        position += element.n_head_bytes
        if element.n_bytes is None:
            if element.id != _SEGMENT:
                return False
            continue
        position += element.n_bytes
        if element.id == _SEGMENT or position > size:
            return position > size
    return False


def is_filled(file: BinaryIO, begin: int, end: int) -> bool:
    """Check that valid elements lead from one block to the next.

    Args:
        file: The file.
        begin: Position of the first block's content, bytes.
        end: Position of the next block's content, bytes.

    Raises:
        OSError: The file cannot be read.
    """
    return any(_elements_lead(file, position, end) for position in _block_ends(file, begin))


def _block_ends(file: BinaryIO, begin: int) -> Iterator[int]:
    """Yield possible ends of a block; its size, read backwards, is ambiguous."""
    n_before = min(begin, 1 + _MAX_SIZE_BYTES)
    file.seek(begin - n_before)
    before = file.read(n_before)
    for n_bytes in range(1, n_before):
        size = _number(before, n_before - n_bytes, _MAX_SIZE_BYTES)
        if before[-n_bytes - 1] in _BLOCKS and size is not None and size[1] == n_before:
            yield begin + size[0]


def _elements_lead(file: BinaryIO, position: int, end: int) -> bool:
    while position < end:
        file.seek(position)
        element = _element(file.read(_HEAD_BYTES))
        if element is None:
            return False
        position += element.n_head_bytes
        if element.id in _BLOCKS and position == end:
            return True
        if element.id in _SKIPPED and element.n_bytes is not None:
            position += element.n_bytes
        elif element.id not in _ENTERED:
            return False
    return False


def _element(head: bytes) -> _Element | None:
    """Parse the head of an element; None if there is no complete one."""
    identity = _number(head, 0, _MAX_ID_BYTES)
    size = _number(head, identity[1], _MAX_SIZE_BYTES) if identity is not None else None
    if identity is None or size is None:
        return None
    n_id_bytes, n_head_bytes = identity[1], size[1]
    # All ones stand for an unknown size.
    is_unknown = size[0] == (1 << 7 * (n_head_bytes - n_id_bytes)) - 1
    n_bytes = None if is_unknown else size[0]
    return _Element(int.from_bytes(head[:n_id_bytes], "big"), n_head_bytes, n_bytes)


def _number(content: bytes, begin: int, max_bytes: int) -> tuple[int, int] | None:
    """Parse a variable-size integer (RFC 8794, 4), without its length marker.

    Returns:
        The number and its end; None if there is none.
    """
    if begin >= len(content) or not content[begin]:
        return None
    n_bytes = 9 - content[begin].bit_length()
    end = begin + n_bytes
    if n_bytes > max_bytes or end > len(content):
        return None
    return int.from_bytes(content[begin:end], "big") & ((1 << 7 * n_bytes) - 1), end
