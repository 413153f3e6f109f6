"""MP4 and MOV: boxes (ISO/IEC 14496-12, 4.2) of the file and of its index, and truncation.

A box may state any size, in damaged files too. Nothing is read beyond the end of the file, and only
the requested boxes are read whole.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_INDEX = b"moov"
TOP_LEVEL = frozenset(
    [
        *[b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"imda", b"sidx", b"ssix", b"mfra"],
        *[b"meta", b"free", b"skip", b"wide", b"uuid", b"emsg", b"prft", b"pdin", b"udta"],
    ]
)
"""Names of boxes that a file consists of; foreign data may follow."""


@dataclass(frozen=True, slots=True)
class Box:
    """A box.

    Attributes:
        name: Type, four letters.
        begin: Position of its content, in bytes from the beginning of the file or buffer.
        end: End of its content, likewise; beyond the end of a truncated file.
    """

    name: bytes
    begin: int
    end: int


def file_boxes(file: BinaryIO) -> Iterator[Box]:
    """Yield the top-level boxes of a file, reading only their heads.

    Ends at the first bytes that are no box: some programs append foreign data.

    Raises:
        OSError: The file cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    position = 0
    while position + 8 <= size:
        file.seek(position)
        box = box_at(file.read(16), position, size)
        if box is None:
            return
        yield box
        position = box.end


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check whether the last top-level box reaches beyond the end of the file."""
    last = max(file_boxes(file), key=lambda box: box.end, default=None)
    return last is not None and last.end > size and last.name in TOP_LEVEL


def read_index(file: BinaryIO) -> tuple[int, bytes]:
    """Read the content of the index (``moov``).

    Returns:
        Its position in the file in bytes, and the content; empty if there is none.

    Raises:
        OSError: The file cannot be read.
    """
    for box in file_boxes(file):
        if box.name == _INDEX:
            # Reading allocates the requested size at once, and a damaged box may state any.
            n_bytes = min(box.end, file.seek(0, os.SEEK_END)) - box.begin
            file.seek(box.begin)
            return box.begin, file.read(max(n_bytes, 0))
    return 0, b""


def boxes_in(content: bytes | bytearray, outer: Box | None = None) -> Iterator[Box]:
    """Yield the children of a box, or all boxes of a buffer; none reaches beyond its parent."""
    position, last = (outer.begin, outer.end) if outer else (0, len(content))
    while position + 8 <= last:
        box = box_at(content[position : position + 16], position, last)
        if box is None:
            return
        yield Box(box.name, box.begin, min(box.end, last))
        position = box.end


def find_box(content: bytes | bytearray, outer: Box | None, *path: bytes) -> Box | None:
    """Find the first box at a path of names.

    Args:
        content: Buffer with the boxes.
        outer: Box to start in; None for the whole buffer.
        path: Names from the outermost box to the requested one, at least one.
    """
    for depth, name in enumerate(path):
        if outer is None and depth:
            return None
        outer = next((inner for inner in boxes_in(content, outer) if inner.name == name), None)
    return outer


def number_at(content: bytes | bytearray, position: int, n_bytes: int) -> int:
    """Read an unsigned big-endian integer."""
    return int.from_bytes(content[position : position + n_bytes], "big")


def box_at(head: bytes | bytearray, position: int, last: int) -> Box | None:
    """Parse the head of a box; None if there is none.

    Args:
        head: Bytes of the head, up to 16.
        position: Position of the head.
        last: End of the file or of the box around it, for a box without a size.
    """
    name = bytes(head[4:8])
    size, n_head_bytes = number_at(head, 0, 4), 8
    if size == 1:
        size, n_head_bytes = number_at(head, 8, 8), 16
    elif size == 0 and any(name):
        # The box fills the rest of the file.
        size = last - position
    if size < n_head_bytes:
        return None
    return Box(name, position + n_head_bytes, position + size)
