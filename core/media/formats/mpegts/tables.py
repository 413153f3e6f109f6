"""Tables of programs in an MPEG transport stream (ISO/IEC 13818-1, 2.4.4)."""

from collections.abc import Collection, Iterator
from dataclasses import dataclass

PROGRAMS_PID = 0x00
PROGRAMS, STREAMS = 0x00, 0x02
"""Identifiers of tables."""

_PACKET_BYTES = 188
_SYNC = 0x47
_CHECKSUM_BYTES = 4

_VIDEO_TYPES = frozenset({0x01, 0x02, 0x10, 0x1B, 0x1F, 0x20, 0x24, 0x33, 0x42, 0xD1, 0xD2, 0xEA})
"""MPEG-1 to VVC, AVS, Dirac, VC-1."""

_SPLICE_TYPE = 0x86
"""Splice messages of SCTE 35."""


@dataclass(frozen=True, slots=True)
class Program:
    """Streams with a common clock.

    Attributes:
        clock_pid: PID with clock references.
        types: Type of stream of each PID (table 2-34).
    """

    clock_pid: int
    types: dict[int, int]

    @property
    def video_pids(self) -> frozenset[int]:
        """PIDs of pictures."""
        return frozenset(pid for pid, kind in self.types.items() if kind in _VIDEO_TYPES)

    @property
    def splice_pids(self) -> frozenset[int]:
        """PIDs of splice messages."""
        return frozenset(pid for pid, kind in self.types.items() if kind == _SPLICE_TYPE)


def read_programs(content: bytes, begin: int, step: int) -> tuple[Program, ...]:
    """Programs by the tables in the beginning of a stream.

    Args:
        content: The beginning.
        begin: Position of the first sync byte.
        step: Distance of sync bytes in bytes.
    """
    wanted = {PROGRAMS_PID}
    found: dict[tuple[int, int], Program] = {}
    for pid, table in tables(content, wanted, begin, step):
        if pid == PROGRAMS_PID and table[0] == PROGRAMS:
            wanted |= program_pids(table)
        elif pid != PROGRAMS_PID and table[0] == STREAMS:
            found.setdefault((pid, number(table, 3)), _program(table))
    return tuple(found.values())


def tables(
    content: bytes, wanted: Collection[int], begin: int, step: int
) -> Iterator[tuple[int, bytes]]:
    """Yield PID and content of tables; `wanted` may grow during the iteration."""
    parts: dict[int, bytearray] = {}
    for position in range(begin, len(content) - _PACKET_BYTES + 1, step):
        pid = number(content, position + 1) & 0x1FFF
        if pid not in wanted or content[position] != _SYNC:
            continue
        start, flags = position + 4, content[position + 3]
        if flags & 0x20:
            start += 1 + content[start]
        payload = content[start : position + _PACKET_BYTES]
        if not flags & 0x10 or not payload:
            continue
        if content[position + 1] & 0x40:
            # The first byte points to the beginning of the next table.
            n_old = 1 + payload[0]
            yield from _complete(pid, parts.get(pid, bytearray()) + payload[1:n_old])
            parts[pid] = bytearray(payload[n_old:])
        elif pid in parts:
            parts[pid] += payload
        yield from _complete(pid, parts.get(pid, bytearray()))


def program_pids(table: bytes) -> set[int]:
    """PIDs of the tables of streams, from the table of programs."""
    end = len(table) - _CHECKSUM_BYTES
    return {number(table, position + 2) & 0x1FFF for position in range(8, end, 4)}


def stream_types(table: bytes) -> dict[int, int]:
    """Type of each stream by its PID, from the table of streams."""
    types: dict[int, int] = {}
    position = 12 + (number(table, 10) & 0xFFF)
    while position + 5 <= len(table) - _CHECKSUM_BYTES:
        types[number(table, position + 1) & 0x1FFF] = table[position]
        position += 5 + (number(table, position + 3) & 0xFFF)
    return types


def number(content: bytes | bytearray, position: int) -> int:
    """Number of 16 bits in a content."""
    return int.from_bytes(content[position : position + 2], "big")


def _program(table: bytes) -> Program:
    return Program(number(table, 8) & 0x1FFF, stream_types(table))


def _complete(pid: int, part: bytearray) -> Iterator[tuple[int, bytes]]:
    """Remove complete tables from the beginning of a buffer, and yield them."""
    while len(part) > 2 and part[0] != 0xFF:
        n_bytes = 3 + (number(part, 1) & 0xFFF)
        if len(part) < n_bytes:
            return
        if n_bytes > 15:
            yield pid, bytes(part[:n_bytes])
        del part[:n_bytes]
