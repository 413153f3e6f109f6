"""What streams and files state besides packets and texts, and where a copy states it differently.

Codec headers, sizes, colours, the shape of pixels, how the picture is turned, its brightness, and
chapters decide what a player shows. What the container of the copy cannot hold does not count;
`core.correction.compatibility.tags` says that before anything is written.
"""

import math
import re
import struct
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property
from pathlib import Path
from typing import cast

from av.audio.stream import AudioStream
from av.container import InputContainer
from av.sidedata.sidedata import SideData, Type
from av.stream import AttachmentStream, DataStream, Stream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream

from core.correction.compatibility.color import carried_colors, stated_colors
from core.correction.compatibility.stream_plan import loses_shape
from core.correction.compatibility.timecodes import timecode_change
from core.media.formats.nal_units import parameter_sets
from core.media.formats.output_format import OutputFormat
from core.media.formats.stream_header import index_of
from core.media.probe import decode_first_frame
from core.media.stream_kind import has_codec, is_attached_picture, stream_keys

_ACCEPTED_S = Fraction(2, 1000)
"""Chapters and streams are each rounded to a millisecond."""

_RATIO_TOLERANCE = 1e-3
"""Containers round sizes and shapes to small whole numbers."""

_DISPLAY_TOLERANCES = (*[1.5e-5] * 8, *[1e-4] * 2)
"""Half a step of MP4 and some more: it counts colours in 1/50000, brightness in 1/10000 cd/m2."""

_ALIKE_HEADERS = frozenset({"aac", "alac", "av1", "flac", "mpeg4", "theora", "vorbis", "opus"})
"""Codecs whose header is the same in all containers that hold one, MPEG-TS aside."""

_COUNTS_LENGTH = frozenset({"tta"})
"""Codecs whose header the muxer writes anew, since it tells the length of the sound."""

_BIT_RATES = re.compile(rb"\0\0\0\x14btrt.{12}", re.DOTALL)
"""What the muxer adds to the header of subtitles in MP4, once more each time."""

_N_USUAL = 2

_HOLD_DEPTH = frozenset({"mp4", "matroska"})

_VISION = re.compile(rb"(?:dvcC|dvvC|dvwC)(?:\x41\xed(?:\x98|\x40\x18))?(.{5})", re.DOTALL)
"""The configuration of Dolby Vision: a box of MP4, or the mapping of Matroska's additions."""


@dataclass(frozen=True)
class OpenedFile:
    """A file that is open for reading.

    Attributes:
        path: The file.
        reader: The open container.
    """

    path: Path
    reader: InputContainer

    @cached_property
    def index(self) -> bytes:
        """Part of the file that describes its streams, read once."""
        return index_of(self.path, self.reader.format.name)


def changed_properties(
    source: OpenedFile,
    copy: OpenedFile,
    output: OutputFormat,
    recoded: Collection[int],
    common_s: float,
) -> Iterator[str]:
    """Yield the names of what a copy states differently, but for what it cannot hold.

    Args:
        source: The source.
        copy: Its copy.
        output: The container of the copy.
        recoded: Streams of the source that are encoded again, which may state what they like.
        common_s: By how much all streams of the copy are later.
    """
    copies = dict(stream_keys(copy.reader))
    for key, stream in stream_keys(source.reader):
        other = copies.get(key)
        if other is None or stream.index in recoded or isinstance(stream, AttachmentStream):
            continue
        if isinstance(stream, DataStream) or not has_codec(stream) or not has_codec(other):
            continue
        names = [*_changed_of_stream(stream, other, output)]
        if stream.type == "video" and not is_attached_picture(stream):
            first = decode_first_frame(source.path, stream.index)
            found = decode_first_frame(copy.path, other.index)
            names += _changed_of_picture(first, found, output)
            names += _changed_timecode(stream, other, output)
        yield from (f"{name} of stream {stream.index} ({stream.type})" for name in names)
    if output.name in _HOLD_DEPTH and _vision(source) != _vision(copy):
        yield "the Dolby Vision configuration"
    if output.holds_chapters:
        yield from _changed_chapters(source.reader, copy.reader, output, common_s)


