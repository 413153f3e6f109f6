"""Comparison of stream properties and chapters of a copy with those of its source.

Codec headers, frame sizes, color, pixel aspect ratios, rotation, HDR metadata and chapters decide
what a player shows. Properties without a place in the container of the copy do not count;
`core.correction.compatibility.tags` announces them before the export.
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
from core.correction.compatibility.stream_plan import loses_aspect_ratio
from core.correction.compatibility.timecodes import timecode_change
from core.media.formats.nal_units import parameter_sets, unit_length_bytes
from core.media.formats.output_format import OutputFormat
from core.media.formats.stream_header import index_of
from core.media.formats.xiph_headers import xiph_headers
from core.media.probe import decode_first_frame
from core.media.stream_kind import has_codec, is_attached_picture, stream_keys

_ACCEPTED_S = Fraction(2, 1000)
"""Chapters and streams are both rounded to a millisecond."""

_RATIO_TOLERANCE = 1e-3
"""Containers round aspect ratios to small integers."""

_DISPLAY_TOLERANCES = (*[1.5e-5] * 8, *[1e-4] * 2)
"""More than half a step of MP4: chromaticities in 1/50000, luminance in 1/10000 cd/m2."""

_SAME_HEADERS = frozenset({"aac", "alac", "av1", "flac", "mpeg4", "theora", "vorbis", "opus"})
"""Codecs with the same header in all containers except MPEG-TS."""

_XIPH = frozenset({"theora", "vorbis"})
"""Codecs with three header packets, joined differently by the demuxers of Ogg and Matroska."""

_LENGTH_IN_HEADER = frozenset({"tta"})
"""Codecs with the length of the audio in a header, written anew by the muxer."""

_BIT_RATES = re.compile(rb"\0\0\0\x14btrt.{12}", re.DOTALL)
"""Box appended by the muxer to the header of subtitles in MP4, on every copy."""

_N_STEREO = 2

_DOLBY_VISION = re.compile(rb"(?:dvcC|dvvC|dvwC)(?:\x41\xed(?:\x98|\x40\x18))?(.{5})", re.DOTALL)
"""Configuration of Dolby Vision: a box of MP4, or a block addition mapping of Matroska."""


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
    """Yield the names of properties that differ in a copy able to hold them.

    Args:
        source: The source.
        copy: The copy.
        output: Container of the copy.
        recoded: Streams of the source that are encoded again; they are not compared.
        common_s: Common shift of all streams, seconds.
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
            names += _changed_of_frames(first, found, output)
            names += _changed_timecode(stream, other, output)
        yield from (f"{name} of stream {stream.index} ({stream.type})" for name in names)
    if output.holds_dolby_vision and _dolby_vision(source) != _dolby_vision(copy):
        yield "the Dolby Vision configuration"
    if output.holds_chapters:
        yield from _changed_chapters(source.reader, copy.reader, output, common_s)


def _changed_of_stream(stream: Stream, other: Stream, output: OutputFormat) -> Iterator[str]:
    families = frozenset(one.container.format.name for one in (stream, other))
    if _header(stream, families) != _header(other, families):
        yield "the codec header"
    wraps = len(families) > 1
    if isinstance(stream, VideoStream) and isinstance(other, VideoStream):
        yield from _changed_of_video(stream, other, output, wraps=wraps)
    if isinstance(stream, AudioStream) and isinstance(other, AudioStream):
        rates_hz = stream.codec_context.sample_rate, other.codec_context.sample_rate
        # MPEG-TS may begin long before its audio, and describes audio in its packets only.
        if not all(rates_hz):
            return
        if rates_hz[0] != rates_hz[1]:
            yield f"the sample rate ({rates_hz[0]} Hz became {rates_hz[1]} Hz)"
        before, after = stream.codec_context.layout, other.codec_context.layout
        is_same = before.nb_channels == after.nb_channels
        # Containers need not name mono and stereo.
        is_unsaid = wraps or (after.name.endswith("channels") and after.nb_channels <= _N_STEREO)
        if not is_same or (before.name != after.name and not is_unsaid):
            yield f"the channel layout ({before.name} became {after.name})"


def _header(stream: Stream, families: Collection[str]) -> object:
    """Codec header in a comparable form; None if it cannot be compared.

    Args:
        stream: The stream.
        families: FFmpeg's names of the demuxers of both files.
    """
    context = stream.codec_context
    codec, header = context.codec.canonical_name, context.extradata or b""
    if codec in _LENGTH_IN_HEADER:
        return None
    if codec == "mov_text":
        header = _BIT_RATES.sub(b"", header)
    is_rewritten = len(families) == 1
    if codec in {"h264", "hevc"}:
        # The record around them has flags without a meaning for decoders, such as completeness.
        sets = parameter_sets(stream)
        return (sets, unit_length_bytes(stream)) if is_rewritten else sets
    if is_rewritten:
        return header
    # MPEG-TS has headers in its packets, or none.
    if codec not in _SAME_HEADERS or "mpegts" in families:
        return None
    return xiph_headers(header) if codec in _XIPH else header


