"""Time fields of an MPEG transport stream (ISO/IEC 13818-1, 2.4.3.5 to 2.4.3.7).

Times have 33 bits in ticks of 90 kHz. Headers of PES packets hold them spread over 5 bytes, with
marker bits between; clock references hold them in the upper bits of their first 5 bytes.
"""

from collections.abc import Iterator
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.media.formats.mpegts.packets import (
    ADAPTATION,
    PACKET_BYTES,
    PAYLOAD_START,
    SCRAMBLED,
    Bytes,
    Chunk,
    Positions,
    payload_starts,
)
from core.media.formats.patch import Edit, Unpatchable

TICKS_PER_SECOND = 90_000
WRAP = 1 << 33

_FIELD_BYTES = 5
_HEAD_BYTES, _MAX_HEAD_BYTES = 9, 19
"""Fixed part of the header of a PES packet, and the header up to the end of both times."""

_START_CODE = (0, 0, 1)
_WITHOUT_TIMES = (0xBC, 0xBE, 0xBF, 0xF0, 0xF1, 0xF2, 0xF8, 0xFF)
"""Stream ids without the optional part of the header (table 2-21)."""

_PES_SCRAMBLED = 0x30

_PCR, _OPCR, _COUNTDOWN, _PRIVATE, _EXTENSION = 0x10, 0x08, 0x04, 0x02, 0x01

Ticks = NDArray[np.int64]


class Fields(NamedTuple):
    """Time fields of 5 bytes each, in the order of the file.

    Attributes:
        positions: Position of the first byte, shape (n,).
        contents: The 5 bytes as a number, shape (n,).
        n_first: Number of bytes before a gap in the field, shape (n,); 5 without a gap.
        gaps: Size of that gap in bytes, shape (n,).
    """

    positions: Positions
    contents: Ticks
    n_first: Positions
    gaps: Positions


class PesHeads(NamedTuple):
    """Headers of PES packets with a time.

    Attributes:
        pids: PID of each, shape (n,).
        packets: Position of the sync byte of the first packet, shape (n,).
        times: Presentation time in ticks, shape (n,).
        fields: PTS and, where `owners` repeats, DTS.
        owners: Index of the header of each field.
    """

    pids: Ticks
    packets: Positions
    times: Ticks
    fields: Fields
    owners: Positions


def pes_times(contents: Ticks) -> Ticks:
    """Times from the content of fields with marker bits, in ticks."""
    return contents >> 3 & 7 << 30 | contents >> 2 & 0x7FFF << 15 | contents >> 1 & 0x7FFF


def with_pes_times(contents: Ticks, times: Ticks) -> Ticks:
    """Contents of fields with other times; marker bits stay."""
    marks = contents & 0xF1_0001_0001
    return marks | (times & 7 << 30) << 3 | (times & 0x7FFF << 15) << 2 | (times & 0x7FFF) << 1


def clock_times(contents: Ticks) -> Ticks:
    """Times from the content of clock references, in ticks."""
    return contents >> 7


def with_clock_times(contents: Ticks, times: Ticks) -> Ticks:
    """Contents of clock references with other times; the fraction of a tick stays."""
    return contents & 0x7F | times << 7


def field_edits(fields: Fields, contents: Ticks) -> list[Edit]:
    """Edits for new contents of fields; none where the content stays."""
    changed = np.flatnonzero(contents != fields.contents)
    octets = contents[changed].astype(">i8").view(np.uint8).reshape(-1, 8)[:, 3:].tobytes()
    positions = fields.positions[changed].tolist()
    edits = [
        Edit(begin, begin + 5, octets[i : i + 5])
        for begin, i in zip(positions, range(0, len(octets), 5), strict=True)
    ]
    for i in np.flatnonzero(fields.n_first[changed] < _FIELD_BYTES).tolist():
        begin, _, content = edits[i]
        assert isinstance(content, bytes)
        n_first, gap = int(fields.n_first[changed[i]]), int(fields.gaps[changed[i]])
        edits[i] = Edit(begin, begin + n_first, content[:n_first])
        edits.append(Edit(begin + n_first + gap, begin + 5 + gap, content[n_first:]))
    return sorted(edits) if len(edits) > len(changed) else edits


