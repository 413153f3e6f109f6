"""Programs and tables of MPEG-TS beyond those copied by FFmpeg.

Tables follow ISO/IEC 13818-1 (2.4.4) and ETSI EN 300 468 (5.1.3, 5.2.3, 6.2.33, annex A).
"""

from collections.abc import Collection, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass, field
from typing import BinaryIO

from core.media.formats.mpegts.raster import raster_of
from core.media.formats.mpegts.tables import (
    PROGRAMS,
    PROGRAMS_PID,
    STREAMS,
    number,
    stream_types,
    tables,
)

_SEARCHED_BYTES = 16 << 20
"""Tables repeat at least every 2 s, 5 MB in a fast broadcast."""

_PACKET_BYTES = 188
_SYNC = 0x47
_NAMES_PID, _NULL_PID = 0x11, 0x1FFF
_NAMES = 0x42
"""Identifier of the table."""

_SERVICE_DESCRIPTOR = 0x48
_FFMPEG_SERVICE = (1, "Service01", "FFmpeg")

_TABLES = {
    0x01: "the table of access rights (CAT)",
    0x02: "the description of the transport stream (TSDT)",
    0x10: "the table of networks (NIT)",
    0x12: "the table of events (EIT)",
    0x13: "the running status (RST)",
    0x14: "the time of the broadcast (TDT)",
}
_MOST_NAMED = 12


@dataclass(slots=True)
class _Survey:
    """Findings at the beginning of a file.

    Attributes:
        pids: PIDs with content.
        scrambled: PIDs with scrambled content.
        maps: PIDs of tables of streams.
        clocks: PIDs with the clock of a program.
        programs: PIDs of streams, by program number.
        names: Name and provider, by program number.
    """

    pids: set[int] = field(default_factory=set)
    scrambled: set[int] = field(default_factory=set)
    maps: set[int] = field(default_factory=set)
    clocks: set[int] = field(default_factory=set)
    programs: dict[int, set[int]] = field(default_factory=dict)
    names: dict[int, tuple[str, str]] = field(default_factory=dict)


def is_encrypted(file: BinaryIO) -> bool:
    """Check for scrambled packets of streams (2.4.3.2, transport_scrambling_control).

    Raises:
        OSError: The file cannot be read.
    """
    survey = _survey(file.read(_SEARCHED_BYTES))
    listed = set().union(*survey.programs.values())
    return bool(survey.scrambled & listed)


def unseen_parts(file: BinaryIO, seen: Collection[int]) -> Iterator[str]:
    """Yield the names of parts without a place in a copy.

    Args:
        file: The open file.
        seen: PIDs of the streams that FFmpeg lists.

    Raises:
        OSError: The file cannot be read.
    """
    survey = _survey(file.read(_SEARCHED_BYTES))
    yield from _of_programs(survey, set(seen))
    known = {PROGRAMS_PID, _NAMES_PID, _NULL_PID} | survey.maps | survey.clocks | set(seen)
    others = sorted(survey.pids - known)
    yield from (_TABLES[pid] for pid in others if pid in _TABLES)
    if unnamed := [str(pid) for pid in others if pid not in _TABLES]:
        rest = len(unnamed) - _MOST_NAMED
        more = f" and {rest} more" if rest > 0 else ""
        yield f"the packets of PID {', '.join(unnamed[:_MOST_NAMED])}{more}"


def _of_programs(survey: _Survey, seen: Set[int]) -> Iterator[str]:
    numbers = sorted(number for number, pids in survey.programs.items() if pids & seen)
    services = [(number, *survey.names.get(number, ("", ""))) for number in numbers]
    words = [
        f"{number}: {', '.join(texts)}"
        if (texts := [name for name in names if name])
        else str(number)
        for number, *names in services
    ]
    if len(services) > 1:
        yield f"the division into {len(services)} programs ({'; '.join(words)})"
    elif services and services[0] not in {_FFMPEG_SERVICE, (1, "", "")}:
        yield f"the number and name of its program ({words[0]})"


def _survey(content: bytes) -> _Survey:
    found = _Survey()
    begin, step = raster_of(content) or (0, _PACKET_BYTES)
    for position in range(begin, len(content) - _PACKET_BYTES + 1, step):
        pid, flags = number(content, position + 1) & 0x1FFF, content[position + 3]
        if content[position] == _SYNC and flags & 0x10:
            found.pids.add(pid)
            if flags & 0xC0 and pid != _NULL_PID:
                found.scrambled.add(pid)
    wanted = {PROGRAMS_PID, _NAMES_PID}
    for pid, table in tables(content, wanted, begin, step):
        _take(found, pid, table)
        wanted |= found.maps
    return found


def _take(found: _Survey, pid: int, table: bytes) -> None:
    """Add a complete table to the findings."""
    if pid == PROGRAMS_PID and table[0] == PROGRAMS:
        found.maps |= {
            number(table, position + 2) & 0x1FFF
            for position in range(8, len(table) - 4, 4)
            if number(table, position)
        }
    elif pid == _NAMES_PID and table[0] == _NAMES:
        found.names |= {n: texts for n, texts in _names(table) if n not in found.names}
    elif pid in found.maps and table[0] == STREAMS:
        found.clocks.add(number(table, 8) & 0x1FFF)
        found.programs.setdefault(number(table, 3), set()).update(stream_types(table))


def _names(table: bytes) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield the program number, name and provider of services."""
    position = 11
    while position + 5 <= len(table) - 4:
        end = min(position + 5 + (number(table, position + 3) & 0xFFF), len(table) - 4)
        at = position + 5
        while at + 2 <= end:
            body = table[at + 2 : at + 2 + table[at + 1]]
            if table[at] == _SERVICE_DESCRIPTOR and len(body) > 2:
                provider, name = body[2 : 2 + body[1]], body[3 + body[1] :]
                yield number(table, position), (_text(name), _text(provider))
            at += 2 + table[at + 1]
        position = end


def _text(letters: bytes) -> str:
    """Decode a text (EN 300 468, annex A); a replacement character if its set is unsupported."""
    encoding = "ascii"
    if letters[:1] == b"\x15":
        encoding, letters = "utf-8", letters[1:]
    elif letters[:1] and 0 < letters[0] < 12:
        encoding, letters = f"iso8859-{letters[0] + 4}", letters[1:]
    elif letters[:2] == b"\x10\0" and len(letters) > 2:
        encoding, letters = f"iso8859-{letters[2]}", letters[3:]
    with suppress(UnicodeDecodeError, LookupError):
        return letters.decode(encoding)
    return "?"