def _changed_of_video(
    stream: VideoStream, other: VideoStream, output: OutputFormat, *, wraps: bool
) -> Iterator[str]:
    context, found = stream.codec_context, other.codec_context
    if (context.width, context.height) != (found.width, found.height):
        yield f"the frame size ({context.width}x{context.height})"
    formats = {_pixel_format(one) for one in (stream, other)} - {""}
    if len(formats) > 1:
        yield f"the pixel format ({context.pix_fmt} became {found.pix_fmt})"
    ratios = [float(one.sample_aspect_ratio or 1) for one in (stream, other)]
    is_close_ratio = math.isclose(*ratios, rel_tol=_RATIO_TOLERANCE)
    if not is_close_ratio and not loses_aspect_ratio(output, stream):
        yield (
            f"the pixel aspect ratio ({stream.sample_aspect_ratio or 1} became "
            f"{other.sample_aspect_ratio or 1})"
        )
    if _differs_in_color(stream, other, output, wraps=wraps):
        yield "the color properties"
    orders = {int(context.field_order), int(found.field_order)} - {0}
    if len(orders) > 1:
        yield "the field order"


def _differs_in_color(
    stream: VideoStream, other: VideoStream, output: OutputFormat, *, wraps: bool
) -> bool:
    """Whether color properties differ in a copy able to hold them."""
    before, after = stated_colors(stream), stated_colors(other)
    if before is None or after is None:
        return False
    for name in before.keys() | after.keys():
        is_lost = name not in after and name not in carried_colors(output)
        is_added = name not in before and wraps
        if before.get(name) != after.get(name) and not is_lost and not is_added:
            return True
    return False


def _pixel_format(stream: VideoStream) -> str:
    """Pixel format without its range of values, a color property."""
    return re.sub(r"^yuvj", "yuv", stream.codec_context.pix_fmt or "")


def _changed_of_frames(
    first: VideoFrame | None, found: VideoFrame | None, output: OutputFormat
) -> Iterator[str]:
    """Compare the side data of the first frames."""
    if first is None or found is None:
        return
    if output.holds_chapters and _rotation(first) != _rotation(found):
        yield f"the rotation ({first.rotation}° became {found.rotation}°)"
    if output.holds_chapters:
        for kind, name in (
            (Type.MASTERING_DISPLAY_METADATA, "the mastering display"),
            (Type.CONTENT_LIGHT_LEVEL, "the content light level"),
        ):
            before, after = _numbers(first, kind), _numbers(found, kind)
            pairs = zip(before, after, _DISPLAY_TOLERANCES, strict=False)
            is_close = all(math.isclose(a, b, rel_tol=1e-6, abs_tol=c) for a, b, c in pairs)
            if len(before) != len(after) or not is_close:
                yield name
    if output.holds_spherical:
        for kind, name in (
            (Type.SPHERICAL, "the spherical description"),
            (Type.STEREO3D, "the stereoscopic description"),
        ):
            if (_side_data(first, kind) is None) != (_side_data(found, kind) is None):
                yield name


def _changed_timecode(stream: Stream, other: Stream, output: OutputFormat) -> Iterator[str]:
    timecodes = timecode_change(stream, other, output)
    same_family = stream.container.format.name == other.container.format.name
    # A timecode of Matroska may be invalid in MP4.
    if timecodes and (timecodes[1] or same_family):
        yield f"the timecode ({timecodes[0]} became {timecodes[1] or 'none'})"


def _side_data(frame: VideoFrame, kind: Type) -> bytes | None:
    # Against its annotations, the mapping yields values.
    values = cast(Iterable[SideData], frame.side_data)
    return next((bytes(data) for data in values if data.type is kind), None)


def _rotation(frame: VideoFrame) -> tuple[int, ...]:
    """Rotation and mirroring part of the display matrix, in hundredths."""
    data = _side_data(frame, Type.DISPLAYMATRIX)
    if data is None:
        return (100, 0, 0, 100)
    matrix = struct.unpack("9i", data[:36])
    return tuple(round(100 * matrix[i] / (1 << 16)) for i in (0, 1, 3, 4))


def _numbers(frame: VideoFrame, kind: Type) -> list[float]:
    """Numbers of side data; empty if there are none.

    A mastering display has ten fractions and two flags, the content light level two numbers
    (libavutil, mastering_display_metadata.h).
    """
    data = _side_data(frame, kind)
    if data is None:
        return []
    if kind is Type.CONTENT_LIGHT_LEVEL:
        return [float(number) for number in struct.unpack("2I", data[:8])]
    numbers = struct.unpack("22i", data[:88])
    return [n / (d or 1) for n, d in zip(numbers[:20:2], numbers[1:20:2], strict=True)]


def _dolby_vision(file: OpenedFile) -> list[bytes]:
    """Versions, profiles and layers of the Dolby Vision configurations in a file."""
    return _DOLBY_VISION.findall(file.index)


def _changed_chapters(
    source: InputContainer, copy: InputContainer, output: OutputFormat, common_s: float
) -> Iterator[str]:
    before, after = source.chapters(), copy.chapters()
    if len(before) != len(after):
        yield f"the chapters ({len(before)} became {len(after)})"
        return
    # A chapter of MP4 ends where the next one begins.
    has_ends = not output.is_mp4 or source.format.name == output.reads_as
    for number, (one, other) in enumerate(zip(before, after, strict=True), 1):
        for key in ("start", "end") if has_ends else ("start",):
            wanted_s = one[key] * (one["time_base"] or Fraction(1)) + Fraction(common_s)
            found_s = other[key] * (other["time_base"] or Fraction(1))
            if abs(max(wanted_s, Fraction(0)) - found_s) > _ACCEPTED_S:
                yield f"the {key} of chapter {number}"
        if one["metadata"].get("title", "") != other["metadata"].get("title", ""):
            yield f"the title of chapter {number}"