def unrolled(times: Ticks, max_step: int) -> tuple[Ticks, NDArray[np.int64]]:
    """Remove wraps of times.

    Args:
        times: Times in ticks, in the order of the file, shape (n,).
        max_step: Largest step of a stream without a jump in ticks.

    Returns:
        Times on one axis for each part without jumps, and the index of each part's first time.
    """
    steps = (np.diff(times) + WRAP // 2) % WRAP - WRAP // 2
    firsts = np.concatenate(([0], 1 + np.flatnonzero(np.abs(steps) > max_step)))
    axis = times[0] + np.concatenate(([0], np.cumsum(steps)))
    sizes = np.diff(np.append(firsts, len(times)))
    return axis + np.repeat(times[firsts] - axis[firsts], sizes), firsts


class PesReader:
    """Collects the headers of PES packets from chunks of packets.

    Headers split over several packets are joined, also across chunks.

    Attributes:
        n_starts: Number of PES packets.
        n_broken: Number of those without a start code or with a header too short for its times.
        n_scrambled: Number of scrambled ones.
    """

    def __init__(self) -> None:
        self.n_starts = self.n_broken = self.n_scrambled = 0
        self._parts: dict[int, tuple[int, list[int], list[int]]] = {}
        self._heads: list[tuple[Ticks, Positions, Bytes, Positions, Positions, Positions]] = []

    def add(self, chunk: Chunk) -> None:
        """Collect from the next packets."""
        starts = payload_starts(chunk.packets)
        begins = np.flatnonzero(
            (chunk.packets[:, 1] & PAYLOAD_START != 0) & (starts < PACKET_BYTES)
        )
        self.n_scrambled += int((chunk.packets[begins, 3] & SCRAMBLED != 0).sum())
        self.n_starts += len(begins)
        columns = starts[begins, None] + np.arange(_MAX_HEAD_BYTES)
        heads = chunk.packets[begins[:, None], np.minimum(columns, PACKET_BYTES - 1)]
        room = PACKET_BYTES - starts[begins]
        split = (room < _HEAD_BYTES) | (room < _needed(heads))
        whole = ~split
        n = int(whole.sum())
        places = chunk.positions[begins] + starts[begins]
        self._append(
            chunk.pids[begins][whole],
            chunk.positions[begins][whole],
            heads[whole],
            places[whole],
            np.full(n, _MAX_HEAD_BYTES),
            np.zeros(n, np.int64),
        )
        if split.any() or self._parts:
            self._join(chunk, starts, {int(i) for i in begins[split]})

    def heads(self) -> PesHeads:
        """All headers with a time, in the order of the file."""
        if not self._heads:
            none = np.zeros(0, np.int64)
            return PesHeads(none, none, none, Fields(none, none, none, none), none)
        pids, packets, octets, places, cuts, gaps = (
            np.concatenate(parts) for parts in zip(*self._heads, strict=True)
        )
        order = np.argsort(packets, kind="stable")
        pids, packets, octets = pids[order], packets[order], octets[order]
        places, cuts, gaps = places[order], cuts[order], gaps[order]
        with_dts = np.flatnonzero(octets[:, 7] >> 6 == 3)
        owners = np.concatenate((np.arange(len(pids)), with_dts))
        first = np.concatenate((np.full(len(pids), 9), np.full(len(with_dts), 14)))
        contents = np.zeros(len(owners), np.int64)
        for i in range(_FIELD_BYTES):
            contents = contents << 8 | octets[owners, first + i]
        before = cuts[owners] <= first
        fields = Fields(
            places[owners] + first + np.where(before, gaps[owners], 0),
            contents,
            np.where(before, _FIELD_BYTES, np.minimum(cuts[owners] - first, _FIELD_BYTES)),
            gaps[owners],
        )
        by_place = np.argsort(fields.positions, kind="stable")
        fields = Fields(*(column[by_place] for column in fields))
        return PesHeads(pids, packets, pes_times(contents[: len(pids)]), fields, owners[by_place])

    def _append(
        self,
        pids: Ticks,
        packets: Positions,
        heads: Bytes,
        places: Positions,
        cuts: Positions,
        gaps: Positions,
    ) -> None:
        """Keep the headers with a time."""
        sound = (heads[:, :3] == _START_CODE).all(axis=1)
        self.n_broken += int((~sound).sum())
        timed = np.flatnonzero(sound & _is_timed(heads))
        self.n_scrambled += int((heads[timed, 6] & _PES_SCRAMBLED != 0).sum())
        short = heads[timed, 8].astype(np.int64) + _HEAD_BYTES < _needed(heads[timed])
        self.n_broken += int(short.sum())
        timed = timed[~short]
        self._heads.append(
            (pids[timed], packets[timed], heads[timed], places[timed], cuts[timed], gaps[timed])
        )

    def _join(self, chunk: Chunk, starts: Positions, begins: set[int]) -> None:
        """Join headers split over packets."""
        pids = chunk.pids
        split = set(self._parts) | {int(pids[i]) for i in begins}
        for i in np.flatnonzero(np.isin(pids, list(split)) & (starts < PACKET_BYTES)).tolist():
            pid, packet = int(pids[i]), int(chunk.positions[i])
            if i in begins:
                self._parts[pid] = (packet, [], [])
            elif chunk.packets[i, 1] & PAYLOAD_START:
                self._parts.pop(pid, None)
            if pid not in self._parts:
                continue
            first, octets, places = self._parts[pid]
            start = int(starts[i])
            octets += chunk.packets[i, start:].tolist()
            places += range(packet + start, packet + PACKET_BYTES)
            head = np.array([(octets + [0] * _MAX_HEAD_BYTES)[:_MAX_HEAD_BYTES]], np.uint8)
            if len(octets) >= max(_HEAD_BYTES, int(_needed(head)[0])):
                del self._parts[pid]
                self._append_joined(pid, first, head, places)

    def _append_joined(self, pid: int, packet: int, head: Bytes, places: list[int]) -> None:
        steps = np.diff(places[: int(_needed(head)[0])])
        cuts = np.flatnonzero(steps > 1)
        if len(cuts) > 1:
            raise Unpatchable("headers of its sound are split over more than two packets")
        cut, gap = (int(cuts[0]) + 1, int(steps[cuts[0]]) - 1) if len(cuts) else (19, 0)
        numbers = (np.array([n], np.int64) for n in (pid, packet, places[0], cut, gap))
        pids, packets, firsts, n_before, gaps = numbers
        self._append(pids, packets, head, firsts, n_before, gaps)


def _is_timed(heads: Bytes) -> NDArray[np.bool_]:
    """Check for a time in each header."""
    is_timed: NDArray[np.bool_] = (heads[:, 6] & 0xC0 == 0x80) & (heads[:, 7] & 0x80 != 0)
    return is_timed & ~np.isin(heads[:, 3], _WITHOUT_TIMES)


def _needed(heads: Bytes) -> NDArray[np.int64]:
    """Size of the header up to the end of its times, in bytes."""
    fields = np.where(heads[:, 7] & 0x80, 1 + (heads[:, 7] >> 6 & 1), 0)
    is_timed = (heads[:, :3] == _START_CODE).all(axis=1) & _is_timed(heads)
    return np.where(is_timed, _HEAD_BYTES + _FIELD_BYTES * fields, _HEAD_BYTES).astype(np.int64)


def clock_fields(chunk: Chunk) -> Fields:
    """PCR of the packets that have one."""
    packets = chunk.packets
    rows = np.flatnonzero(
        (packets[:, 3] & ADAPTATION != 0) & (packets[:, 4] >= 7) & (packets[:, 5] & _PCR != 0)
    )
    contents = np.zeros(len(rows), np.int64)
    for i in range(_FIELD_BYTES):
        contents = contents << 8 | packets[rows, 6 + i]
    return whole_fields(chunk.positions[rows] + 6, contents)


def whole_fields(positions: Positions, contents: Ticks) -> Fields:
    """Fields without gaps."""
    n = len(positions)
    return Fields(positions, contents, np.full(n, _FIELD_BYTES), np.zeros(n, np.int64))


def original_clocks(packet: Bytes) -> Iterator[int]:
    """Yield the index of the OPCR in a packet."""
    if packet[3] & ADAPTATION and packet[4] and packet[5] & _OPCR:
        index = 6 + (6 if packet[5] & _PCR else 0)
        if index + 6 <= min(5 + int(packet[4]), PACKET_BYTES):
            yield index


def are_tied(packets: Bytes) -> bool:
    """Whether packets hold clocks, or other data for their place in the stream."""
    tied = _PCR | _OPCR | _COUNTDOWN | _PRIVATE | _EXTENSION
    flagged = (packets[:, 3] & ADAPTATION != 0) & (packets[:, 4] > 0) & (packets[:, 5] & tied != 0)
    return bool(flagged.any())


def splice_times(packet: Bytes) -> Iterator[int]:
    """Yield the index of the DTS of the next access unit at a seamless splice in a packet."""
    if not (packet[3] & ADAPTATION and packet[4] and packet[5] & _EXTENSION):
        return
    flags, end = int(packet[5]), min(5 + int(packet[4]), PACKET_BYTES)
    index = 6 + 6 * bool(flags & _PCR) + 6 * bool(flags & _OPCR) + bool(flags & _COUNTDOWN)
    if flags & _PRIVATE and index < end:
        index += 1 + int(packet[index])
    if index + 2 > end:
        return
    extension = int(packet[index + 1])
    end = min(end, index + 1 + int(packet[index]))
    index += 2 + 2 * bool(extension & 0x80) + 3 * bool(extension & 0x40)
    if extension & 0x20 and index + _FIELD_BYTES <= end:
        yield index
