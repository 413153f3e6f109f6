"""Largest bit rate of a coded audio stream."""

from collections.abc import Iterable, Iterator
from contextlib import suppress
from fractions import Fraction
from itertools import pairwise

import av
from av.audio.stream import AudioStream
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Discard

_PART_S = 2
"""Length of measured parts; in shorter ones, encoders spend bits saved before."""

_N_PARTS = 16
"""Parts read of a file without an index, spread over its length."""


def largest_bit_rate(reader: InputContainer, stream: AudioStream) -> int:
    """Stated bit rate of a stream, or that of its busiest part if higher, in bits/s.

    Reading packets leaves the file at another position.
    """
    stated = stream.codec_context.bit_rate or 0
    return max(stated, *_part_rates(reader, stream), 0)


def _part_rates(reader: InputContainer, stream: AudioStream) -> Iterator[int]:
    length_s = Fraction(reader.duration or 0, av.time_base)
    if reader.format.name.startswith("mov"):
        tick_s = stream.time_base or Fraction(1)
        entries = [(entry.timestamp * tick_s, entry.size) for entry in stream.index_entries]
        # The index of a fragmented file covers only the fragments read so far.
        if entries and entries[-1][0] - entries[0][0] > length_s / 2:
            yield from _rates((b - a, size) for (a, size), (b, _) in pairwise(entries))
            return
    for other in reader.streams:
        if other is not stream:
            other.discard = Discard.all
    if length_s <= _N_PARTS * _PART_S:
        yield from _rates(_packets(reader, stream))
        return
    for number in range(_N_PARTS):
        begin_s = number * length_s / _N_PARTS
        with suppress(FFmpegError):
            reader.seek((reader.start_time or 0) + int(begin_s * av.time_base))
            yield from _rates(_packets(reader, stream), n_max=1)


def _packets(reader: InputContainer, stream: AudioStream) -> Iterator[tuple[Fraction, int]]:
    """Yield the duration in seconds and the size in bytes of packets."""
    with suppress(FFmpegError):
        for packet in reader.demux(stream):
            if packet.duration:
                yield packet.duration * packet.time_base, packet.size


def _rates(packets: Iterable[tuple[Fraction, int]], n_max: int | None = None) -> Iterator[int]:
    """Yield the bit rates of consecutive parts; a shorter last one counts only if it is alone."""
    n_parts, n_bytes, length_s = 0, 0, Fraction(0)
    for duration_s, size in packets:
        n_bytes += size
        length_s += duration_s
        if length_s >= _PART_S:
            yield int(8 * n_bytes / length_s)
            n_parts, n_bytes, length_s = n_parts + 1, 0, Fraction(0)
            if n_parts == n_max:
                return
    if length_s and not n_parts:
        yield int(8 * n_bytes / length_s)
