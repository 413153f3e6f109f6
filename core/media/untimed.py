"""Moving the sound of containers that keep no times: its bytes are laid out anew.

In AVI and MXF sound is heard where the amount of sound before it puts it, so it gets later by
silence in front of it and earlier by losing its head.
"""

import re
from collections.abc import Iterator
from fractions import Fraction
from typing import Protocol

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

_CHUNKS_PER_S = 25
"""How finely silence is cut into packets, so that readers need not skip far."""

_SILENT_BYTE = {"pcm_u8": b"\x80", "pcm_alaw": b"\xd5", "pcm_mulaw": b"\xff"}

_ENCODERS = {"mp3": "libmp3lame", "mp2": "mp2", "ac3": "ac3"}
"""Who encodes silence. AAC is not among them: a packet of it does not stand alone."""

_N_PACKETS_TO_SETTLE = 12


class Relay(Protocol):
    """Takes the packets of a stream and gives out those to be written, with their times."""

    def feed(self, packet: "Packet[Stream]") -> Iterator["Packet[Stream]"]:
        """Take the next packet."""
        ...

    def finish(self, until_s: Fraction | None) -> Iterator["Packet[Stream]"]:
        """Give out what is left, and silence up to a time if one is given."""
        ...


class SampleRelay:
    """Lays out uncompressed sound, moved by any number of samples."""

    def __init__(self, codec: str, rate_hz: int, n_channels: int, n_samples: int) -> None:
        """Begin at time zero.

        Args:
            codec: FFmpeg's name of a PCM codec.
            rate_hz: Samples a second.
            n_channels: Channels per sample.
            n_samples: Silent samples to put in front; negative, to cut off that many.
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
    """Decodes sound into 16-bit samples and lays these out."""

    def __init__(self, stream: Stream, n_samples: int) -> None:
        context = _audio_context(stream)
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
        self._context = _audio_context(stream)
        self._resampler = AudioResampler("s16", self._context.layout, self._context.sample_rate)

    def decode(self, packet: "Packet[Stream] | None") -> Iterator[tuple[AudioFrame, bytes]]:
        """Yield frames with their samples; None asks for the rest. What is damaged adds nothing."""
        try:
            frames = self._context.decode(packet)
        except FFmpegError:
            return
        for frame in frames:
            # Neither rate nor layout changes, so nothing stays behind in the resampler.
            resampled = self._resampler.resample(frame)
            yield frame, b"".join(piece.to_ndarray().tobytes() for piece in resampled)


class PacketRelay:
    """Lays out coded sound, moved by whole packets."""

    def __init__(self, stream: Stream, n_packets: int, silence: bytes) -> None:
        """Begin at time zero.

        Args:
            stream: The sound.
            n_packets: Packets to put in front; negative, to cut off that many.
            silence: A packet of silence.
        """
        context = _audio_context(stream)
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


def packet_samples(stream: Stream) -> int:
    """Return how many samples a packet of coded sound holds; 0 if that is unknown or varies."""
    context = _audio_context(stream)
    # The demuxer of AVI leaves it out for AC-3 (ETSI TS 102 366: six blocks of 256).
    return 1536 if context.codec.canonical_name == "ac3" else context.frame_size


def is_uncompressed(codec: str) -> bool:
    """Tell whether a codec stores each sample in a fixed number of bytes."""
    return re.fullmatch(r"pcm_([suf]\d+(le|be)?|alaw|mulaw)", codec) is not None


def silence_of(codec: str) -> bytes:
    """Return one silent sample of one channel of an uncompressed codec."""
    match = re.search(r"\d+", codec)
    n_bytes = int(match[0]) // 8 if match else 1
    return _SILENT_BYTE.get(codec, b"\0") * n_bytes


def silent_packet(stream: Stream) -> bytes | None:
    """Return a packet of encoded silence that fits a stream; None if nobody encodes it."""
    source = _audio_context(stream)
    name = _ENCODERS.get(source.codec.canonical_name)
    if name is None:
        return None
    encoder = CodecContext.create(name, "w")
    assert isinstance(encoder, AudioCodecContext)
    encoder.sample_rate, encoder.layout = source.sample_rate, source.layout
    formats = encoder.codec.audio_formats or [source.format]
    encoder.format = formats[0]
    if source.bit_rate:
        encoder.bit_rate = source.bit_rate
    if name == "libmp3lame":
        # A packet must not lean on those before it.
        encoder.options = {"reservoir": "0"}
    try:
        encoder.open()
        packets: list[bytes] = []
        while len(packets) < _N_PACKETS_TO_SETTLE:
            frame = AudioFrame(formats[0].name, source.layout, encoder.frame_size)
            for plane in frame.planes:
                plane.update(bytes(plane.buffer_size))
            frame.sample_rate = source.sample_rate
            packets += [bytes(packet) for packet in encoder.encode(frame)]
    except (FFmpegError, ValueError):
        return None
    return packets[-1] if encoder.frame_size == packet_samples(stream) else None


def _packet(payload: bytes, position: int, n_samples: int, rate_hz: int) -> "Packet[Stream]":
    packet: Packet[Stream] = Packet(payload)
    packet.time_base = Fraction(1, rate_hz)
    packet.pts = packet.dts = position
    packet.duration = n_samples
    packet.is_keyframe = True
    return packet


def _audio_context(stream: Stream) -> AudioCodecContext:
    context = stream.codec_context
    if not isinstance(context, AudioCodecContext):
        raise TypeError(f"expected an audio stream, got one of {stream.type}")
    return context
