"""MPEG-TS: programs, names of their services, and truncation.

PyAV exposes no programs. Tables follow ISO/IEC 13818-1 (2.4.4) and ETSI EN 300 468 (5.2.3, 6.2.33,
annex A).
"""

from collections.abc import Collection, Iterator, Set
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer

from core.media.formats.mpegts_tables import (
    PROGRAMS,
    PROGRAMS_PID,
    STREAMS,
    program_pids,
    stream_types,
    tables,
)
from core.media.formats.mpegts_tables import number as read_number
from core.media.formats.output_format import M2TS, OutputFormat

_SEARCHED_BYTES = 16 << 20
"""Tables repeat at least every 2 s, 5 MB in a fast broadcast."""

_PACKET_BYTES = 188
_PACKET_STEPS = (188, 192, 204)
"""Plain packets, with a timestamp before (M2TS), or with a checksum behind."""

_WHOLE_RASTERS = ((0, 188), (4, 192), (0, 204))
"""First sync byte and step of files that begin with a whole packet."""

_N_SYNCS = 5
_SYNC = 0x47

_NAMES_PID = 0x11
_NAMES = 0x42
"""Identifier of the table."""

_SERVICE_DESCRIPTOR = 0x48

_TABLE_PIDS = (0x1000, 0x100)
"""PID of the muxer's table of streams in TS and in M2TS."""

_NUMBER_OPTION = "mpegts_service_id"
_MUXER_NAMES = ("Service01", "FFmpeg")

_UNREADABLE = "\N{REPLACEMENT CHARACTER}"


@dataclass(frozen=True, slots=True)
class Service:
    """A program with streams in a file.

    Attributes:
        number: Program number.
        name: Name of the service; empty if unknown.
        provider: Name of its provider; empty if unknown.
    """

    number: int
    name: str = ""
    provider: str = ""

    @property
    def is_readable(self) -> bool:
        """Whether the character set of its names is supported."""
        return _UNREADABLE not in self.name + self.provider

    @property
    def is_named(self) -> bool:
        """Whether it has a name other than the defaults of FFmpeg's muxer."""
        texts = (self.name, self.provider)
        return any(texts) and texts != _MUXER_NAMES


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check whether the last packet is whole; missing packets leave no trace."""
    raster = _raster(file.read(_N_SYNCS * max(_PACKET_STEPS)))
    if raster not in _WHOLE_RASTERS:
        return False
    return size % raster[1] != 0


def read_services(reader: InputContainer, path: Path) -> tuple[Service, ...]:
    """Programs of an opened file; empty for other containers than MPEG-TS."""
    if reader.format.name != "mpegts":
        return ()
    with suppress(OSError), path.open("rb") as file:
        return _services(file.read(_SEARCHED_BYTES), {stream.id for stream in reader.streams})
    return ()


def kept_texts(services: Collection[Service], output: OutputFormat) -> dict[str, str]:
    """File tags with the name of a single service, for the muxer of MPEG-TS."""
    if not output.is_mpegts or len(services) != 1:
        return {}
    (service,) = services
    if not service.is_readable:
        return {}
    return {"service_name": service.name, "service_provider": service.provider}


def kept_number(services: Collection[Service], output: OutputFormat) -> dict[str, str]:
    """Option of the muxer of MPEG-TS for the number of a single program."""
    if not output.is_mpegts or len(services) != 1:
        return {}
    return {_NUMBER_OPTION: str(next(iter(services)).number)}


def keeps_pids(reader: InputContainer, output: OutputFormat) -> bool:
    """Whether streams keep their PIDs: none may collide with the muxer's own table."""
    if not (output.is_mpegts and reader.format.name == output.reads_as):
        return False
    return _TABLE_PIDS[output is M2TS] not in {stream.id for stream in reader.streams}


def service_notes(
    services: Collection[Service], source: Path, target: Path, output: OutputFormat
) -> Iterator[str]:
    """Yield notes about merged programs and lost names of services."""
    if len(services) > 1:
        numbers = " and ".join(str(service.number) for service in services)
        yield (
            f"The {len(services)} programs of {source.name} ({numbers}) become one: "
            f"{target.name} will hold all their streams side by side."
        )
    if kept_texts(services, output):
        return
    named = [service for service in services if service.is_named]
    names = [", ".join(filter(None, (one.name, one.provider))) for one in named]
    if names and all(service.is_readable for service in named):
        yield (
            f"The names of services in {source.name} are left out: {'; '.join(names)}. "
            f"{target.name} cannot hold them."
        )
    elif names:
        yield (
            f"The names of services in {source.name} are left out: their character set is not "
            "supported."
        )


def changed_services(
    reader: InputContainer, copy: InputContainer, output: OutputFormat
) -> Iterator[str]:
    """Yield FFmpeg's keys of service properties that differ in a copy able to hold them."""
    before, after = (read_services(one, Path(one.name)) for one in (reader, copy))
    for kept in (kept_texts, kept_number):
        found = kept(after, output)
        yield from (key for key, text in kept(before, output).items() if found.get(key) != text)


def _services(content: bytes, pids: Set[int]) -> tuple[Service, ...]:
    """Programs with at least one of the given streams."""
    wanted = {PROGRAMS_PID, _NAMES_PID}
    numbers: set[int] = set()
    named: dict[int, tuple[str, str]] = {}
    begin, step = _raster(content) or (0, _PACKET_BYTES)
    for pid, table in tables(content, wanted, begin, step):
        if pid == PROGRAMS_PID and table[0] == PROGRAMS:
            wanted |= program_pids(table)
        elif pid == _NAMES_PID and table[0] == _NAMES:
            named |= {number: texts for number, texts in _names(table) if number not in named}
        elif table[0] == STREAMS and pids & stream_types(table).keys():
            numbers.add(read_number(table, 3))
    return tuple(Service(number, *named.get(number, ("", ""))) for number in sorted(numbers))


def _raster(content: bytes) -> tuple[int, int] | None:
    """Find the packets of a stream by their sync bytes.

    Returns:
        Position of the first sync byte and distance to the next one, in bytes; None if there are
        no `_N_SYNCS` in a row.
    """
    for step in _PACKET_STEPS:
        for begin in range(min(step, len(content))):
            syncs = content[begin : begin + _N_SYNCS * step : step]
            if syncs == bytes([_SYNC]) * _N_SYNCS:
                return begin, step
    return None


def _names(table: bytes) -> Iterator[tuple[int, tuple[str, str]]]:
    """Yield the program number, name and provider of services."""
    position = 11
    while position + 5 <= len(table) - 4:
        end = min(position + 5 + (read_number(table, position + 3) & 0xFFF), len(table) - 4)
        at = position + 5
        while at + 2 <= end:
            body = table[at + 2 : at + 2 + table[at + 1]]
            if table[at] == _SERVICE_DESCRIPTOR and len(body) > 2:
                provider, name = body[2 : 2 + body[1]], body[3 + body[1] :]
                yield read_number(table, position), (_text(name), _text(provider))
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
    return _UNREADABLE
