"""Writing, reading and undoing a patch.

Kept bytes are copied by the system (`core.correction.write.clone`), so that writing costs little
more than the size of the edits.
"""

import os
from bisect import bisect_right
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from core.correction.write.clone import clone, copy_range, write_all
from core.media.formats.patch import ByteRange, Edit, Patch
from core.media.reader import cut_off
from core.progress import SILENT, Monitor, Progress

_CHUNK_BYTES = 4 << 20
_LARGE_BYTES = 1 << 20
"""Smallest range worth a call to the system; smaller ones are gathered."""

_WINDOW_BYTES = 1 << 20
_WRITTEN_AT_ONCE = 1 << 22
"""Bytes gathered before they are written."""


def write_patched(source: Path, patch: Patch, target: Path, monitor: Monitor = SILENT) -> None:
    """Write a patched copy of a file, and flush it to the drive.

    Args:
        source: The file to copy.
        patch: Its patch.
        target: An existing file; its content is replaced.
        monitor: Told the progress, and asked whether to go on.

    Raises:
        ExportError: The source ends early.
        OSError: A drive fails.
        Cancelled: The monitor says so.
    """
    counter = _Counter(monitor, patch.n_bytes)
    is_cloned = patch.keeps_positions and clone(source, target)
    with source.open("rb", buffering=0) as reader, target.open("r+b", buffering=0) as writer:
        if patch.keeps_positions:
            if not is_cloned:
                copy_range(reader, writer, 0, patch.source_bytes, counter.add)
            _write_edits(reader, writer, patch)
        else:
            _write_pieces(reader, writer, patch, counter)
        writer.truncate(patch.n_bytes)
        os.fsync(writer.fileno())


def write_in_place(file: BinaryIO, patch: Patch) -> None:
    """Write the edits of a patch into the file itself, and flush them to the drive.

    Args:
        file: The open, unbuffered source of the patch.
        patch: A patch with `fits_in_place`.

    Raises:
        ValueError: The patch moves bytes.
        OSError: The drive fails.
    """
    if not patch.fits_in_place:
        raise ValueError("expected a patch that keeps all positions, got one that moves bytes")
    _write_edits(file, file, patch)
    file.truncate(patch.n_bytes)
    os.fsync(file.fileno())


def read_patched(patch: Patch, source: BinaryIO) -> Iterator[bytes]:
    """Yield the content of the patched file in chunks of some MB.

    Args:
        patch: The patch.
        source: Its open source, unbuffered.

    Raises:
        ExportError: The source ends early.
        OSError: The drive fails.
    """
    kept, moved = _Window(source), _Window(source)
    parts: list[bytes] = []
    n_gathered = 0
    for is_moved, piece in _marked_pieces(patch):
        if isinstance(piece, bytes):
            contents: Iterator[bytes] = iter((piece,))
        else:
            contents = (moved if is_moved else kept).read(*piece)
        for content in contents:
            parts.append(content)
            n_gathered += len(content)
            if n_gathered >= _CHUNK_BYTES:
                yield b"".join(parts)
                parts.clear()
                n_gathered = 0
    if parts:
        yield b"".join(parts)


def inverse(patch: Patch, source: BinaryIO) -> Patch:
    """Patch of the patched file that gives the source again.

    Args:
        patch: The patch.
        source: Its open source.

    Raises:
        ExportError: The source ends early.
        OSError: The drive fails.
    """
    moved = _moved_ranges(patch)
    window = _Window(source)
    edits: list[Edit] = []
    for begin, end, edit in _placed_edits(patch):
        contents = list(_undone(ByteRange(edit.begin, edit.end), moved, window))
        edits.append(Edit(begin, end, contents[0] if contents else b""))
        edits.extend(Edit(end, end, content) for content in contents[1:])
    return Patch(patch.n_bytes, tuple(edits))


class Positions:
    """Positions of the source's bytes in the patched file."""

    _NEAR_BYTES = 64

    def __init__(self, patch: Patch) -> None:
        ranges: list[tuple[int, int, int]] = []
        source = target = 0
        for begin, end, edit in _placed_edits(patch):
            if source < edit.begin:
                ranges.append((source, edit.begin, target))
            if isinstance(edit.content, ByteRange):
                ranges.append((edit.content.begin, edit.content.end, begin))
            source, target = edit.end, end
        ranges.append((source, patch.source_bytes, target))
        self._ranges = sorted(ranges)
        self._begins = [begin for begin, _, _ in self._ranges]

    def of(self, position: int) -> int | None:
        """Position in the patched file; None for removed bytes.

        A rewritten head belongs to the bytes behind it.
        """
        number = bisect_right(self._begins, position) - 1
        for begin, end, target in self._ranges[max(number, 0) : number + 3]:
            if position < end and begin - position <= self._NEAR_BYTES:
                return target + position - begin
        return None


