"""MPEG-TS: packets, PIDs and truncation (ISO/IEC 13818-1, 2.4.3)."""

from typing import BinaryIO

from av.container import InputContainer

from core.media.formats.output_format import M2TS, OutputFormat

_PACKET_STEPS = (188, 192, 204)
"""Plain packets, with a timestamp before (M2TS), or with a checksum behind."""

_WHOLE_RASTERS = ((0, 188), (4, 192), (0, 204))
"""First sync byte and step of files that begin with a whole packet."""

_N_SYNCS = 5
_SYNC = 0x47

_TABLE_PIDS = (0x1000, 0x100)
"""PID of the muxer's table of streams in TS and in M2TS."""


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check whether the last packet is whole; missing packets leave no trace."""
    raster = raster_of(file.read(_N_SYNCS * max(_PACKET_STEPS)))
    if raster not in _WHOLE_RASTERS:
        return False
    return size % raster[1] != 0


def keeps_pids(reader: InputContainer, output: OutputFormat) -> bool:
    """Whether streams keep their PIDs: none may collide with the muxer's own table."""
    if not (output.is_mpegts and reader.format.name == output.reads_as):
        return False
    return _TABLE_PIDS[output is M2TS] not in {stream.id for stream in reader.streams}


def raster_of(content: bytes) -> tuple[int, int] | None:
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
