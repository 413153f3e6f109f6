"""The boxes of MP4 and MOV (ISO/IEC 14496-12, 4.2), read from the file and from its index.

A box may state any size, also in a damaged file: nothing is read beyond the end of the file, and
nothing of a box that is not asked for.
"""

import os
from collections.abc import Iterator
from dataclasses import dataclass
from typing import BinaryIO

_INDEX = b"moov"


@dataclass(frozen=True, slots=True)
class Box:
    """A box.

    Attributes:
        name: Its four letters.
        begin: Where its content begins, in bytes from the beginning of what it lies in.
        end: Where it ends, likewise; of a box of a file that was cut off, beyond the end of that.
    """

    name: bytes
    begin: int
    end: int


def file_boxes(file: BinaryIO) -> Iterator[Box]:
    """Go from box to box of a file, reading their heads only.

    It ends where no box stands: some programs append what is none.

    Raises:
        OSError: The file cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    place = 0
    while place + 8 <= size:
        file.seek(place)
        box = _box(file.read(16), place, size)
        if box is None:
            return
        yield box
        place = box.end


def read_index(file: BinaryIO) -> tuple[int, bytes]:
    """Return where the content of the index begins, and that content; empty if there is none.

    Raises:
        OSError: The file cannot be read.
    """
    for box in file_boxes(file):
        if box.name == _INDEX:
            file.seek(box.begin)
            # Reading reserves what is asked for.
            n_bytes = min(box.end, file.seek(0, os.SEEK_END)) - box.begin
            file.seek(box.begin)
            return box.begin, file.read(max(n_bytes, 0))
    return 0, b""


def boxes_in(content: bytes | bytearray, outer: Box | None = None) -> Iterator[Box]:
    """Go through the boxes in a box, or in all of the content; those cut off end with it."""
    place, last = (outer.begin, outer.end) if outer else (0, len(content))
    while place + 8 <= last:
        box = _box(content[place : place + 16], place, last)
        if box is None:
            return
        yield Box(box.name, box.begin, min(box.end, last))
        place = box.end


def find_box(content: bytes | bytearray, outer: Box | None, *names: bytes) -> Box | None:
    """Return the box that lies in others, by the names from outside to inside.

    Args:
        content: What the boxes lie in.
        outer: The box to begin in; all of the content if None.
        names: At least one.
    """
    for number, name in enumerate(names):
        if outer is None and number:
            return None
        outer = next((inner for inner in boxes_in(content, outer) if inner.name == name), None)
    return outer


def number_at(content: bytes | bytearray, place: int, n_bytes: int) -> int:
    """Return a number without a sign."""
    return int.from_bytes(content[place : place + n_bytes], "big")


def _box(head: bytes | bytearray, place: int, last: int) -> Box | None:
    """Return the box that begins with these bytes; None if none does."""
    size, n_head = number_at(head, 0, 4), 8
    if size == 1:
        size, n_head = number_at(head, 8, 8), 16
    elif size == 0:
        # It goes on to the end of what it lies in.
        size = last - place
    if size < n_head:
        return None
    return Box(bytes(head[4:8]), place + n_head, place + size)
