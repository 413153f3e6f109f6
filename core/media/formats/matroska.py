"""Matroska and WebM (RFC 9559): filler between packets, truncation."""

from collections.abc import Iterator
from typing import BinaryIO

from core.media.formats.ebml import HEAD_BYTES, MAX_SIZE_BYTES, parse_head, parse_number

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


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check the length of the segment, or of its clusters if the segment states none."""
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(HEAD_BYTES)
        element = parse_head(head)
        if element is None:
            # Either a head cut in two, or foreign data appended to the file.
            return len(head) < HEAD_BYTES and position > 0
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
    n_before = min(begin, 1 + MAX_SIZE_BYTES)
    file.seek(begin - n_before)
    before = file.read(n_before)
    for n_bytes in range(1, n_before):
        size = parse_number(before, n_before - n_bytes, MAX_SIZE_BYTES)
        if before[-n_bytes - 1] in _BLOCKS and size is not None and size[1] == n_before:
            yield begin + size[0]


def _elements_lead(file: BinaryIO, position: int, end: int) -> bool:
    while position < end:
        file.seek(position)
        element = parse_head(file.read(HEAD_BYTES))
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
