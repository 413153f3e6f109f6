"""Choice of the encoder for retimed audio: the codec of the source, or a lossless one."""

import io
from collections.abc import Callable, Iterable, Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache
from itertools import pairwise

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.stream import Discard, Stream

from core.media.formats.output_format import M2TS, OutputFormat, is_statistic
from core.media.info import MediaInfo
from core.media.reader import UNREADABLE_TEXT, open_container
from core.media.stream_kind import is_uncompressed

_ENCODERS = {
    "aac": "aac",
    "ac3": "ac3",
    "alac": "alac",
    "eac3": "eac3",
    "flac": "flac",
    "mp2": "mp2",
    "mp3": "libmp3lame",
    "opus": "libopus",
    "pcm_bluray": "pcm_bluray",
}
"""Encoders of coded audio. FFmpeg's encoder of Vorbis is not good enough."""

_LOSSLESS = ("flac", "alac", "pcm_s24le", "pcm_bluray", "pcm_s16le")
"""Replacements of a codec without an encoder, by preference."""

# ETSI TS 102 366 table F.6.1; ISO/IEC 11172-3 and 13818-3, 2.4.2.3, layers 2 and 3.
# fmt: off
_RATES_KBPS = {
    "ac3": (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384, 448, 512, 576, 640),
    "mp2": (32, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320, 384),
    "mp3": (32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
}
# fmt: on
_LOW_RATES_KBPS = (8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160)
_LOW_RATE_HZ = 32000
"""MPEG audio below this sample rate has bit rates of its own."""

_MAX_BITS_PER_SAMPLE = {"aac": Fraction(6144, 1024), "opus": Fraction(256, 48), "mp2": Fraction(4)}
"""Largest number of bits per sample and channel."""

_MIN_BITS_PER_SAMPLE = 2
"""Per channel. At 48 kHz it means 96 kb/s, with a low loss of quality by encoding again."""

_KBPS = 1000

_PART_S = 2
"""Length of the parts whose bit rate is measured; in shorter ones, encoders spend bits saved."""

_N_PARTS = 16
"""Parts read of a file without an index, spread over its length."""

_NAMES = {
    "aac": "AAC",
    "ac3": "AC-3",
    "alac": "ALAC",
    "eac3": "E-AC-3",
    "flac": "FLAC",
    "mp2": "MP2",
    "mp3": "MP3",
    "opus": "Opus",
}


@dataclass(frozen=True, slots=True)
class AudioCoding:
    """Codec and encoder of audio; sample rate and channels are those of the source.

    Attributes:
        codec: FFmpeg's name of the codec.
        encoder: FFmpeg's name of the encoder.
        sample_format: FFmpeg's name of the encoder's sample format.
        bit_rate: Bits per second; 0 for lossless codecs.
    """

    codec: str
    encoder: str
    sample_format: str
    bit_rate: int = 0

    @property
    def words(self) -> str:
        """Name for users."""
        bits = 8 * av.AudioFormat(self.sample_format).bytes
        name = _NAMES.get(self.codec) or ("PCM" if self.codec.startswith("pcm_") else self.codec)
        if self.bit_rate:
            return f"{name} at {self.bit_rate / _KBPS:.0f} kb/s"
        return f"{name}, {16 if bits == 16 else 24}-bit" if name != "PCM" else f"PCM ({self.codec})"


PCM_16 = AudioCoding("pcm_s16le", "pcm_s16le", "s16")


# Measuring the bit rate reads a part of the file, and a dialog plans again with every change.
@lru_cache(maxsize=32)
def audio_coding(info: MediaInfo, stream_index: int, output: OutputFormat) -> AudioCoding | None:
    """Choose the coding of a retimed stream; None if the container takes no suitable one.

    The codec is that of the source if it can be encoded, at the bit rate of the source or higher.
    Otherwise it is a lossless one.

    Raises:
        MediaError: The source cannot be opened.
    """
    with open_container(info.path) as reader:
        stream = reader.streams[stream_index]
        assert isinstance(stream, AudioStream)
        bit_rate = largest_bit_rate(reader, stream)
        for coding in _candidates(stream, output, bit_rate):
            if _is_accepted(coding, stream, output):
                return coding
    return None


def add_audio(writer: OutputContainer, stream: Stream, coding: AudioCoding) -> AudioStream:
    """Add a stream to a target for the audio of a source, encoded again."""
    context = stream.codec_context
    assert isinstance(context, AudioCodecContext)
    copy = writer.add_stream(coding.encoder, rate=context.sample_rate, layout=context.layout.name)
    assert isinstance(copy, AudioStream)
    copy.codec_context.format = av.AudioFormat(coding.sample_format)
    if coding.bit_rate:
        copy.codec_context.bit_rate = coding.bit_rate
    copy.metadata.update({k: text for k, text in stream.metadata.items() if not is_statistic(k)})
    copy.disposition = stream.disposition
    return copy


def _candidates(stream: AudioStream, output: OutputFormat, bit_rate: int) -> Iterator[AudioCoding]:
    context = stream.codec_context
    codec = context.codec.canonical_name
    is_short = context.format.bytes <= 2
    if is_uncompressed(codec):
        yield _lossless(codec, is_short=is_short)
    elif codec in _ENCODERS and (output.keeps_times or codec == "pcm_bluray"):
        if codec in _LOSSLESS:
            yield _lossless(codec, is_short=is_short)
        else:
            wanted = _bit_rate(codec, bit_rate, context.sample_rate, context.layout.nb_channels)
            sample_format = _format(_ENCODERS[codec], "fltp", "flt")
            yield AudioCoding(codec, _ENCODERS[codec], sample_format, wanted)
    if not output.keeps_times:
        # These containers would play the priming of coded audio.
        yield PCM_16
        return
    for codec in _LOSSLESS:
        yield _lossless(codec, is_short=is_short)


def _lossless(codec: str, *, is_short: bool) -> AudioCoding:
    encoder = _ENCODERS.get(codec, codec)
    wanted = ("s16", "s16p") if is_short else ("s32", "s32p")
    return AudioCoding(codec, encoder, _format(encoder, *wanted))


def _format(encoder: str, *wanted: str) -> str:
    formats = [item.name for item in av.Codec(encoder, "w").audio_formats or ()]
    return next((name for name in wanted if name in formats), formats[0])


def _bit_rate(codec: str, source: int, rate_hz: int, n_channels: int) -> int:
    """Bit rate allowed by a codec, at least that of the source, in bits/s."""
    wanted = max(source, _MIN_BITS_PER_SAMPLE * rate_hz * n_channels)
    limit = _MAX_BITS_PER_SAMPLE.get(codec)
    if limit is not None:
        wanted = min(wanted, int(limit * rate_hz * n_channels))
    allowed = _RATES_KBPS.get(codec)
    if allowed is None:
        return wanted
    if rate_hz < _LOW_RATE_HZ:
        allowed = _LOW_RATES_KBPS
    return _KBPS * next((rate for rate in allowed if rate * _KBPS >= wanted), allowed[-1])


def _is_accepted(coding: AudioCoding, stream: AudioStream, output: OutputFormat) -> bool:
    """Whether encoder and muxer accept the audio."""
    if not output.takes_codec(coding.codec):
        return False
    if coding.codec == "pcm_bluray" and output is not M2TS:
        return False
    return not output.keeps_times or writes_header(
        output, lambda writer: add_audio(writer, stream, coding)
    )


def writes_header(output: OutputFormat, add: Callable[[OutputContainer], object]) -> bool:
    """Try to write a header; muxers check most things only then.

    Args:
        output: Container of the file, written to memory.
        add: Adds the streams.
    """
    writer = av.open(
        io.BytesIO(),
        "w",
        output.name,
        container_options=dict(output.options),
        metadata_errors=UNREADABLE_TEXT,
    )
    try:
        add(writer)
        writer.start_encoding()
    except (FFmpegError, ValueError, IndexError):
        return False
    finally:
        # Muxers may fail without packets; only the header matters.
        with suppress(FFmpegError):
            writer.close()
    return True


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
