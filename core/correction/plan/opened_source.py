"""The source during planning: one open container, with its first packets read once."""

from collections.abc import Iterator
from fractions import Fraction

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from core.media.formats.output_format import OutputFormat
from core.media.formats.stream_header import index_of
from core.media.info import MediaInfo
from core.media.reader import open_container

_N_KEPT = 64
"""First packets kept of each stream."""

_N_REORDERED = 50
"""Packets with the earliest presentation time of a stream among them."""


def open_source(info: MediaInfo, output: OutputFormat) -> InputContainer:
    """Open a source for copying, with its hidden media if the target keeps them hidden.

    Raises:
        MediaError: As `core.media.reader.open_container`.
    """
    return open_container(info.path, shows_hidden=output.keeps_hidden(info.container))


def start_time_s(stream: Stream) -> Fraction:
    """First presentation time of a stream as its container states it, seconds."""
    return (stream.start_time or 0) * (stream.time_base or Fraction(1))


class OpenedSource:
    """A source opened for planning.

    Attributes:
        info: The probed file.
        reader: Its open container, as `open_source` returns it.
        index: Description of the streams as bytes; empty for most containers.
    """

    def __init__(self, info: MediaInfo, reader: InputContainer) -> None:
        """Read the index; packets are read when they are asked for."""
        self.info = info
        self.reader = reader
        self.index = index_of(info.path, info.container)
        self._packets = reader.demux()
        self._first: dict[int, list[Packet[Stream]]] = {s.index: [] for s in reader.streams}
        self._n_read = 0

    def packets(self, stream_index: int, within: int | None = None) -> Iterator["Packet[Stream]"]:
        """Yield the first packets of a stream, 64 at most.

        Args:
            stream_index: Stream of the container.
            within: Number of packets of the file to search; None for all.
        """
        number, first = 0, self._first[stream_index]
        while number < _N_KEPT:
            if number < len(first):
                yield first[number]
                number += 1
            elif (within is not None and self._n_read >= within) or not self._read_packet():
                return

    def first_times_s(self, stream_index: int) -> tuple[Fraction, Fraction]:
        """Presentation and decoding time of the first packet in seconds; 0 where unknown."""
        packet = next(self.packets(stream_index), None)
        if packet is None:
            return Fraction(0), Fraction(0)
        return (packet.pts or 0) * packet.time_base, (packet.dts or 0) * packet.time_base

    def earliest_s(self, stream_index: int) -> Fraction:
        """Earliest presentation time of a stream in seconds, hidden media included."""
        start_s = start_time_s(self.reader.streams[stream_index])
        if not self.reader.format.name.startswith("mov"):
            return start_s
        packets = zip(self.packets(stream_index), range(_N_REORDERED), strict=False)
        times_s = [p.pts * p.time_base for p, _ in packets if p.pts is not None]
        return min([*times_s, start_s])

    def _read_packet(self) -> bool:
        """Read one packet of the file; False at its end, and at damage, reported by the copying."""
        try:
            packet = next(self._packets, None)
        except (FFmpegError, OSError, IndexError):
            # IndexError: a packet of a stream that was not there when the file was opened.
            return False
        if packet is None:
            return False
        self._n_read += 1
        first = self._first[packet.stream_index]
        is_flush = packet.size == 0 and packet.dts is None
        if not is_flush and len(first) < _N_KEPT:
            first.append(packet)
        return True
