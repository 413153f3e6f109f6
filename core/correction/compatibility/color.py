"""What is stated about the colours of a picture: by its container, and by its codec."""

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

_UNSAID = {
    "color_primaries": (2,),
    "color_trc": (2,),
    "colorspace": (2,),
    # What says nothing has the limited range.
    "color_range": (0, 1),
}
"""What describes colour, with the numbers by which it says nothing (ISO/IEC 23091-2)."""

_RGB = ("rgb", "gbr", "bgr", "pal", "argb", "abgr")
"""How names of pixel formats begin to which such descriptions say nothing."""

_N_PACKETS_TO_FIRST_FRAME = 64


def carried_colors(output: OutputFormat) -> Collection[str]:
    """Return which traits of colour a container has a place for."""
    if not output.holds_chapters:
        return ()
    return [
        stream_property
        for stream_property in _UNSAID
        if not (output is MOV and stream_property == "color_range")
    ]


def stated_colors(stream: VideoStream) -> dict[str, int] | None:
    """Return what is stated about a stream, by trait; None where that has no meaning."""
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
    coded = _coded_colours(stream, packets)
    return any(coded.get(stream_property) != number for stream_property, number in stated.items())


def _coded_colours(stream: VideoStream, packets: Iterable["Packet[Stream]"]) -> Mapping[str, int]:
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


def _stated(what: VideoCodecContext | VideoFrame) -> dict[str, int]:
    numbers = {stream_property: int(getattr(what, stream_property)) for stream_property in _UNSAID}
    return {
        stream_property: number
        for stream_property, number in numbers.items()
        if number not in _UNSAID[stream_property]
    }