def _changed_of_stream(stream: Stream, other: Stream, output: OutputFormat) -> Iterator[str]:
    families = frozenset(one.container.format.name for one in (stream, other))
    if _header(stream, families) != _header(other, families):
        yield "the codec's header"
    wraps = len(families) > 1
    if isinstance(stream, VideoStream) and isinstance(other, VideoStream):
        yield from _changed_of_video(stream, other, output, wraps=wraps)
    if isinstance(stream, AudioStream) and isinstance(other, AudioStream):
        rates_hz = stream.codec_context.sample_rate, other.codec_context.sample_rate
        # Where MPEG-TS begins without sound, nothing is known of it before it comes.
        if not all(rates_hz):
            return
        if rates_hz[0] != rates_hz[1]:
            yield f"the sample rate ({rates_hz[0]} Hz became {rates_hz[1]} Hz)"
        before, after = stream.codec_context.layout, other.codec_context.layout
        is_same = before.nb_channels == after.nb_channels
        # Containers may have no words for the usual ones.
        is_unsaid = wraps or (after.name.endswith("channels") and after.nb_channels <= _N_USUAL)
        if not is_same or (before.name != after.name and not is_unsaid):
            yield f"the layout of channels ({before.name} became {after.name})"


def _header(stream: Stream, families: Collection[str]) -> object:
    """Return the header of a codec in a form that can be compared; None where it cannot.

    Args:
        stream: The stream.
        families: FFmpeg's names of the formats of both files.
    """
    context = stream.codec_context
    codec, header = context.codec.canonical_name, context.extradata or b""
    if codec in _COUNTS_LENGTH:
        return None
    if codec == "mov_text":
        header = _BIT_RATES.sub(b"", header)
    if len(families) == 1:
        return header
    if codec in {"h264", "hevc"}:
        return parameter_sets(stream)
    # MPEG-TS has these in its packets or leaves them to the decoder.
    return header if codec in _ALIKE_HEADERS and "mpegts" not in families else None


def _changed_of_video(
    stream: VideoStream, other: VideoStream, output: OutputFormat, *, wraps: bool
) -> Iterator[str]:
    context, found = stream.codec_context, other.codec_context
    if (context.width, context.height) != (found.width, found.height):
        yield f"the size in pixels ({context.width}x{context.height})"
    formats = {_pixel_format(one) for one in (stream, other)} - {""}
    if len(formats) > 1:
        yield f"the pixel format ({context.pix_fmt} became {found.pix_fmt})"
    shapes = [float(one.sample_aspect_ratio or 1) for one in (stream, other)]
    is_alike = math.isclose(*shapes, rel_tol=_RATIO_TOLERANCE)
    if not is_alike and not loses_shape(output, stream):
        yield (
            f"the shape of pixels ({stream.sample_aspect_ratio or 1} became "
            f"{other.sample_aspect_ratio or 1})"
        )
    if _differs_in_colour(stream, other, output, wraps=wraps):
        yield "the description of colour"
    orders = {int(context.field_order), int(found.field_order)} - {0}
    if len(orders) > 1:
        yield "the order of fields"


def _differs_in_colour(
    stream: VideoStream, other: VideoStream, output: OutputFormat, *, wraps: bool
) -> bool:
    """Tell whether a copy describes colour differently, where its container can describe it."""
    before, after = stated_colors(stream), stated_colors(other)
    if before is None or after is None:
        return False
    for stream_property in before.keys() | after.keys():
        is_lost = stream_property not in after and stream_property not in carried_colors(output)
        is_added = stream_property not in before and wraps
        if (
            before.get(stream_property) != after.get(stream_property)
            and not is_lost
            and not is_added
        ):
            return True
    return False


def _pixel_format(stream: VideoStream) -> str:
    """Return how pixels are stored; the range of their values is part of the colours."""
    return re.sub(r"^yuvj", "yuv", stream.codec_context.pix_fmt or "")


