"""Detection of damage in the middle of a file.

Demuxers skip unreadable data and report nothing. A pause alone is no proof: slides, screen
recordings and silence have few packets. Proof of lost data are bytes that belong to no packet, gaps
in counters, fragments without a description, or an index with more entries than packets. A missing
end is found in `core.media.formats.truncation`; damage inside a packet is found only by decoding.
"""

import os
from bisect import bisect_left, bisect_right
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from itertools import chain
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer
from av.packet import Packet
from av.stream import Stream

from core.media.formats import flv, matroska
from core.media.formats.mp4 import Box, file_boxes
from core.media.info import MediaInfo

_FILLERS: dict[str, Callable[[BinaryIO, int, int], bool]] = {
    "matroska": matroska.is_filled,
    "flv": flv.is_filled,
}
"""Containers that hold little but packets in a row, each with its check of other content."""

_HOLE_BYTES = 1024
"""Longer than the headers around packets. Damage loses at least as much, or a whole fragment.

A longer run of bytes is no hole if it parses as elements of the container.
"""

_LEAST_GAP_S = 0.03
"""Less than a packet, more than the rounding of timestamps."""

_REORDERED = 16
"""Packets behind a hole whose timestamps FFmpeg may derive from packets before it."""

_LEAST_COUNTED_GAP_S = 0.2
"""Counters also restart at the seam of joined files, and a short pause may lie there."""

_NEAR_S = 1.0
"""Largest distance of a gap from the packet with the counter error."""

_MOST_NOTED = 5
_EMPTY_BYTES = 8

_ADVICE = "copy the file again from where it came from"

_CHUNK_BYTES = 1 << 20
_SEARCHED_BYTES = 1 << 28


@dataclass(frozen=True, slots=True)
class _Gap:
    """A time without packets in a stream, on the container's own timeline."""

    stream_index: int
    kind: str
    begin_s: float
    end_s: float


class Damage:
    """Evidence of damage, collected from the packets of a file in their order.

    Attributes:
        needs_all: Whether packets of streams that are not copied are needed as well.
    """

    def __init__(self, info: MediaInfo) -> None:
        self._info = info
        self._is_filled = next(
            (check for name, check in _FILLERS.items() if info.container.startswith(name)), None
        )
        self._shows_holes = self._is_filled is not None
        self._boxes = _whole_boxes(info.path) if info.container.startswith("mov") else []
        self._fragments = _fragments(self._boxes)
        self._fragments_read: set[int] = set()
        self._is_indexed = info.container == "avi"
        self.needs_all = self._shows_holes or self._is_indexed or bool(self._fragments)
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
            self._see_position(packet.pos, packet)
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

    def _see_position(self, position: int, packet: "Packet[Stream]") -> None:
        if self._fragments:
            self._fragments_read.add(bisect_right(self._fragments, position))
        n_bytes = packet.size + sum(data.data_size for data in packet.iter_sidedata())
        if position == self._last_byte:
            # Several audio packets share a block.
            self._end_byte += n_bytes
            return
        if self._is_hole(position):
            self._n_holes += 1
            self._n_behind_hole = dict.fromkeys(self._n_behind_hole, 0)
        self._last_byte = position
        self._end_byte = max(self._end_byte, position + n_bytes)

    def _is_hole(self, position: int) -> bool:
        """Whether bytes before the packet at this position belong to nothing known."""
        if not self._end_byte or position - self._end_byte <= _HOLE_BYTES:
            return False
        if self._is_filled is None:
            return True
        with suppress(OSError), self._info.path.open("rb") as file:
            return not self._is_filled(file, self._last_byte, position)
        return True

    def notes(self, reader: InputContainer) -> Iterator[str]:
        """Yield notes about unreadable parts of the file, once all packets were seen.

        Args:
            reader: The opened source of the packets.
        """
        name = self._info.path.name
        gaps = self._proved_gaps()
        for gap in gaps[:_MOST_NOTED]:
            yield (
                f"Between {self._time(gap.begin_s)} and {self._time(gap.end_s)} nothing could be "
                f"read of stream {gap.stream_index} of {name} ({gap.kind}), which is damaged "
                f"there; {_ADVICE}."
            )
        if len(gaps) > _MOST_NOTED:
            yield f"There are {len(gaps) - _MOST_NOTED} more such gaps in {name}."
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
        if _has_later_fragments(self._info.path, self._boxes):
            end_s = max(self._ends_s.values(), default=0.0)
            yield f"From {self._time(end_s)} on {name} is damaged and cannot be read; {_ADVICE}."

    def _proved_gaps(self) -> list[_Gap]:
        """Gaps that are no intended pauses, in order of time."""
        gaps = self._gaps
        if self._info.container.startswith("mov"):
            # Fragments say when they begin, so pauses may be meant.
            is_whole = len(self._fragments_read - {0}) == len(self._fragments)
            gaps = [] if is_whole else gaps
        elif not self._shows_holes:
            seen_s = sorted(chain.from_iterable(self._uncounted_s.values()))
            long = [gap for gap in gaps if gap.end_s - gap.begin_s >= _LEAST_COUNTED_GAP_S]
            gaps = [gap for gap in long if _is_near(gap, seen_s)]
        return sorted(gaps, key=lambda gap: (gap.begin_s, gap.stream_index))

    def _unread(self, reader: InputContainer) -> Iterator[str]:
        """Yield notes about video packets that the index lists and the file lacks."""
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
    """Whether one of the sorted times lies near a gap."""
    number = bisect_left(times_s, gap.begin_s - _NEAR_S)
    return number < len(times_s) and times_s[number] <= gap.end_s + _NEAR_S


def _fragments(boxes: Sequence[Box]) -> list[int]:
    """Positions of the content of fragments, each of which holds at least one packet.

    Data before the first fragment does not count (ISO/IEC 14496-12, 8.8).
    """
    begins: list[int] = []
    is_fragmented = False
    for box in boxes:
        is_fragmented |= box.name == b"moof"
        if box.name == b"mdat" and is_fragmented and box.end - box.begin > _EMPTY_BYTES:
            begins.append(box.begin)
    return begins


def _has_later_fragments(path: Path, boxes: Sequence[Box]) -> bool:
    """Check for fragments behind the last whole box."""
    if b"moof" not in (box.name for box in boxes):
        return False
    with suppress(OSError), path.open("rb") as file:
        # A fragment that is cut off at the end of the file is no damage in the middle.
        file.seek(boxes[-1].end + 8)
        tail = b""
        for _ in range(_SEARCHED_BYTES // _CHUNK_BYTES):
            chunk = file.read(_CHUNK_BYTES)
            if b"moof" in tail + chunk:
                return True
            if not chunk:
                break
            tail = chunk[-3:]
    return False


def _whole_boxes(path: Path) -> list[Box]:
    """Top-level boxes up to the first one that is not whole.

    Read errors end the list; reading the packets reports them.
    """
    boxes: list[Box] = []
    with suppress(OSError), path.open("rb") as file:
        size = file.seek(0, os.SEEK_END)
        for box in file_boxes(file):
            # The content of a fragment follows its description, which so never ends the file.
            if box.end > size or (box.name == b"moof" and box.end == size):
                break
            boxes.append(box)
    return boxes
