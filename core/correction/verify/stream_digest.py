"""Digests of the coded content of a file, stream by stream, for comparison with another file."""

import hashlib
from array import array
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import AttachmentStream, Stream

from core.correction.write.silence import SampleDecoder
from core.errors import ExportError
from core.media.formats.nal_units import nal_units
from core.media.reader import time_of
from core.media.stream_kind import (
    TrackKey,
    codec_name,
    is_uncompressed,
    silence_of,
    stream_keys,
)
from core.progress import ByteProgress

_NO_TEXT = b"\0\0"
"""Filler between subtitles in MP4; the muxer adds one at the end."""

_TEXT_CODECS = frozenset({"ass", "mov_text", "subrip", "text", "webvtt"})
"""Subtitles shown for the duration of their packets; bitmap subtitles state their own."""


@dataclass(frozen=True, slots=True)
class Reading:
    """Reading of a stream compared in part.

    Attributes:
        n_head: Samples (coded audio: packets) at the beginning that do not count.
        n_bytes: Bytes of uncompressed audio after the head that count; None for all.
        decodes: Whether it is read as 16-bit PCM.
    """

    n_head: int = 0
    n_bytes: int | None = None
    decodes: bool = False


@dataclass(slots=True)
class Track:
    """Content of one stream.

    Times are kept by the number of bytes before a packet, not by its number: demuxers cut
    uncompressed audio into packets of any size.

    Attributes:
        name: For messages.
        index: Position in the container.
        n_bytes: Bytes so far, after the head.
        rest_is_silent: Whether the uncompressed audio that does not count is silence.
        offsets: Bytes before each packet with a time.
        times_s: Times of these packets, seconds.
        lengths_s: Durations of text subtitles, seconds; 0 where unknown.
    """

    name: str
    index: int
    n_bytes: int = 0
    rest_is_silent: bool = True
    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    times_s: "array[float]" = field(default_factory=lambda: array("d"))
    lengths_s: "array[float]" = field(default_factory=lambda: array("d"))
    _digest: hashlib.blake2b = field(default_factory=hashlib.blake2b)

    @property
    def digest(self) -> str:
        """BLAKE2b hash of the content, in hexadecimal."""
        return self._digest.hexdigest()

    def add_packet(self, payload: bytes, time_s: float | None, length_s: float = 0.0) -> None:
        """Add coded data; its division into packets counts."""
        self.lengths_s.append(length_s)
        self._digest.update(len(payload).to_bytes(8, "big"))
        self._digest.update(payload)
        self._note_time(time_s)
        self.n_bytes += len(payload)

    def add_samples(self, payload: bytes, time_s: float | None, limit: int, silence: bytes) -> None:
        """Add uncompressed audio; bytes from 0 to a limit count."""
        begin = min(max(-self.n_bytes, 0), len(payload))
        end = max(min(limit - self.n_bytes, len(payload)), begin)
        self._digest.update(payload[begin:end])
        rest = payload[:begin] + payload[end:]
        self.rest_is_silent &= rest == silence * (len(rest) // len(silence))
        self._note_time(time_s)
        self.n_bytes += len(payload)

    def _note_time(self, time_s: float | None) -> None:
        if time_s is not None:
            self.offsets.append(self.n_bytes)
            self.times_s.append(time_s)


def read_tracks(
    reader: InputContainer,
    path: Path,
    indices: Collection[int],
    readings: Mapping[int, Reading],
    progress: ByteProgress,
    *,
    wraps: bool,
) -> dict[TrackKey, Track]:
    """Read streams to their end.

    Args:
        reader: The opened file.
        path: The file, for messages.
        indices: Streams to read.
        readings: Streams compared in part.
        progress: Told of each packet.
        wraps: Whether the other file frames packets differently.

    Raises:
        ExportError: The file cannot be read to its end.
        Cancelled: The monitor says so.
    """
    tracks: dict[TrackKey, Track] = {}
    takers: dict[int, _Taker] = {}
    for key, stream in stream_keys(reader):
        if stream.index in indices:
            track = Track(f"{path.name}, stream {stream.index} ({key[0]})", stream.index)
            tracks[key] = track
            reading = readings.get(stream.index, Reading())
            takers[stream.index] = _Taker(track, stream, reading, wraps=wraps)
            if isinstance(stream, AttachmentStream):
                track.add_packet(stream.data, None)
    try:
        for packet in reader.demux([reader.streams[index] for index in takers]):
            # Only the flush packets at the end are empty.
            if packet.size == 0:
                continue
            takers[packet.stream_index].take(packet)
            progress.add(packet.size)
    except (FFmpegError, OSError) as error:
        raise ExportError(
            f"{path.name} cannot be read back to its end; export it again to another drive.",
            path=path,
            details=str(error),
        ) from error
    for taker in takers.values():
        taker.finish()
    return tracks


class _Taker:
    """Adds the packets of a stream to its track, according to a reading."""

    def __init__(self, track: Track, stream: Stream, reading: Reading, *, wraps: bool) -> None:
        self._track = track
        self._wraps = wraps
        self._decoder = SampleDecoder(stream) if reading.decodes else None
        self._silence = b""
        self._limit = 0
        self._n_packets_to_skip = 0
        codec = codec_name(stream) if stream.type in {"audio", "subtitle"} else ""
        self._has_length = codec in _TEXT_CODECS
        if self._decoder is not None:
            codec = "pcm_s16le"
        if is_uncompressed(codec):
            self._silence = silence_of(codec)
            n_channels = getattr(stream.codec_context, "channels", 1)
            track.n_bytes = -reading.n_head * n_channels * len(self._silence)
            self._limit = 1 << 62 if reading.n_bytes is None else reading.n_bytes
        else:
            self._n_packets_to_skip = reading.n_head

    def take(self, packet: "Packet[Stream]") -> None:
        time_s = None if packet.pts is None else float(packet.pts * packet.time_base)
        if self._decoder is not None:
            self._take_decoded(packet)
        elif self._silence:
            self._track.add_samples(bytes(packet), time_s, self._limit, self._silence)
        elif self._n_packets_to_skip:
            self._n_packets_to_skip -= 1
        else:
            payload = bytes(packet)
            payload = nal_units(payload, packet.stream) if self._wraps else payload
            if packet.stream.type != "subtitle" or payload != _NO_TEXT:
                n_ticks = (packet.duration or 0) if self._has_length else 0
                self._track.add_packet(payload, time_s, float(n_ticks * packet.time_base))

    def finish(self) -> None:
        if self._decoder is not None:
            self._take_decoded(None)

    def _take_decoded(self, packet: "Packet[Stream] | None") -> None:
        assert self._decoder is not None
        for frame, samples in self._decoder.decode(packet):
            time = time_of(frame)
            time_s = None if time is None else float(time)
            self._track.add_samples(samples, time_s, self._limit, self._silence)
