"""What a container cannot carry besides packets: texts, chapters, descriptions of the picture."""

import io
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import Stream
from av.video.stream import VideoStream

from core.correction.compatibility.dispositions import disposition_notes, has_other_dispositions
from core.correction.compatibility.stream_plan import CONTAINER_KEYS, keeps_data
from core.correction.compatibility.timecodes import (
    REEL_NAME,
    TIMECODE,
    file_timecode_goes_lost,
    lacks_file_timecode,
    reels,
    text_of,
    timecode_change,
    timecode_tracks,
)
from core.media.formats.mpegts import changed_services, read_services, service_notes
from core.media.formats.output_format import MP4, OutputFormat, is_statistic
from core.media.info import MediaInfo
from core.media.stream_kind import is_attached_picture, stream_keys

_WITH_TEXTS = frozenset({"video", "audio", "subtitle", "attachment"})
_DESCRIBED = _WITH_TEXTS - {"attachment"}
_HOLD_STREAM_TEXTS = frozenset({"matroska", "webm"})

_TRACK_KEYS = frozenset(["language", "title", "name", "handler_name", "vendor_id", "creation_time"])
"""What MP4 and MOV have a place for beside each track; a timecode becomes a track of its own."""

_MUXER_KEYS = frozenset({"duration", "encoder", "timecode", "variant_bitrate", "language"})
"""What muxers state themselves."""

_HOLD_LANGUAGE = frozenset({"mp4", "mov", "matroska", "webm", "mpegts"})

_RATE_TOLERANCE = Fraction(1, 100)
"""Averages depend on how long the last picture is shown."""

_MARKS = (
    ("Dolby Vision configuration", (b"dvcC", b"dvvC", b"dvwC"), {"mp4", "matroska"}),
    ("description of a sphere or of depth", (b"sv3d", b"st3d"), {"mp4", "matroska"}),
    ("description of brightness", (b"mdcv", b"clli"), {"mp4", "mov", "matroska", "webm"}),
)
"""What is described, how its boxes are called in MP4, and which muxers have a place for it."""

# fmt: off
_TOOL_KEYS = frozenset({
    "application_platform", "company_name", "file_package_umid", "generation_uid", "handler_name",
    "material_package_umid", "modification_date", "operational_pattern_ul", "product_name",
    "product_uid", "product_version", "product_version_num", "software", "toolkit_version_num",
    "uid", "vendor_id",
})
# fmt: on
"""What names the program that wrote a file, and what it numbers."""


def lost_tags_of(
    reader: InputContainer, info: MediaInfo, target: Path, output: OutputFormat
) -> Iterator[str]:
    """Say which chapters, metadata and flags of an opened source have no place in the target."""
    name = info.path.name
    if reader.chapters() and not output.holds_chapters:
        yield f"The chapters of {name} are left out: {target.name} cannot hold them."
    lost = _lost_keys(reader, output)
    if lost:
        names = ", ".join(_text_name(*text) for text in lost)
        yield f"Metadata of {name} that {target.name} cannot hold are left out: {names}."
    yield from disposition_notes(reader, info.path, target, output)
    yield from service_notes(read_services(reader, info.path), info.path, target, output)


def changed_tags(
    reader: InputContainer, copy: InputContainer, output: OutputFormat
) -> Iterator[str]:
    """Yield the names of texts and flags that differ in a copy, but for those it cannot hold."""
    lost = set(_lost_keys(reader, output))
    yield from _differing(reader.metadata, copy.metadata, None, lost)
    if lacks_file_timecode(reader, copy, output):
        yield TIMECODE
    yield from _changed_reels(reader, copy, output)
    yield from changed_services(reader, copy, output)
    copies = dict(stream_keys(copy))
    for key, stream in stream_keys(reader):
        is_compared = stream.type in _WITH_TEXTS or keeps_data(stream, reader, output)
        if is_compared and key in copies:
            yield from _differing(stream.metadata, copies[key].metadata, stream.index, lost)
            yield from _differing_labels(stream, copies[key], output)
            if key[0] in _DESCRIBED and has_other_dispositions(stream, copies[key], output):
                yield f"flags of stream {stream.index}"


def _differing(
    source: Mapping[str, str],
    copy: Mapping[str, str],
    stream_index: int | None,
    lost: Collection[tuple[int | None, str]],
) -> Iterator[str]:
    found = {key.lower(): text for key, text in copy.items()}
    if stream_index is not None:
        # Of a track, MP4 and MOV call one what others call the other.
        found = {"title": found.get("name", "")} | {"name": found.get("title", "")} | found
    for key, text in source.items():
        is_own = key.lower() in CONTAINER_KEYS | _MUXER_KEYS | _TOOL_KEYS or is_statistic(key)
        is_lost = (stream_index, key) in lost
        if not is_own and not is_lost and found.get(key.lower()) != text:
            yield _text_name(stream_index, key)


