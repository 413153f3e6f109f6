"""Tags, dispositions, chapters and video properties lost in a container, and changed in a copy."""

import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from functools import reduce
from operator import or_
from pathlib import Path

import av
from av.container import Container, InputContainer
from av.error import FFmpegError
from av.stream import Disposition, Stream
from av.video.stream import VideoStream

from core.correction.compatibility.container_choice import keeping_advice
from core.correction.compatibility.stream_plan import CONTAINER_KEYS, keeps_data
from core.correction.compatibility.timecodes import (
    REEL_NAME,
    TIMECODE,
    file_timecode_goes_lost,
    lacks_file_timecode,
    reels,
    tag_of,
    timecode_change,
    timecode_tracks,
)
from core.media.formats.output_format import MKV, MP4, OutputFormat, is_statistic
from core.media.info import MediaInfo
from core.media.reader import UNREADABLE_TEXT
from core.media.stream_kind import is_attached_picture, readable, stream_keys

_TAGGED = frozenset({"video", "audio", "subtitle", "attachment"})
_DESCRIBED = _TAGGED - {"attachment"}

_TRACK_KEYS = frozenset(["language", "title", "name", "handler_name", "vendor_id", "creation_time"])
"""Keys with a place in a track of MP4 and MOV; a timecode becomes a track of its own."""

_MUXER_KEYS = frozenset({"duration", "encoder", "timecode", "variant_bitrate", "language"})
"""Keys that muxers write themselves."""

_RATE_TOLERANCE = Fraction(1, 100)
"""Relative; average frame rates depend on the duration of the last frame."""

_DOLBY_VISION_BOXES = (b"dvcC", b"dvvC", b"dvwC")
_SPHERICAL_BOXES = (b"sv3d", b"st3d")
_HDR_BOXES = (b"mdcv", b"clli")
"""Boxes of MP4 with properties of video."""

# fmt: off
_TOOL_KEYS = frozenset({
    "application_platform", "company_name", "file_package_umid", "generation_uid", "handler_name",
    "material_package_umid", "modification_date", "operational_pattern_ul", "product_name",
    "product_uid", "product_version", "product_version_num", "software", "toolkit_version_num",
    "uid", "vendor_id",
})
# fmt: on
"""Keys with names and numbers of the program that wrote the file."""

_NONE = Disposition(0)

_ONE_OF_MPEGTS_AUDIO = (
    Disposition.clean_effects,
    Disposition.hearing_impaired,
    Disposition.visual_impaired,
)
"""Audio in MPEG-TS has at most one of these; the muxer takes the first."""

_OPPOSITES = Disposition.dub | Disposition.original
"""Matroska has one field for both; the muxer leaves it out if a stream has both."""

_ALIKE = (
    (Disposition.hearing_impaired, Disposition.captions),
    (Disposition.visual_impaired, Disposition.descriptions),
)
"""MP4 has one value for both of a pair; MPEG-TS, for both of the second pair."""


def tag_notes(
    reader: InputContainer, info: MediaInfo, target: Path, output: OutputFormat
) -> Iterator[str]:
    """Yield notes about chapters, tags and dispositions without a place in the target."""
    name = info.path.name
    if reader.chapters() and not output.holds_chapters:
        yield f"The chapters of {name} are left out: {target.name} cannot hold them."
    lost = _lost_keys(reader, output)
    if lost:
        names = ", ".join(_tag_name(*text) for text in lost)
        yield f"Tags of {name} that {target.name} cannot hold are left out: {names}."
    yield from _disposition_notes(reader, info.path, target, output)


def changed_tags(
    reader: InputContainer, copy: InputContainer, output: OutputFormat
) -> Iterator[str]:
    """Yield the names of tags and dispositions that differ in a copy able to hold them."""
    lost = set(_lost_keys(reader, output))
    yield from _differing(reader.metadata, copy.metadata, None, lost)
    if lacks_file_timecode(reader, copy, output):
        yield TIMECODE
    yield from _changed_reels(reader, copy, output)
    copies = dict(stream_keys(copy))
    for key, stream in stream_keys(reader):
        is_compared = stream.type in _TAGGED or keeps_data(stream, reader, output)
        if is_compared and key in copies:
            yield from _differing(stream.metadata, copies[key].metadata, stream.index, lost)
            yield from _differing_labels(stream, copies[key], output)
            if key[0] in _DESCRIBED and _has_other_dispositions(stream, copies[key], output):
                yield f"dispositions of stream {stream.index}"