def _changed_of_picture(
    first: VideoFrame | None, found: VideoFrame | None, output: OutputFormat
) -> Iterator[str]:
    """Compare what is said of a stream beside its first picture."""
    if first is None or found is None:
        return
    if output.holds_chapters and _turn(first) != _turn(found):
        yield f"how it is turned ({first.rotation}° became {found.rotation}°)"
    if output.holds_chapters:
        for kind, name in (
            (Type.MASTERING_DISPLAY_METADATA, "the mastering display"),
            (Type.CONTENT_LIGHT_LEVEL, "the light level"),
        ):
            before, after = _numbers(first, kind), _numbers(found, kind)
            pairs = zip(before, after, _DISPLAY_TOLERANCES, strict=False)
            is_close = all(math.isclose(a, b, rel_tol=1e-6, abs_tol=c) for a, b, c in pairs)
            if len(before) != len(after) or not is_close:
                yield name
    if output.name in _HOLD_DEPTH:
        for kind, name in (
            (Type.SPHERICAL, "the description of a sphere"),
            (Type.STEREO3D, "the description of depth"),
        ):
            if (_side_data(first, kind) is None) != (_side_data(found, kind) is None):
                yield name


def _changed_timecode(stream: Stream, other: Stream, output: OutputFormat) -> Iterator[str]:
    timecodes = timecode_change(stream, other, output)
    same_family = stream.container.format.name == other.container.format.name
    # A text of Matroska may be none that MP4 could hold.
    if timecodes and (timecodes[1] or same_family):
        yield f"the timecode ({timecodes[0]} became {timecodes[1] or 'none'})"


def _side_data(frame: VideoFrame, kind: Type) -> bytes | None:
    # Against its annotations, the mapping yields values.
    values = cast(Iterable[SideData], frame.side_data)
    return next((bytes(data) for data in values if data.type is kind), None)


def _turn(frame: VideoFrame) -> tuple[int, ...]:
    """Return the matrix by which a picture is turned and mirrored, in hundredths."""
    data = _side_data(frame, Type.DISPLAYMATRIX)
    if data is None:
        return (100, 0, 0, 100)
    matrix = struct.unpack("9i", data[:36])
    return tuple(round(100 * matrix[place] / (1 << 16)) for place in (0, 1, 3, 4))


def _numbers(frame: VideoFrame, kind: Type) -> list[float]:
    """Return the numbers of side data of the decoder; empty if there are none.

    A mastering display is described by ten fractions and two flags, the light level by two numbers
    (libavutil, mastering_display_metadata.h).
    """
    data = _side_data(frame, kind)
    if data is None:
        return []
    if kind is Type.CONTENT_LIGHT_LEVEL:
        return [float(number) for number in struct.unpack("2I", data[:8])]
    numbers = struct.unpack("22i", data[:88])
    return [n / (d or 1) for n, d in zip(numbers[:20:2], numbers[1:20:2], strict=True)]


def _vision(file: OpenedFile) -> list[bytes]:
    """Return the configurations of Dolby Vision, as far as they tell version, profile, layers."""
    return _VISION.findall(file.index)


def _changed_chapters(
    source: InputContainer, copy: InputContainer, output: OutputFormat, common_s: float
) -> Iterator[str]:
    before, after = source.chapters(), copy.chapters()
    if len(before) != len(after):
        yield f"the chapters ({len(before)} became {len(after)})"
        return
    # In MP4 a chapter lasts until the next one.
    has_ends = not output.is_mp4 or source.format.name == output.reads_as
    for number, (one, other) in enumerate(zip(before, after, strict=True), 1):
        for place in ("start", "end") if has_ends else ("start",):
            wanted_s = one[place] * (one["time_base"] or Fraction(1)) + Fraction(common_s)
            found_s = other[place] * (other["time_base"] or Fraction(1))
            if abs(max(wanted_s, Fraction(0)) - found_s) > _ACCEPTED_S:
                yield f"the {place} of chapter {number}"
        if one["metadata"].get("title", "") != other["metadata"].get("title", ""):
            yield f"the title of chapter {number}"
