"""Telling what stands between two packets of Matroska or Flash Video.

Both may have something there that no packet belongs to: padding, indexes, tags, scripts.
"""

import os
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

_BLOCKS = frozenset({0xA1, 0xA3})
"""Block and SimpleBlock (RFC 9559, 5.1.3); the place of a packet is where the content begins."""

_OPENED = frozenset({0x18538067, 0x1F43B675, 0xA0})
"""Segment, Cluster and BlockGroup, whose children stand between packets."""

_SKIPPED = _BLOCKS | {
    # EBML, SeekHead, Info, Tracks, Cues, Chapters, Tags, Attachments.
    *(0x1A45DFA3, 0x114D9B74, 0x1549A966, 0x1654AE6B),
    *(0x1C53BB6B, 0x1043A770, 0x1254C367, 0x1941A469),
    # Void and CRC-32, which may be anywhere; what a Cluster has beside blocks.
    *(0xEC, 0xBF, 0xE7, 0xA7, 0xAB, 0x5854, 0xAF),
    # What a BlockGroup has beside its block.
    *(0x9B, 0xFA, 0xFB, 0xFD, 0xA2, 0xA4, 0x75A1, 0x75A2, 0x8E, 0xC8),
}
"""Elements that are stepped over; blocks too, as those of tracks that FFmpeg does not know."""

_MOST_ID_BYTES, _MOST_SIZE_BYTES = 4, 8

_TAGS = frozenset({8, 9, 15, 18})
"""Sound, pictures and both kinds of script (Adobe FLV specification 10.1, E.4.1)."""

_TAG_HEAD_BYTES = 11


def is_filled(path: Path, container: str, begin: int, end: int) -> bool:
    """Tell whether whole elements, of kinds that belong there, lead from a packet to the next.

    Args:
        path: The file.
        container: FFmpeg's name of the demuxer.
        begin: Where the packet is, in bytes, as FFmpeg tells it.
        end: Where the next one is.

    Returns:
        Whether they do; not so either where that is not known of the container, or where the file
        cannot be read, which whoever reads the packets tells.
    """
    with suppress(OSError), path.open("rb") as file:
        if container.startswith("matroska"):
            return any(_elements_lead(file, at, end) for at in _block_ends(file, begin))
        if container == "flv":
            return _tags_lead(file, begin, end)
    return False


def _block_ends(file: BinaryIO, begin: int) -> Iterator[int]:
    """Yield where a block may end; read backwards, its size can mean several things."""
    n_before = min(begin, 1 + _MOST_SIZE_BYTES)
    file.seek(begin - n_before)
    before = file.read(n_before)
    for n_bytes in range(1, n_before):
        size = _number(before, n_before - n_bytes, _MOST_SIZE_BYTES)
        if before[-n_bytes - 1] in _BLOCKS and size is not None and size[1] == n_before:
            yield begin + size[0]


def _elements_lead(file: BinaryIO, position: int, end: int) -> bool:
    while position < end:
        file.seek(position)
        head = file.read(_MOST_ID_BYTES + _MOST_SIZE_BYTES)
        kind = _number(head, 0, _MOST_ID_BYTES)
        size = _number(head, kind[1], _MOST_SIZE_BYTES) if kind is not None else None
        if kind is None or size is None:
            return False
        identity = int.from_bytes(head[: kind[1]], "big")
        position += size[1]
        if identity in _BLOCKS and position == end:
            return True
        if identity in _SKIPPED:
            # An unknown size, all ones, leads beyond any end.
            position += size[0]
        elif identity not in _OPENED:
            return False
    return False


def _number(content: bytes, begin: int, most_bytes: int) -> tuple[int, int] | None:
    """Read a number whose leading zeros tell how long it is (RFC 8794, 4).

    Returns:
        It and where it ends; None if there is none.
    """
    if begin >= len(content) or not content[begin]:
        return None
    n_bytes = 9 - content[begin].bit_length()
    end = begin + n_bytes
    if n_bytes > most_bytes or end > len(content):
        return None
    return int.from_bytes(content[begin:end], "big") & ((1 << 7 * n_bytes) - 1), end


def _tags_lead(file: BinaryIO, position: int, end: int) -> bool:
    while position < end:
        file.seek(position)
        head = file.read(_TAG_HEAD_BYTES)
        n_bytes = _TAG_HEAD_BYTES + int.from_bytes(head[1:4], "big")
        file.seek(n_bytes - len(head), os.SEEK_CUR)
        # Behind each tag its length is repeated; among zeros it is not.
        if not head or head[0] & 0x1F not in _TAGS or file.read(4) != n_bytes.to_bytes(4, "big"):
            return False
        position += n_bytes + 4
    return position == end
