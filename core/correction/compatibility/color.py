"""Color properties of video, stated by the container and by the codec."""

from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from av.codec.context import CodecContext
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream
from av.video.codeccontext import VideoCodecContext
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.media.formats.output_format import MOV, OutputFormat

_UNSPECIFIED = {
    "color_primaries": (2,),
    "color_trc": (2,),
    "colorspace": (2,),
    # An unspecified range is the limited one.
    "color_range": (0, 1),
}
"""Color properties with their values for "unspecified" (ISO/IEC 23091-2)."""

_RGB = ("rgb", "gbr", "bgr", "pal", "argb", "abgr")
"""Prefixes of pixel formats without such properties."""

_N_PACKETS_TO_FIRST_FRAME = 64


def carried_colors(output: OutputFormat) -> Collection[str]:
    """Color properties with a place in a container."""
    if not output.holds_chapters:
        return ()
    return [name for name in _UNSPECIFIED if not (output is MOV and name == "color_range")]


def stated_colors(stream: VideoStream) -> dict[str, int] | None:
    """Color properties stated for a stream, by name; None for RGB."""
    if (stream.codec_context.pix_fmt or "").startswith(_RGB):
        return None
    return _stated(stream.codec_context)


def container_only_colors(
    stream: Stream, packets: Iterable["Packet[Stream]"], output: OutputFormat
) -> bool:
    """Whether the container alone states color properties that the target cannot hold.

    Args:
        stream: A video stream of the source.
        packets: Its first packets, read only where they are needed.
        output: The container of the target.
    """
    # Against its annotations, PyAV has no context for codecs that FFmpeg does not know.
    context: object = stream.codec_context
    if not isinstance(stream, VideoStream) or context is None:
        return False
    held = carried_colors(output)
    stated = {k: v for k, v in (stated_colors(stream) or {}).items() if k not in held}
    if not stated:
        return False
    coded = _coded_colors(stream, packets)
    return any(coded.get(name) != number for name, number in stated.items())


def _coded_colors(stream: VideoStream, packets: Iterable["Packet[Stream]"]) -> Mapping[str, int]:
    """Color properties of the first frame, from a decoder without hints of the container."""
    decoder = CodecContext.create(stream.codec_context.codec.name, "r")
    assert isinstance(decoder, VideoCodecContext)
    decoder.extradata = stream.codec_context.extradata
    try:
        for packet in islice(packets, _N_PACKETS_TO_FIRST_FRAME):
            for frame in decoder.decode(packet):
                return _stated(frame)
    except FFmpegError:
        return {}
    return {}


def _stated(source: VideoCodecContext | VideoFrame) -> dict[str, int]:
    numbers = {name: int(getattr(source, name)) for name in _UNSPECIFIED}
    return {name: number for name, number in numbers.items() if number not in _UNSPECIFIED[name]}
