"""Telling where the middle of a file could not be read.

Demuxers skip what they cannot read, and go on as if nothing had been there. A pause alone proves
nothing: slides, recordings of a screen and silence have packets seldom. So the file has to show
that something was there: bytes that belong to no packet, counters that leave numbers out, pieces
that nothing describes, or an index that names more. That an end is missing is found in
`core.media.formats.truncation`; damage inside of a packet, only by decoding.
"""

import os
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from core.media.formats.matroska_flv import is_filled
from core.media.info import MediaInfo

_WITHOUT_HOLES = ("matroska", "flv")
"""Containers that hold little else than packets, one behind the other."""

_HOLE_BYTES = 1024
"""More than packets have around them; whatever is damaged loses as much, or its piece.

What is longer is no hole where it can be read as something else than packets.
"""

_LEAST_GAP_S = 0.03
"""Less than a packet, and more than the rounding of times."""

_REORDERED = 16
"""Packets behind a hole whose times may be worked out from those before it."""

_LEAST_COUNTED_GAP_S = 0.2
"""Counters also begin anew where files were joined, near which there may be a short pause."""

_NEAR_S = 1.0
"""How far from a gap the packet may be whose counter shows it."""

_MOST_TOLD = 5
_EMPTY_BOX_BYTES = 16

_ADVICE = "copy the file again from where it came from"

_CHUNK_BYTES = 1 << 20
_SEARCHED_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class _Gap:
    """When a stream has nothing, on the container's own timeline."""

    stream_index: int
    kind: str
    begin_s: float
    end_s: float


class Damage:
    """What the packets of a file, seen in their order, say of its damage.

    Attributes:
        needs_all: Whether it has to see those of streams that are not copied as well.
    """

    def __init__(self, info: MediaInfo) -> None:
        self._info = info
        self._shows_holes = info.container.startswith(_WITHOUT_HOLES)
        self._pieces = _pieces(info.path) if info.container.startswith("mov") else []
        self._pieces_read: set[int] = set()
        self._is_indexed = info.container == "avi"
        self.needs_all = self._shows_holes or self._is_indexed or bool(self._pieces)
        # Exact fractions would cost as much time as reading the packets.
        self._ticks_s: dict[int, float] = {}
        self._ends_s: dict[int, float] = {}
        self._gaps: list[_Gap] = []
        self._counts: Counter[int] = Counter()
        self._uncounted_s: dict[int, list[float]] = {}
        self._last_byte, self._end_byte, self._n_holes = -1, 0, 0
        self._n_behind_hole: dict[int, int] = {}

    def see(self, packet: "Packet[Stream]") -> None:
        """Take the next packet, in the order of the file."""
        index = packet.stream_index
        self._counts[index] += 1
        if packet.pos is not None:
            self._see_place(packet.pos, packet)
        kind = packet.stream.type
        if packet.dts is None or kind not in ("video", "audio"):
            return
        if index not in self._ticks_s:
            self._ticks_s[index] = float(packet.time_base)
        begin_s = packet.dts * self._ticks_s[index]
        if packet.is_corrupt:
            self._uncounted_s.setdefault(index, []).append(begin_s)
        end_s = self._ends_s.get(index, begin_s)
        n_behind = self._n_behind_hole.get(index, _REORDERED)
        if begin_s - end_s > _LEAST_GAP_S and (n_behind < _REORDERED or not self._shows_holes):
            self._gaps.append(_Gap(index, kind, end_s, begin_s))
        self._n_behind_hole[index] = n_behind + 1
        self._ends_s[index] = begin_s + (packet.duration or 0) * self._ticks_s[index]

    def _see_place(self, place: int, packet: "Packet[Stream]") -> None:
        if self._pieces:
            self._pieces_read.add(bisect_right(self._pieces, place))
        n_bytes = packet.size + sum(data.data_size for data in packet.iter_sidedata())
        if place == self._last_byte:
            # Several packets of sound share a block.
            self._end_byte += n_bytes
            return
        if self._is_hole(place):
            self._n_holes += 1
            self._n_behind_hole = dict.fromkeys(self._n_behind_hole, 0)
        self._last_byte = place
        self._end_byte = max(self._end_byte, place + n_bytes)

    def _is_hole(self, place: int) -> bool:
        """Tell whether something that is nothing stands before the packet at this place."""
        if not self._end_byte or place - self._end_byte <= _HOLE_BYTES:
            return False
        return not is_filled(self._info.path, self._info.container, self._last_byte, place)

    def notes(self, reader: InputContainer) -> Iterator[str]:
        """Say, once all packets were seen, what of the file could not be read.

        Args:
            reader: The file that the packets came from.
        """
        name = self._info.path.name
        gaps = self._proved_gaps()
        for gap in gaps[:_MOST_TOLD]:
            yield (
                f"Between {self._time(gap.begin_s)} and {self._time(gap.end_s)} nothing could be "
                f"read of stream {gap.stream_index} of {name} ({gap.kind}), which is damaged "
                f"there; {_ADVICE}."
            )
        if len(gaps) > _MOST_TOLD:
            yield f"There are {len(gaps) - _MOST_TOLD} more such gaps in {name}."
        for index, times_s in self._uncounted_s.items():
            where = f"At {self._time(times_s[0])}"
            if len(times_s) > 1:
                where = f"At {len(times_s)} places, the first at {self._time(times_s[0])},"
            yield (
                f"{where} the counter of stream {index} of {name} ({reader.streams[index].type}) "
                f"does not go on: if no files were joined there, something is missing; {_ADVICE}."
            )
        if self._is_indexed and self._n_holes:
            yield from self._unread(reader)
        if self._info.container.startswith("mov") and _goes_on(self._info.path):
            end_s = max(self._ends_s.values(), default=0.0)
            yield f"From {self._time(end_s)} on {name} is damaged and cannot be read; {_ADVICE}."

    def _proved_gaps(self) -> list[_Gap]:
        """Return those gaps that the file does not mean, by time."""
        gaps = self._gaps
        if self._info.container.startswith("mov"):
            # Fragments say when they begin, so pauses may be meant.
            is_whole = len(self._pieces_read - {0}) == len(self._pieces)
            gaps = [] if is_whole else gaps
        elif not self._shows_holes:
            seen_s = sorted(chain.from_iterable(self._uncounted_s.values()))
            long = [gap for gap in gaps if gap.end_s - gap.begin_s >= _LEAST_COUNTED_GAP_S]
            gaps = [gap for gap in long if _is_near(gap, seen_s)]
        return sorted(gaps, key=lambda gap: (gap.begin_s, gap.stream_index))

    def _unread(self, reader: InputContainer) -> Iterator[str]:
        """Say how many pictures that the index names were not there."""
        for stream in reader.streams.video:
            n_indexed = sum(entry.size > 0 for entry in stream.index_entries)
            n_missing = n_indexed - self._counts[stream.index]
            if n_missing > 0:
                yield (
                    f"{n_missing} of {n_indexed} pictures of stream {stream.index} of "
                    f"{self._info.path.name} could not be read, and what follows them moves up; "
                    f"{_ADVICE}."
                )

    def _time(self, time_s: float) -> str:
        starts_s = [video.start_s for video in self._info.videos]
        starts_s += [audio.start_s for audio in self._info.audios]
        return f"{max(time_s - min(starts_s, default=0.0), 0.0):.1f} s"


