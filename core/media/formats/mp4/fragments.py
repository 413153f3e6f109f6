"""Fragments of MP4: the times and positions that they state (ISO/IEC 14496-12, 8.8 and 8.16).

Apart from the fragments (``moof``), the segment indexes (``sidx``) and the table of entry points at
the end (``mfra``) state times. Smooth Streaming adds times in boxes of its own (``tfxd``,
``tfrf``).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import BinaryIO, NamedTuple

import numpy as np

from core.media.formats.mp4.pointers import Pointers, Spans
from core.media.formats.mp4.tree import Node, TopLevel, Tree, read_tree
from core.media.formats.patch import Unpatchable

_TFXD = bytes.fromhex("6d1d9b0542d544e680e2141daff757b2")
"""Time and length of a fragment (MS-SSTR, 2.2.4.4)."""

_TFRF = bytes.fromhex("d4807ef2ca3946958e5426cb9e46a79f")
"""Times and lengths of the fragments behind (MS-SSTR, 2.2.4.5)."""

_HAS_BASE = 1
"""Flag of a fragment header: it states a position (ISO/IEC 14496-12, 8.8.7)."""


class Time(NamedTuple):
    """A time in the file.

    Attributes:
        track: Track ID.
        place: Position in the file.
        width: Size in bytes.
        ticks: The time.
        clock_hz: Ticks per second; 0 for those of the track.
        is_needed: Whether it decides when media plays; others only help to find it.
    """

    track: int
    place: int
    width: int
    ticks: int
    clock_hz: int = 0
    is_needed: bool = False


@dataclass(slots=True)
class Fragments:
    """Times and positions of all fragments.

    Attributes:
        times: Times in order of their tracks' fragments.
        n_untimed: Fragments without a time, by track.
        ends: End of the media in ticks of the track, by track.
        spans: Sizes in segment indexes.
    """

    times: list[Time] = field(default_factory=list)
    n_untimed: dict[int, int] = field(default_factory=dict)
    ends: dict[int, int] = field(default_factory=dict)
    spans: list[Spans] = field(default_factory=list)
    _positions: dict[int, list[tuple[int, int]]] = field(default_factory=dict)

    def add_position(self, place: int, width: int, position: int) -> None:
        """Note a position of `width` bytes that is stated at a place."""
        if position >> 62:
            raise Unpatchable("a position in its fragments is absurdly large")
        self._positions.setdefault(width, []).append((place, position))

    def pointers(self) -> Iterator[Pointers]:
        """Yield the positions as tables, by their width."""
        for width, entries in self._positions.items():
            places, values = np.array(sorted(entries), np.int64).T
            yield Pointers(places, width, values)


def read_fragments(file: BinaryIO, top: TopLevel, index: Tree) -> Fragments:
    """Read the times and positions of all fragments.

    Args:
        file: The open file.
        top: Its boxes.
        index: Its index.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: A fragment is damaged.
    """
    found = Fragments()
    defaults = _default_durations(index)
    for box in top.boxes:
        if box.name == b"moof":
            _read_fragment(read_tree(file, box), defaults, found)
        elif box.name == b"sidx":
            _read_segments(read_tree(file, box), found)
        elif box.name == b"mfra":
            tree = read_tree(file, box)
            for table in tree.root.named(b"tfra"):
                _read_entry_points(tree, table, found)
        elif box.name == b"prft":
            _read_clock_reference(read_tree(file, box), found)
    return found


def _default_durations(index: Tree) -> dict[int, int]:
    """Duration of a sample where a fragment states none, by track (``trex``)."""
    announced = index.root.find(b"mvex")
    return {
        index.field(box, 4, 4): index.field(box, 12, 4)
        for box in (announced.named(b"trex") if announced else [])
    }


def _read_fragment(tree: Tree, defaults: dict[int, int], found: Fragments) -> None:
    for run in tree.root.named(b"traf"):
        header = run.find(b"tfhd")
        if header is None:
            raise Unpatchable("one of its fragments has no header")
        track = tree.field(header, 4, 4)
        if tree.field(header, 3, 1) & _HAS_BASE:
            found.add_position(header.content + 8, 8, tree.field(header, 8, 8))
        time = run.find(b"tfdt")
        if time is not None:
            width = 8 if tree.version(time) else 4
            ticks = tree.field(time, 4, width)
            found.times.append(Time(track, time.content + 4, width, ticks, is_needed=True))
            begin = ticks
        else:
            found.n_untimed[track] = found.n_untimed.get(track, 0) + 1
            begin = found.ends.get(track, 0)
        duration = _default_duration(tree, header, defaults.get(track, 0))
        end = begin + sum(_run_ticks(tree, box, duration) for box in run.named(b"trun"))
        found.ends[track] = max(end, found.ends.get(track, 0))
        for box in run.children:
            if box.name == b"uuid" and box.end - box.content >= 16:
                _read_smooth(tree, box, track, found)
            elif box.name == b"saio":
                _read_encryption(tree, box, found)


def _default_duration(tree: Tree, header: Node, default: int) -> int:
    """Duration of a sample where a run states none (ISO/IEC 14496-12, 8.8.7)."""
    flags = tree.field(header, 1, 3)
    if not flags & 8:
        return default
    return tree.field(header, 8 + (8 if flags & _HAS_BASE else 0) + (4 if flags & 2 else 0), 4)


def _run_ticks(tree: Tree, box: Node, duration: int) -> int:
    """Duration of a run of samples (ISO/IEC 14496-12, 8.8.8)."""
    flags, count = tree.field(box, 1, 3), tree.field(box, 4, 4)
    if not flags & 0x100:
        return count * duration
    begin = 8 + (4 if flags & 1 else 0) + (4 if flags & 4 else 0)
    stride = 4 * (flags >> 8 & 15).bit_count()
    if box.content + begin + count * stride > box.end:
        raise Unpatchable("a run of samples in its fragments is damaged")
    data = tree.bytes_at(box.content + begin, box.content + begin + count * stride)
    return int(np.frombuffer(data, ">u4")[:: stride // 4].sum(dtype=np.uint64))


def _read_smooth(tree: Tree, box: Node, track: int, found: Fragments) -> None:
    name = tree.bytes_at(box.content, box.content + 16)
    if name not in {_TFXD, _TFRF}:
        return
    width = 8 if tree.field(box, 16, 1) else 4
    at, count = 20, 1
    if name == _TFRF:
        at, count = 21, tree.field(box, 20, 1)
    for number in range(count):
        offset = at + number * 2 * width
        ticks = tree.field(box, offset, width)
        found.times.append(Time(track, box.content + offset, width, ticks))


def _read_encryption(tree: Tree, box: Node, found: Fragments) -> None:
    """Positions of encryption data count from the fragment, in some files from the file."""
    width = 8 if tree.version(box) else 4
    at = 4 + (8 if tree.field(box, 3, 1) & 1 else 0)
    for number in range(tree.field(box, at, 4)):
        offset = at + 4 + number * width
        position = tree.field(box, offset, width)
        root = tree.root
        if root.begin + position >= root.end and root.begin <= position < root.end:
            found.add_position(box.content + offset, width, position)


def _read_segments(tree: Tree, found: Fragments) -> None:
    """Read a segment index (ISO/IEC 14496-12, 8.16.3)."""
    box = tree.root
    width = 8 if tree.version(box) else 4
    track, clock_hz = tree.field(box, 4, 4), tree.field(box, 8, 4)
    ticks, distance = tree.field(box, 12, width), tree.field(box, 12 + width, width)
    if not clock_hz or distance >> 62:
        raise Unpatchable("one of its segment indexes is damaged")
    found.times.append(Time(track, box.content + 12, width, ticks, clock_hz))
    at = 12 + 2 * width + 4
    places: list[int] = []
    bounds = [box.end + distance]
    for _ in range(tree.field(box, at - 2, 2)):
        places.append(box.content + at)
        bounds.append(bounds[-1] + (tree.field(box, at, 4) & 0x7FFFFFFF))
        at += 12
    offset = box.content + 12 + width, width
    found.spans.append(Spans(offset, box.end, tuple(places), np.array(bounds, np.int64)))


def _read_entry_points(tree: Tree, box: Node, found: Fragments) -> None:
    """Read a table of entry points (ISO/IEC 14496-12, 8.8.10)."""
    width = 8 if tree.version(box) else 4
    track = tree.field(box, 4, 4)
    sizes = tree.field(box, 8, 4)
    stride = 2 * width + sum((sizes >> shift & 3) + 1 for shift in (4, 2, 0))
    for number in range(tree.field(box, 12, 4)):
        offset = 16 + number * stride
        ticks = tree.field(box, offset, width)
        found.times.append(Time(track, box.content + offset, width, ticks))
        position = tree.field(box, offset + width, width)
        found.add_position(box.content + offset + width, width, position)


def _read_clock_reference(tree: Tree, found: Fragments) -> None:
    """Read the media time of a clock reference (ISO/IEC 14496-12, 8.16.5)."""
    box = tree.root
    width = 8 if tree.version(box) else 4
    found.times.append(
        Time(tree.field(box, 4, 4), box.content + 16, width, tree.field(box, 16, width))
    )
