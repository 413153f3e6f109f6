"""Matroska and WebM (RFC 9559): parts of the segment, last time, truncation."""

import os
from collections.abc import Iterator
from typing import BinaryIO

from core.media.formats.matroska.ebml import HEAD_BYTES, MAX_SIZE_BYTES, parse_head, parse_number

_SEGMENT = 0x18538067
_BLOCKS = frozenset({0xA1, 0xA3})
"""Block and SimpleBlock (RFC 9559, 5.1.3)."""

_ENTERED = frozenset({_SEGMENT, 0x1F43B675, 0xA0})
"""Segment, Cluster and BlockGroup."""

_IN_CLUSTER = _BLOCKS | {
    # Children of a Cluster other than blocks.
    *(0xE7, 0xA7, 0xAB, 0x5854, 0xAF),
    # Children of a BlockGroup other than its block.
    *(0x9B, 0xFA, 0xFB, 0xFD, 0xA2, 0xA4, 0x75A1, 0x75A2, 0x8E, 0xC8),
    0xA0,
}
"""Elements within a Cluster."""

_SKIPPED = (_IN_CLUSTER - _ENTERED) | {
    # EBML, SeekHead, Info, Tracks, Cues, Chapters, Tags, Attachments.
    *(0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B),
    *(0x1C53BB6B, 0x1043A770, 0x1254C367, 0x1941A469),
    # Void and CRC-32, allowed anywhere.
    *(0xEC, 0xBF),
}
"""Elements to step over."""

_TIMESTAMP = 0xE7
_CLUSTER_ID, _SCALE_ID = b"\x1f\x43\xb6\x75", b"\x2a\xd7\xb1"
_INFO_BYTES = 1 << 16
_TAIL_BYTES, _MOST_TAIL_BYTES = 1 << 20, 1 << 26

_MOST_ELEMENTS = 1 << 21
"""Most elements that are stepped over, more than in a day of recording."""


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


def last_time_s(file: BinaryIO) -> float | None:
    """Time of the last block of a file in seconds; None if it is not found near the end.

    Live recordings state no duration and have no index, so the last cluster is searched.

    Raises:
        OSError: The file cannot be read.
    """
    scale_s = _tick_s(file.read(_INFO_BYTES))
    size = file.seek(0, os.SEEK_END)
    n_tail = _TAIL_BYTES
    while True:
        begin = max(size - n_tail, 0)
        file.seek(begin)
        tail = file.read(n_tail)
        position = tail.rfind(_CLUSTER_ID)
        while position >= 0:
            ticks = _last_ticks(tail[position:])
            if ticks is not None:
                return ticks * scale_s
            position = tail.rfind(_CLUSTER_ID, 0, position)
        if begin == 0 or n_tail >= _MOST_TAIL_BYTES:
            return None
        n_tail *= 4


def _tick_s(head: bytes) -> float:
    """Seconds per tick (TimestampScale, RFC 9559, 5.1.2.9), from the beginning of a file."""
    position = head.find(_SCALE_ID)
    size = parse_number(head, position + len(_SCALE_ID), MAX_SIZE_BYTES) if position >= 0 else None
    if size is None or not 0 < size[0] <= MAX_SIZE_BYTES:
        return 1e-3
    return int.from_bytes(head[size[1] : size[1] + size[0]], "big") * 1e-9


def _last_ticks(content: bytes) -> int | None:
    """Latest block of a cluster at the beginning of a buffer, in ticks; None if it has none."""
    cluster_ticks: int | None = None
    last: int | None = None
    position = 0
    while (element := parse_head(content[position : position + HEAD_BYTES])) is not None:
        begin = position + element.n_head_bytes
        if element.id in _ENTERED:
            position = begin
            continue
        if element.n_bytes is None or element.id not in _SKIPPED:
            break
        if element.id == _TIMESTAMP:
            cluster_ticks = int.from_bytes(content[begin : begin + element.n_bytes], "big")
        track = parse_number(content, begin, MAX_SIZE_BYTES) if element.id in _BLOCKS else None
        if track is not None and cluster_ticks is not None:
            relative = int.from_bytes(content[track[1] : track[1] + 2], "big", signed=True)
            last = max(last or 0, cluster_ticks + relative)
        position = begin + element.n_bytes
    return last


def elements(content: bytes) -> Iterator[tuple[int, bytes]]:
    """Yield the identifier and content of the elements in a buffer, up to the first odd bytes."""
    position = 0
    while (element := parse_head(content[position : position + HEAD_BYTES])) is not None:
        begin = position + element.n_head_bytes
        end = len(content) if element.n_bytes is None else begin + element.n_bytes
        if end > len(content):
            return
        yield element.id, content[begin:end]
        position = end


def segment_parts(file: BinaryIO) -> Iterator[tuple[int, int, int]]:
    """Yield the identifier, begin and end (bytes) of the parts of a segment, such as Tracks.

    Clusters of unknown size are entered, so that the parts behind them are found.

    Raises:
        OSError: The file cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    position = 0
    for _ in range(_MOST_ELEMENTS):
        if position >= size:
            return
        file.seek(position)
        element = parse_head(file.read(HEAD_BYTES))
        if element is None:
            return
        position += element.n_head_bytes
        if element.id == _SEGMENT or (element.id in _ENTERED and element.n_bytes is None):
            continue
        if element.n_bytes is None:
            return
        if element.id not in _IN_CLUSTER:
            yield element.id, position, min(position + element.n_bytes, size)
        position += element.n_bytes