class _Counter:
    """Progress of copying."""

    def __init__(self, monitor: Monitor, n_bytes: int) -> None:
        self._monitor = monitor
        self._n_bytes = max(n_bytes, 1)
        self._n_done = 0

    def add(self, n_bytes: int) -> None:
        self._n_done += n_bytes
        self._monitor.check()
        share = min(self._n_done / self._n_bytes, 1.0)
        self._monitor.report(Progress("Writing the corrected file", share))


class _Window:
    """Reads ranges of a file, mostly in ascending order and close together."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._begin = 0
        self._content = b""

    def read(self, begin: int, end: int) -> Iterator[bytes]:
        """Yield the bytes of a range, in chunks if it is long."""
        while begin < end:
            stop = min(end, begin + _CHUNK_BYTES)
            offset = begin - self._begin
            if offset < 0 or stop > self._begin + len(self._content):
                self._fill(begin, max(stop - begin, _WINDOW_BYTES))
                offset = 0
            if stop - self._begin > len(self._content):
                raise cut_off(Path(self._file.name), f"no bytes at {stop}")
            yield self._content[offset : offset + stop - begin]
            begin = stop

    def all(self, begin: int, end: int) -> bytes:
        """Bytes of a range."""
        return b"".join(self.read(begin, end))

    def _fill(self, begin: int, n_bytes: int) -> None:
        self._file.seek(begin)
        self._begin = begin
        self._content = self._file.read(n_bytes) or b""
        while len(self._content) < n_bytes and (more := self._file.read(n_bytes)):
            self._content += more


def _write_edits(reader: BinaryIO, writer: BinaryIO, patch: Patch) -> None:
    """Write the edits of a patch with kept positions."""
    window = _Window(reader)
    for begin, _, edit in _placed_edits(patch):
        content = edit.content if isinstance(edit.content, bytes) else window.all(*edit.content)
        writer.seek(begin)
        write_all(writer, content)


def _write_pieces(reader: BinaryIO, writer: BinaryIO, patch: Patch, counter: _Counter) -> None:
    """Write a file piece by piece."""
    kept, moved = _Window(reader), _Window(reader)
    parts: list[bytes] = []
    n_gathered = 0

    def flush() -> None:
        nonlocal n_gathered
        write_all(writer, b"".join(parts))
        parts.clear()
        counter.add(n_gathered)
        n_gathered = 0

    for is_moved, piece in _marked_pieces(patch):
        if not isinstance(piece, bytes) and piece.end - piece.begin >= _LARGE_BYTES:
            flush()
            copy_range(reader, writer, piece.begin, piece.end, counter.add)
            continue
        window = moved if is_moved else kept
        content = piece if isinstance(piece, bytes) else window.all(*piece)
        parts.append(content)
        n_gathered += len(content)
        if n_gathered >= _WRITTEN_AT_ONCE:
            flush()
    flush()


def _marked_pieces(patch: Patch) -> Iterator[tuple[bool, bytes | ByteRange]]:
    """Yield the pieces of the patched file; True marks moved ranges."""
    position = 0
    for edit in patch.edits:
        if position < edit.begin:
            yield False, ByteRange(position, edit.begin)
        if edit.n_bytes:
            yield True, edit.content
        position = edit.end
    if position < patch.source_bytes:
        yield False, ByteRange(position, patch.source_bytes)


def _placed_edits(patch: Patch) -> Iterator[tuple[int, int, Edit]]:
    """Yield the edits with the begin and end of their content in the patched file."""
    growth = 0
    for edit in patch.edits:
        begin = edit.begin + growth
        end = begin + edit.n_bytes
        yield begin, end, edit
        growth = end - edit.end


def _moved_ranges(patch: Patch) -> list[tuple[int, int, int]]:
    """Moved ranges of the source with their begin in the patched file, in ascending order."""
    return sorted(
        (edit.content.begin, edit.content.end, begin)
        for begin, _, edit in _placed_edits(patch)
        if isinstance(edit.content, ByteRange)
    )


def _undone(
    wanted: ByteRange, moved: list[tuple[int, int, int]], window: _Window
) -> Iterator[bytes | ByteRange]:
    """Yield the content of a range of the source: ranges of the patched file, or bytes."""
    position = wanted.begin
    number = max(bisect_right(moved, (position, 1 << 63, 0)) - 1, 0)
    while position < wanted.end:
        while number < len(moved) and moved[number][1] <= position:
            number += 1
        begin, end, target = moved[number] if number < len(moved) else (wanted.end, wanted.end, 0)
        if position < begin:
            stop = min(begin, wanted.end)
            yield window.all(position, stop)
            position = stop
        else:
            stop = min(end, wanted.end)
            yield ByteRange(target + position - begin, target + stop - begin)
            position = stop