def _differing(
    source: Mapping[str, str],
    copy: Mapping[str, str],
    stream_index: int | None,
    lost: Collection[tuple[int | None, str]],
) -> Iterator[str]:
    found = {key.lower(): text for key, text in copy.items()}
    if stream_index is not None:
        # MP4 and MOV swap the title and the name of a track.
        found = {"title": found.get("name", "")} | {"name": found.get("title", "")} | found
    for key, text in source.items():
        is_own = key.lower() in CONTAINER_KEYS | _MUXER_KEYS | _TOOL_KEYS or is_statistic(key)
        is_lost = (stream_index, key) in lost
        if not is_own and not is_lost and found.get(key.lower()) != text:
            yield _tag_name(stream_index, key)


def _differing_labels(stream: Stream, copy: Stream, output: OutputFormat) -> Iterator[str]:
    """Compare languages, timecodes and frame rates; muxers write them in their own way."""
    same_family = stream.container.format.name == copy.container.format.name
    languages = [tag_of(one.metadata, "language") or "und" for one in (stream, copy)]
    # German is deu in MP4 and ger in Matroska.
    is_same = languages[0] == languages[1] or not (same_family or languages[1] == "und")
    if output.holds_language and languages[0] != "und" and not is_same:
        yield f"language of stream {stream.index}"
    timecodes = timecode_change(stream, copy, output)
    # Other differences of timecodes are found in `stream_properties`.
    if timecodes and not timecodes[1] and not same_family:
        yield f"timecode of stream {stream.index}"
    if isinstance(stream, VideoStream) and isinstance(copy, VideoStream) and same_family:
        rates = stream.average_rate, copy.average_rate
        if rates[0] and rates[1] and abs(rates[1] / rates[0] - 1) > _RATE_TOLERANCE:
            yield f"frame rate of stream {stream.index}"


def _changed_reels(
    reader: InputContainer, copy: InputContainer, output: OutputFormat
) -> Iterator[str]:
    """Compare the names of reels; in MP4 and MOV they are tags of timecode tracks."""
    copies, found = dict(stream_keys(copy)), reels(copy, output)
    wanted = {} if output is MP4 else reels(reader, output)
    for key, stream in stream_keys(reader):
        if stream.index in wanted and key in copies:
            index, reel = wanted[stream.index]
            _, copied = found.get(copies[key].index, (0, ""))
            if reel not in {copied, tag_of(copies[key].metadata, REEL_NAME)}:
                yield _tag_name(index, REEL_NAME)


def _tag_name(stream_index: int | None, key: str) -> str:
    name = readable(key)
    return name if stream_index is None else f"{name} of stream {stream_index}"


def _lost_keys(reader: InputContainer, output: OutputFormat) -> list[tuple[int | None, str]]:
    """Stream index and key of tags without a place; the index is None for tags of the file."""
    own: list[tuple[int | None, str]] = [*_lost_of_timecodes(reader, output)]
    if output.reads_as == reader.format.name and output is not MP4:
        return own
    kept = _kept_keys(reader.metadata, output) | CONTAINER_KEYS | _MUXER_KEYS
    lost = own + [(None, k) for k in reader.metadata if k.lower() not in kept]
    if output.is_matroska:
        return lost
    kept = (_TRACK_KEYS if output.is_mp4 else frozenset({"language"})) | _MUXER_KEYS
    for stream in reader.streams:
        is_described = stream.type in _DESCRIBED and not is_attached_picture(stream)
        if is_described or keeps_data(stream, reader, output):
            lost += [
                (stream.index, key)
                for key in stream.metadata
                if key.lower() not in kept and not is_statistic(key)
            ]
    return lost


def _lost_of_timecodes(
    reader: InputContainer, output: OutputFormat
) -> Iterator[tuple[int | None, str]]:
    """Yield lost tags of timecode tracks written anew, as in `_lost_keys`."""
    if file_timecode_goes_lost(reader, output):
        yield from ((None, key) for key in reader.metadata if key.lower() == TIMECODE)
    kept = _TRACK_KEYS | _MUXER_KEYS | _TOOL_KEYS | ({REEL_NAME} if output is not MP4 else set())
    for index in timecode_tracks(reader, output):
        yield from (
            (index, key) for key in reader.streams[index].metadata if key.lower() not in kept
        )


def _kept_keys(metadata: Mapping[str, str], output: OutputFormat) -> frozenset[str]:
    """Keys with a place in the container, in lower case; MP4 is tried out."""
    if output.is_mpegts:
        return frozenset()
    if output is not MP4:
        return frozenset(key.lower() for key in metadata)
    trial = io.BytesIO()
    with suppress(FFmpegError, ValueError):
        with av.open(
            trial,
            "w",
            output.name,
            container_options=dict(output.options),
            metadata_errors=UNREADABLE_TEXT,
        ) as writer:
            writer.add_stream("aac", rate=48000)
            writer.metadata.update(metadata)
            writer.start_encoding()
        trial.seek(0)
        with av.open(trial, metadata_errors=UNREADABLE_TEXT) as written:
            return frozenset(key.lower() for key in written.metadata)
    return frozenset()