def _is_near(gap: _Gap, times_s: Sequence[float]) -> bool:
    """Tell whether one of the sorted times lies at a gap."""
    number = bisect_left(times_s, gap.begin_s - _NEAR_S)
    return number < len(times_s) and times_s[number] <= gap.end_s + _NEAR_S


def _pieces(path: Path) -> list[int]:
    """Return where the contents of fragments begin, each of which holds a packet at least.

    What stands before the first fragment is not among them (ISO 14496-12, 8.8).
    """
    begins: list[int] = []
    is_fragmented, begin = False, 0
    for kind, end in _boxes(path):
        is_fragmented |= kind == b"moof"
        if kind == b"mdat" and is_fragmented and end - begin > _EMPTY_BOX_BYTES:
            begins.append(begin)
        begin = end
    return begins


def _goes_on(path: Path) -> bool:
    """Tell whether there are fragments behind something that is no box."""
    boxes = _boxes(path)
    if b"moof" not in (kind for kind, _ in boxes):
        return False
    with suppress(OSError), path.open("rb") as file:
        # A fragment that is cut off at the end of the file is another matter.
        file.seek(boxes[-1][1] + 8)
        tail = b""
        for _ in range(_SEARCHED_BYTES // _CHUNK_BYTES):
            chunk = file.read(_CHUNK_BYTES)
            if b"moof" in tail + chunk:
                return True
            if not chunk:
                break
            tail = chunk[-3:]
    return False


def _boxes(path: Path) -> list[tuple[bytes, int]]:
    """Return kind and end of the outermost boxes, as far as whole ones follow each other.

    That a place cannot be read is told by whoever reads the packets.
    """
    boxes: list[tuple[bytes, int]] = []
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        position = 0
        while position + 8 <= size:
            file.seek(position)
            head = file.read(16)
            n_bytes = int.from_bytes(head[:4], "big")
            n_bytes = int.from_bytes(head[8:], "big") if n_bytes == 1 else n_bytes
            position += n_bytes
            if n_bytes < 8 or position > size:
                break
            boxes.append((head[4:8], position))
    return boxes