def _differing_labels(stream: Stream, copy: Stream, output: OutputFormat) -> Iterator[str]:
    """Compare what muxers write in their own way: languages, timecodes and rates of pictures."""
    same_family = stream.container.format.name == copy.container.format.name
    languages = [text_of(one.metadata, "language") or "und" for one in (stream, copy)]
    # German is deu in MP4 and ger in Matroska.
    is_same = languages[0] == languages[1] or not (same_family or languages[1] == "und")
    if output.name in _HOLD_LANGUAGE and languages[0] != "und" and not is_same:
        yield f"language of stream {stream.index}"
    timecodes = timecode_change(stream, copy, output)
    # Another one, or none in a file of the same kind, is no matter of texts (`stream_properties`).
    if timecodes and not timecodes[1] and not same_family:
        yield f"timecode of stream {stream.index}"
    if isinstance(stream, VideoStream) and isinstance(copy, VideoStream) and same_family:
        rates = stream.average_rate, copy.average_rate
        if rates[0] and rates[1] and abs(rates[1] / rates[0] - 1) > _RATE_TOLERANCE:
            yield f"frame rate of stream {stream.index}"


def _changed_reels(
    reader: InputContainer, copy: InputContainer, output: OutputFormat
) -> Iterator[str]:
    """Compare the names of reels, which the timecode tracks have in MP4 and MOV."""
    copies, found = dict(stream_keys(copy)), reels(copy, output)
    wanted = {} if output is MP4 else reels(reader, output)
    for key, stream in stream_keys(reader):
        if stream.index in wanted and key in copies:
            index, reel = wanted[stream.index]
            _, copied = found.get(copies[key].index, (0, ""))
            if reel not in {copied, text_of(copies[key].metadata, REEL_NAME)}:
                yield _text_name(index, REEL_NAME)


def _text_name(stream_index: int | None, key: str) -> str:
    return key if stream_index is None else f"{key} of stream {stream_index}"


def _lost_keys(reader: InputContainer, output: OutputFormat) -> list[tuple[int | None, str]]:
    """Return (stream, key) of the texts that have no place; no stream stands for the file."""
    own: list[tuple[int | None, str]] = [*_lost_of_timecodes(reader, output)]
    if output.reads_as == reader.format.name and output is not MP4:
        return own
    kept = _kept_keys(reader.metadata, output) | CONTAINER_KEYS | _MUXER_KEYS
    lost = own + [(None, k) for k in reader.metadata if k.lower() not in kept]
    if output.name in _HOLD_STREAM_TEXTS:
        return lost
    kept = (_TRACK_KEYS if output.is_mp4 else frozenset({"language"})) | _MUXER_KEYS
    for stream in reader.streams:
        has_texts = stream.type in _DESCRIBED and not is_attached_picture(stream)
        if has_texts or keeps_data(stream, reader, output):
            lost += [
                (stream.index, key)
                for key in stream.metadata
                if key.lower() not in kept and not is_statistic(key)
            ]
    return lost


def _lost_of_timecodes(
    reader: InputContainer, output: OutputFormat
) -> Iterator[tuple[int | None, str]]:
    """Yield (stream, key) of what those that are written anew do not hold; see `_lost_keys`."""
    if file_timecode_goes_lost(reader, output):
        yield from ((None, key) for key in reader.metadata if key.lower() == TIMECODE)
    kept = _TRACK_KEYS | _MUXER_KEYS | _TOOL_KEYS | ({REEL_NAME} if output is not MP4 else set())
    for index in timecode_tracks(reader, output):
        yield from (
            (index, key) for key in reader.streams[index].metadata if key.lower() not in kept
        )


def _kept_keys(metadata: Mapping[str, str], output: OutputFormat) -> frozenset[str]:
    """Return the keys, in lower case, that a muxer finds a place for."""
    if output.name == "mpegts":
        return frozenset()
    if output is not MP4:
        return frozenset(key.lower() for key in metadata)
    trial = io.BytesIO()
    with suppress(FFmpegError, ValueError):
        with av.open(trial, "w", output.name, container_options=dict(output.options)) as writer:
            writer.add_stream("aac", rate=48000)
            writer.metadata.update(metadata)
            writer.start_encoding()
        trial.seek(0)
        with av.open(trial) as written:
            return frozenset(key.lower() for key in written.metadata)
    return frozenset()


def lost_descriptions(
    info: MediaInfo, target: Path, output: OutputFormat, index: bytes, *, loses_color: bool
) -> Iterator[str]:
    """Notes on descriptions of the video that have no place in the target.

    Args:
        info: The probed source.
        target: The file to be written.
        output: Its container.
        index: Part of the source that describes its streams.
        loses_color: Result of `core.correction.compatibility.color.container_only_colors`.
    """
    video = info.video
    if video is not None and video.rotation_deg and not output.holds_chapters:
        yield (
            f"{info.path.name} is shown turned by {video.rotation_deg}°, which {target.name} "
            "cannot say; choose a name that ends in .mp4 or .mkv to keep it."
        )
    if loses_color:
        yield (
            f"The description of colour of {info.path.name} is left out: {target.name} cannot hold "
            "it; choose a name that ends in .mp4 or .mkv to keep it."
        )
    for name, marks, holders in _MARKS:
        if output.name not in holders and any(mark in index for mark in marks):
            yield (
                f"The {name} of {info.path.name} is left out: {target.name} cannot hold it; choose "
                "a name that ends in .mp4 or .mkv to keep it."
            )