def property_notes(
    reader: InputContainer,
    info: MediaInfo,
    target: Path,
    output: OutputFormat,
    index: bytes,
    *,
    loses_color: bool,
) -> Iterator[str]:
    """Yield notes about video properties without a place in the target.

    Args:
        reader: The open source.
        info: The probed source.
        target: The file to be written.
        output: Its container.
        index: Part of the source that describes its streams.
        loses_color: Result of `core.correction.compatibility.color.container_only_colors`.
    """
    advice = keeping_advice(reader, info.path, (".mp4", ".mkv"))
    advice = f"{target.name} cannot hold it{advice and f'{advice} to keep it'}."
    name = info.path.name
    video = info.video
    if video is not None and video.rotation_deg and not output.holds_chapters:
        yield f"The rotation of {name} by {video.rotation_deg}° is left out: {advice}"
    if loses_color:
        yield f"The color description of {name} is left out: {advice}"
    for what, boxes, is_held in (
        ("Dolby Vision configuration", _DOLBY_VISION_BOXES, output.holds_dolby_vision),
        ("spherical or stereoscopic description", _SPHERICAL_BOXES, output.holds_spherical),
        ("HDR metadata", _HDR_BOXES, output.holds_chapters),
    ):
        if not is_held and any(box in index for box in boxes):
            yield f"The {what} of {name} is left out: {advice}"


def _disposition_notes(
    reader: InputContainer, source: Path, target: Path, output: OutputFormat
) -> Iterator[str]:
    """Yield notes about dispositions of a source that its copy will lack or gain."""
    lost = [
        f"{_names(missing)} of stream {stream.index}"
        for stream in _described(reader)
        if (missing := _informative(stream) & ~carried_dispositions(stream, output))
    ]
    if lost:
        yield (
            f"Dispositions of {source.name} that {target.name} cannot hold are left out: "
            f"{', '.join(lost)}."
        )
    for stream in _described(reader):
        if stream.type == "subtitle" and _gets_default(stream, output):
            yield (
                f"Stream {stream.index} of {source.name} (subtitle) will be shown by default: "
                f"{target.name} always has a default subtitle stream."
            )


def _has_other_dispositions(stream: Stream, copy: Stream, output: OutputFormat) -> bool:
    """Whether a copy lacks dispositions its container can hold, or has unexpected ones."""
    held = _informative(stream) & carried_dispositions(stream, output)
    if held & ~copy.disposition:
        return True
    allowed = stream.disposition
    for pair in _ALIKE:
        if stream.disposition & (pair[0] | pair[1]):
            allowed |= pair[0] | pair[1]
    if _gets_default(stream, output):
        allowed |= Disposition.default
    return bool(copy.disposition & ~allowed)


def carried_dispositions(stream: Stream, output: OutputFormat) -> Disposition:
    """Dispositions of a stream with a place in a container."""
    if stream.type not in _DESCRIBED:
        return _NONE
    if output.is_mpegts and stream.type == "audio":
        return next((one for one in _ONE_OF_MPEGTS_AUDIO if stream.disposition & one), _NONE)
    is_subtitle = stream.type == "subtitle"
    held = output.subtitle_dispositions if is_subtitle else output.dispositions
    if output is MKV and stream.disposition & _OPPOSITES == _OPPOSITES:
        held &= ~_OPPOSITES
    return held


def _described(reader: Container) -> Iterator[Stream]:
    return (s for s in reader.streams if s.type in _DESCRIBED and not is_attached_picture(s))


def _informative(stream: Stream) -> Disposition:
    """Dispositions of a stream without a redundant default.

    Players choose the first video or audio stream anyway if none is marked as the default.
    """
    informative = stream.disposition
    if stream.type != "subtitle" and _is_first(stream):
        informative &= ~Disposition.default
    return informative


def _gets_default(stream: Stream, output: OutputFormat) -> bool:
    """Whether the muxer makes a stream the default because no other of its kind is."""
    kind = [s for s in _described(stream.container) if s.type == stream.type]
    return (
        output.is_mp4
        and _is_first(stream)
        and not reduce(or_, (s.disposition for s in kind), _NONE) & Disposition.default
    )


def _is_first(stream: Stream) -> bool:
    return next(s for s in _described(stream.container) if s.type == stream.type) is stream


def _names(dispositions: Disposition) -> str:
    found = [one.name for one in Disposition if one & dispositions and one.name]
    return " and ".join(found).replace("_", " ")
