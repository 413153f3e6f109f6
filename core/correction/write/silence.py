"""Moving of audio in containers without times: its bytes are laid out anew.

AVI and MXF place audio by the amount of audio before it. Silence in front makes it later, and
cutting off its head makes it earlier.
"""

from collections.abc import Iterator
from fractions import Fraction

from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from core.media.stream_kind import audio_context, packet_samples, silence_of

_CHUNKS_PER_S = 25
"""Packets of silence per second; short ones spare readers long skips."""


class SampleRelay:
    """Lays out uncompressed audio, moved by any number of samples.

    As the other relays, it takes packets of a stream and yields packets to be written, with their
    times; at the end the rest, and silence up to a time if one is given.
    """

    def __init__(self, codec: str, rate_hz: int, n_channels: int, n_samples: int) -> None:
        """Begin at time zero.

        Args:
            codec: FFmpeg's name of a PCM codec.
            rate_hz: Samples a second.
            n_channels: Channels per sample.
            n_samples: Silent samples to put in front; negative: samples to cut off.
        """
        self._rate_hz = rate_hz
        self._silence = silence_of(codec) * n_channels
        self._n_in_front = n_samples
        self._n_to_cut = max(-n_samples, 0) * len(self._silence)
        self._position = 0

    def feed(self, packet: "Packet[Stream]") -> Iterator["Packet[Stream]"]:
        yield from self.feed_bytes(bytes(packet))

    def feed_bytes(self, payload: bytes) -> Iterator["Packet[Stream]"]:
        """Take the next samples."""
        if self._position == 0 and self._n_in_front > 0:
            yield from self._silent(self._n_in_front)
        n_cut = min(self._n_to_cut, len(payload))
        self._n_to_cut -= n_cut
        if n_cut < len(payload):
            yield self._packet(payload[n_cut:])

    def finish(self, until_s: Fraction | None) -> Iterator["Packet[Stream]"]:
        if until_s is not None:
            yield from self._silent(round(until_s * self._rate_hz) - self._position)

    def _silent(self, n_samples: int) -> Iterator["Packet[Stream]"]:
        n_chunk = self._rate_hz // _CHUNKS_PER_S
        for begin in range(0, n_samples, n_chunk):
            yield self._packet(self._silence * min(n_chunk, n_samples - begin))

    def _packet(self, payload: bytes) -> "Packet[Stream]":
        n_samples = len(payload) // len(self._silence)
        packet = _packet(payload, self._position, n_samples, self._rate_hz)
        self._position += n_samples
        return packet


class DecodedRelay:
    """Decodes audio into 16-bit samples and lays them out."""

    def __init__(self, stream: Stream, n_samples: int) -> None:
        context = audio_context(stream)
        self._samples = SampleRelay("pcm_s16le", context.sample_rate, context.channels, n_samples)
        self._decoder = SampleDecoder(stream)

    def feed(self, packet: "Packet[Stream]") -> Iterator["Packet[Stream]"]:
        for _, samples in self._decoder.decode(packet):
            yield from self._samples.feed_bytes(samples)

    def finish(self, until_s: Fraction | None) -> Iterator["Packet[Stream]"]:
        for _, samples in self._decoder.decode(None):
            yield from self._samples.feed_bytes(samples)
        yield from self._samples.finish(until_s)


class SampleDecoder:
    """Decodes the packets of an audio stream into interleaved 16-bit samples."""

    def __init__(self, stream: Stream) -> None:
        self._context = audio_context(stream)
        self._resampler = AudioResampler("s16", self._context.layout, self._context.sample_rate)

    def decode(self, packet: "Packet[Stream] | None") -> Iterator[tuple[AudioFrame, bytes]]:
        """Yield frames with their samples; None asks for the rest. Damaged packets add nothing."""
        try:
            frames = self._context.decode(packet)
        except FFmpegError:
            return
        for frame in frames:
            # Neither rate nor layout changes, so the resampler keeps nothing back.
            resampled = self._resampler.resample(frame)
            yield frame, b"".join(piece.to_ndarray().tobytes() for piece in resampled)


class PacketRelay:
    """Lays out coded audio, moved by whole packets."""

    def __init__(self, stream: Stream, n_packets: int, silence: bytes) -> None:
        """Begin at time zero.

        Args:
            stream: The audio stream.
            n_packets: Packets to put in front; negative: packets to cut off.
            silence: A packet of silence.
        """
        context = audio_context(stream)
        self._rate_hz = context.sample_rate
        self._frame_size = packet_samples(stream)
        self._n_in_front = n_packets
        self._silence = silence
        self._n_to_cut = max(-n_packets, 0)
        self._n_done = 0

    def feed(self, packet: "Packet[Stream]") -> Iterator["Packet[Stream]"]:
        if self._n_done == 0:
            for _ in range(self._n_in_front):
                yield self._packet(self._silence)
        if self._n_to_cut:
            self._n_to_cut -= 1
        else:
            yield self._packet(bytes(packet))

    def finish(self, until_s: Fraction | None) -> Iterator["Packet[Stream]"]:
        yield from ()

    def _packet(self, payload: bytes) -> "Packet[Stream]":
        position = self._n_done * self._frame_size
        self._n_done += 1
        return _packet(payload, position, self._frame_size, self._rate_hz)


Relay = SampleRelay | DecodedRelay | PacketRelay


def _packet(payload: bytes, position: int, n_samples: int, rate_hz: int) -> "Packet[Stream]":
    packet: Packet[Stream] = Packet(payload)
    packet.time_base = Fraction(1, rate_hz)
    packet.pts = packet.dts = position
    packet.duration = n_samples
    packet.is_keyframe = True
    return packet
