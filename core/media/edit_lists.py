"""The edit lists of MP4 and MOV (ISO/IEC 14496-12, 8.6.6): which part of a track is played, when.

FFmpeg's muxer writes a pause in front of a track, or hides the head of it, but not both.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from core.media.losses import index_of

_PAUSE = -1
"""The time in the track by which an edit says that nothing is played."""


@dataclass(frozen=True, slots=True)
class _Box:
    """A box; positions count from the beginning of the index."""

    name: bytes
    begin: int
    end: int


def n_pieces(path: Path, container: str) -> int:
    """Return of how many pieces the edit lists make that track which is made of most.

    Args:
        path: The file.
        container: FFmpeg's name of its format.
    """
    index = index_of(path, container) if container.startswith("mov") else b""
    tracks = [track for track in _tracks(index) if _kind(index, track) in {b"vide", b"soun"}]
    lists = [_find(index, track, b"edts", b"elst") for track in tracks]
    pieces = [
        len([e for e in _edits(index, box) if e[1] != _PAUSE and e[0]]) for box in lists if box
    ]
    return max(pieces, default=0)


def hide_heads(path: Path, heads_s: Mapping[int, Fraction]) -> None:
    """Let tracks of sound that begin with a pause be played from a later point of theirs on.

    Nothing moves in the file: numbers of its index are changed where they are.

    Args:
        path: A complete file.
        heads_s: How much of each is not to be played, by its number among the tracks of sound.

    Raises:
        OSError: The file cannot be read or written.
    """
    if not heads_s:
        return
    with path.open("r+b") as file:
        place, index = _read_index(file)
        sounds = [track for track in _tracks(index) if _kind(index, track) == b"soun"]
        movie = _find(index, _Box(b"", 0, len(index)), b"mvhd")
        assert movie is not None
        ticks_hz = _number(index, movie.begin + (20 if index[movie.begin] else 12), 4)
        for number, head_s in heads_s.items():
            _hide_head(index, sounds[number], head_s, ticks_hz)
        file.seek(place)
        file.write(index)


def _read_index(file: BinaryIO) -> tuple[int, bytearray]:
    """Return where the content of the index begins, and that content."""
    while len(head := file.read(8)) == 8:
        size = int.from_bytes(head[:4], "big")
        n_head = 8
        if size == 1:
            size, n_head = int.from_bytes(file.read(8), "big"), 16
        if head[4:] == b"moov":
            return file.tell(), bytearray(file.read(size - n_head))
        if size < n_head:
            break
        file.seek(size - n_head, 1)
    return file.tell(), bytearray()


def _hide_head(index: bytearray, track: _Box, head_s: Fraction, ticks_hz: int) -> None:
    media = _find(index, track, b"mdia", b"mdhd")
    header = _find(index, track, b"tkhd")
    edits = _find(index, track, b"edts", b"elst")
    assert media is not None
    assert header is not None
    assert edits is not None
    track_hz = _number(index, media.begin + (20 if index[media.begin] else 12), 4)
    is_long = index[edits.begin]
    n_bytes = 8 if is_long else 4
    entry = edits.end - (20 if is_long else 12)
    _add(index, entry + n_bytes, n_bytes, round(head_s * track_hz))
    _add(index, entry, n_bytes, -round(head_s * ticks_hz))
    is_long = index[header.begin]
    place = header.begin + (28 if is_long else 20)
    _add(index, place, 8 if is_long else 4, -round(head_s * ticks_hz))


def _add(index: bytearray, place: int, n_bytes: int, amount: int) -> None:
    """Add to a number; one that is unknown, as lengths in fragmented files, stays so."""
    number = _number(index, place, n_bytes)
    if amount > 0 or number > -amount:
        index[place : place + n_bytes] = (number + amount).to_bytes(n_bytes, "big")


def _number(index: bytes | bytearray, place: int, n_bytes: int) -> int:
    return int.from_bytes(index[place : place + n_bytes], "big")


def _edits(index: bytes | bytearray, box: _Box) -> Iterator[tuple[int, int]]:
    """Yield the length of each edit and where in the track it begins."""
    n_bytes = 8 if index[box.begin] else 4
    for entry in range(box.begin + 8, box.end - 2 * n_bytes - 3, 2 * n_bytes + 4):
        begin = index[entry + n_bytes : entry + 2 * n_bytes]
        yield _number(index, entry, n_bytes), int.from_bytes(begin, "big", signed=True)


def _kind(index: bytes | bytearray, track: _Box) -> bytes:
    handler = _find(index, track, b"mdia", b"hdlr")
    return bytes(index[handler.begin + 8 : handler.begin + 12]) if handler else b""


def _tracks(index: bytes | bytearray) -> list[_Box]:
    everything = _Box(b"", 0, len(index))
    return [box for box in _boxes(index, everything) if box.name == b"trak"]


def _find(index: bytes | bytearray, box: _Box | None, *names: bytes) -> _Box | None:
    """Return the box that lies in others, by the names from outside to inside."""
    for name in names:
        if box is not None:
            box = next((inner for inner in _boxes(index, box) if inner.name == name), None)
    return box


def _boxes(index: bytes | bytearray, box: _Box) -> Iterator[_Box]:
    place = box.begin
    while place + 8 <= box.end:
        size, n_head = _number(index, place, 4), 8
        if size == 1:
            size, n_head = _number(index, place + 8, 8), 16
        if size < n_head:
            return
        end = min(place + size, box.end)
        yield _Box(bytes(index[place + 4 : place + 8]), place + n_head, end)
        place = end
