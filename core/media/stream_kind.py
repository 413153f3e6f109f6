"""Properties of streams and codecs, read from an open file."""

import re
from collections import Counter
from collections.abc import Iterator

from av.audio.codeccontext import AudioCodecContext
from av.audio.frame import AudioFrame
from av.codec.context import CodecContext
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, DataStream, Disposition, Stream

UNNAMED, UNKNOWN_CODEC = "unnamed", "unknown codec"
"""Placeholders for the name of a codec."""


def has_codec(stream: Stream) -> bool:
    """Whether FFmpeg knows the codec of a stream."""
    # Against its stubs, PyAV has no context without a decoder.
    return stream.codec_context is not None


def codec_name(stream: Stream) -> str:
    """FFmpeg's name of a codec, or a placeholder."""
    if isinstance(stream, DataStream | AttachmentStream):
        return stream.name or UNNAMED
    return stream.codec_context.codec.canonical_name if has_codec(stream) else UNKNOWN_CODEC


def readable(text: str) -> str:
    """Text of a tag for messages, with "?" for bytes that are not UTF-8."""
    return text.encode("utf-8", "replace").decode()


def is_attached_picture(stream: Stream) -> bool:
    """Whether a stream is a still image such as a cover."""
    return bool(stream.disposition & Disposition.attached_pic)


TrackKey = tuple[str, int]
"""Identity of a stream across containers: its kind, and its number among that kind."""


def stream_keys(reader: InputContainer) -> Iterator[tuple[TrackKey, Stream]]:
    """Yield the streams of a file with their keys for other containers."""
    numbers: Counter[str] = Counter()
    for stream in reader.streams:
        kind: str = "picture" if is_attached_picture(stream) else stream.type
        if isinstance(stream, DataStream):
            # Muxers add tracks of their own for timecode and chapters.
            kind = f"data {stream.name}"
        yield (kind, numbers[kind]), stream
        numbers[kind] += 1


_SILENT_BYTE = {"pcm_u8": b"\x80", "pcm_alaw": b"\xd5", "pcm_mulaw": b"\xff"}


_ENCODERS = {"mp3": "libmp3lame", "mp2": "mp2", "ac3": "ac3"}
"""Encoders of silence. AAC is missing: its packets do not stand alone."""


_N_PACKETS_TO_SETTLE = 12


def packet_samples(stream: Stream) -> int:
    """Samples per packet of coded audio; 0 if unknown or variable."""
    context = audio_context(stream)
    # Missing from the demuxer of AVI for AC-3 (ETSI TS 102 366: six blocks of 256).
    return 1536 if context.codec.canonical_name == "ac3" else context.frame_size


def is_uncompressed(codec: str) -> bool:
    """Whether a codec stores each sample in a fixed number of bytes."""
    return re.fullmatch(r"pcm_([suf]\d+(le|be)?|alaw|mulaw)", codec) is not None


def silence_of(codec: str) -> bytes:
    """One silent sample of one channel of an uncompressed codec."""
    match = re.search(r"\d+", codec)
    n_bytes = int(match[0]) // 8 if match else 1
    return _SILENT_BYTE.get(codec, b"\0") * n_bytes


def silent_packet(stream: Stream) -> bytes | None:
    """Encode a packet of silence for a stream; None if there is no encoder."""
    source = audio_context(stream)
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
        # Without the bit reservoir, packets do not depend on earlier ones.
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


def audio_context(stream: Stream) -> AudioCodecContext:
    """Codec context of an audio stream."""
    context = stream.codec_context
    if not isinstance(context, AudioCodecContext):
        raise TypeError(f"expected an audio stream, got one of {stream.type}")
    return context
