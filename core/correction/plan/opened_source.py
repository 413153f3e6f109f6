"""The source during planning: one open container, with its first packets read once."""

from collections.abc import Iterator
from fractions import Fraction
from itertools import islice
from typing import NamedTuple

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from core.media.formats.output_format import OutputFormat
from core.media.formats.stream_header import index_of
from core.media.info import MediaInfo
from core.media.reader import open_container

_N_REORDERED = 50
"""Packets with the earliest presentation time of a stream among them."""

_N_READ_THROUGH = 1000
"""Packets of the file read in order; the first packets of later streams are sought."""


class PacketTimes(NamedTuple):
    """Times of a packet in ticks of its time base, None where unknown."""

    pts: int | None
    dts: int | None
    time_base: Fraction


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

    It keeps times, never the content of packets, and reads a limited number of packets.

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
        self._first: dict[int, list[PacketTimes]] = {s.index: [] for s in reader.streams}
        self._n_read = 0
        self._is_at_end = False

    def packets(self, stream_index: int) -> Iterator["Packet[Stream]"]:
        """Yield the packets of a stream from the beginning of the file; to be called first."""
        if self._n_read:
            raise RuntimeError("expected an unread source, got one with packets read")
        while self._n_read < _N_READ_THROUGH and (packet := self._read_packet()) is not None:
            if packet.stream_index == stream_index:
                yield packet

    def first_times(self, stream_index: int, within: int | None = None) -> Iterator[PacketTimes]:
        """Yield the times of the first packets of a stream.

        Args:
            stream_index: Stream of the container.
            within: Number of packets of the file to search; None for all, by seeking.
        """
        first = self._first[stream_index]
        limit = _N_READ_THROUGH if within is None else within
        number = 0
        while number < _N_REORDERED:
            if number < len(first):
                yield first[number]
                number += 1
            elif self._n_read >= limit or self._read_packet() is None:
                break
        if not first and within is None:
            yield from self._sought(stream_index)

    def first_times_s(self, stream_index: int) -> tuple[Fraction, Fraction]:
        """Presentation and decoding time of the first packet in seconds; 0 where unknown."""
        packet = next(self.first_times(stream_index), None)
        if packet is None:
            return Fraction(0), Fraction(0)
        return (packet.pts or 0) * packet.time_base, (packet.dts or 0) * packet.time_base

    def earliest_s(self, stream_index: int) -> Fraction:
        """Earliest presentation time of a stream in seconds, hidden media included."""
        stream = self.reader.streams[stream_index]
        start_s = start_time_s(stream)
        if not self.reader.format.name.startswith("mov"):
            return start_s
        # Only video is stored in another order than it is presented.
        n_packets = _N_REORDERED if stream.type == "video" else 1
        packets = islice(self.first_times(stream_index), n_packets)
        times_s = [p.pts * p.time_base for p in packets if p.pts is not None]
        return min([*times_s, start_s])

    def _sought(self, stream_index: int) -> list[PacketTimes]:
        """Times of the first packet of a stream that begins late, found by its index entry."""
        stream = self.reader.streams[stream_index]
        first = self._first[stream_index]
        if not len(stream.index_entries):
            return first
        self._is_at_end = True  # Nothing is read in order after a seek.
        try:
            self.reader.seek(stream.index_entries[0].timestamp, stream=stream)
            for packet in islice(self.reader.demux(stream), _N_READ_THROUGH):
                if packet.dts is not None:
                    first.append(PacketTimes(packet.pts, packet.dts, packet.time_base))
                    break
        except (FFmpegError, OSError):
            # Damage is reported by the copying.
            pass
        return first

    def _read_packet(self) -> "Packet[Stream] | None":
        """Read one packet of the file; None at its end, and at damage, reported by the copying."""
        if self._is_at_end:
            return None
        try:
            packet = next(self._packets, None)
        except (FFmpegError, OSError, IndexError):
            # IndexError: a packet of a stream that was not there when the file was opened.
            packet = None
        if packet is None:
            self._is_at_end = True
            return None
        self._n_read += 1
        first = self._first[packet.stream_index]
        is_flush = packet.size == 0 and packet.dts is None
        if not is_flush and len(first) < _N_REORDERED:
            first.append(PacketTimes(packet.pts, packet.dts, packet.time_base))
        return packet
