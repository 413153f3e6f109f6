"""How sound that was retimed is encoded: as the source's, or without loss where nobody can."""

import io
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass
from fractions import Fraction
from functools import lru_cache

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.error import FFmpegError
from av.stream import Stream

from core.correction.retime.bit_rate import largest_bit_rate
from core.media.formats.output_format import M2TS, OutputFormat, is_statistic
from core.media.info import MediaInfo
from core.media.reader import open_container
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
"""Who encodes what, beside uncompressed sound. The encoder of Vorbis is not good enough."""

_LOSSLESS = ("flac", "alac", "pcm_s24le", "pcm_bluray", "pcm_s16le")
"""What stands in for a codec without an encoder, by preference."""

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
"""MPEG sound with fewer samples a second than this has bit rates of its own."""

_MOST_PER_CHANNEL = {"aac": Fraction(6144, 1024), "opus": Fraction(256, 48), "mp2": Fraction(4)}
"""Bits per sample at most."""

_LEAST_PER_CHANNEL = 2
"""Bits per sample: encoding again costs quality, which 96 kb/s at 48 kHz keep low."""

_KBPS = 1000

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
    """How sound is encoded; rate and channels are those of the source.

    Attributes:
        codec: FFmpeg's name of the codec.
        encoder: FFmpeg's name of the encoder.
        sample_format: What the encoder is given.
        bit_rate: Bits a second; 0 where nothing is lost.
    """

    codec: str
    encoder: str
    sample_format: str
    bit_rate: int = 0

    @property
    def words(self) -> str:
        """What to call it."""
        bits = 8 * av.AudioFormat(self.sample_format).bytes
        name = _NAMES.get(self.codec) or ("PCM" if self.codec.startswith("pcm_") else self.codec)
        if self.bit_rate:
            return f"{name} at {self.bit_rate / _KBPS:.0f} kb/s"
        return f"{name}, {16 if bits == 16 else 24}-bit" if name != "PCM" else f"PCM ({self.codec})"


PCM_16 = AudioCoding("pcm_s16le", "pcm_s16le", "s16")


# Plans are made several times of one export, and measuring reads a part of the file.
@lru_cache(maxsize=32)
def audio_coding(info: MediaInfo, stream_index: int, output: OutputFormat) -> AudioCoding | None:
    """Return how a stream is encoded again for a container; None if it takes nothing that fits.

    The codec is the source's where that can be encoded, at a bit rate no lower than the source's;
    otherwise nothing more is lost.

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


def is_float(sample_format: str) -> bool:
    """Tell whether samples of a format can be louder than full scale."""
    return sample_format.startswith(("flt", "dbl"))


def add_audio(writer: OutputContainer, stream: Stream, coding: AudioCoding) -> AudioStream:
    """Add a stream to a file that takes the sound of a source, encoded again."""
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
        # Coded sound begins with samples of the encoder's own, which these containers would play.
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
    """Return a bit rate that a codec allows, no lower than the source's."""
    wanted = max(source, _LEAST_PER_CHANNEL * rate_hz * n_channels)
    most = _MOST_PER_CHANNEL.get(codec)
    if most is not None:
        wanted = min(wanted, int(most * rate_hz * n_channels))
    allowed = _RATES_KBPS.get(codec)
    if allowed is None:
        return wanted
    if rate_hz < _LOW_RATE_HZ:
        allowed = _LOW_RATES_KBPS
    return _KBPS * next((rate for rate in allowed if rate * _KBPS >= wanted), allowed[-1])


def _is_accepted(coding: AudioCoding, stream: AudioStream, output: OutputFormat) -> bool:
    """Tell whether encoder and muxer take the sound."""
    if not output.takes_codec(coding.codec):
        return False
    if coding.codec == "pcm_bluray" and output is not M2TS:
        return False
    if not output.keeps_times:
        return True
    writer = av.open(io.BytesIO(), "w", output.name, container_options=dict(output.options))
    try:
        add_audio(writer, stream, coding)
        writer.start_encoding()
    except (FFmpegError, ValueError):
        return False
    finally:
        # A muxer that got no packets may complain; the header is what was asked for.
        with suppress(FFmpegError):
            writer.close()
    return True
