"""What a container cannot carry besides packets: texts, chapters, hidden pictures, its length."""

import io
import os
from collections.abc import Collection, Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from itertools import islice
from pathlib import Path

import av
from av.container import InputContainer
from av.error import FFmpegError

from core.media.containers import MP4, OutputFormat, is_statistic
from core.media.correction import Correction
from core.media.info import MediaInfo, start_of
from core.media.reader import open_container
from core.media.streams import CONTAINER_KEYS, is_picture
from core.media.tracks import stream_keys

_HOLD_STREAM_TEXTS = frozenset({"matroska", "webm"})

_TRACK_KEYS = frozenset(["language", "title", "name", "handler_name", "vendor_id", "creation_time"])
"""What MP4 and MOV have a place for beside each track; a timecode becomes a track of its own."""

_MUXER_KEYS = frozenset({"duration", "encoder", "timecode", "variant_bitrate", "language"})
"""What muxers state themselves."""

_N_PACKETS_LOOKED_AT = 50
_MATROSKA_HEAD_BYTES = 1 << 20

_MARKS = (
    ("Dolby Vision configuration", (b"dvcC", b"dvvC", b"dvwC"), {"mp4", "matroska"}),
    ("description of a sphere or of depth", (b"sv3d", b"st3d"), {"mp4", "matroska"}),
    ("description of brightness", (b"mdcv", b"clli"), {"mp4", "mov", "matroska", "webm"}),
)
"""What is described, how its boxes are called in MP4, and which muxers have a place for it."""

_LEAST_S = Fraction(1, 1000)

# fmt: off
_TOOL_KEYS = frozenset({
    "application_platform", "company_name", "file_package_umid", "generation_uid", "handler_name",
    "material_package_umid", "modification_date", "operational_pattern_ul", "product_name",
    "product_uid", "product_version", "product_version_num", "software", "toolkit_version_num",
    "uid", "vendor_id",
})
# fmt: on
"""What names the program that wrote a file, and what it numbers."""


def lost_texts(
    reader: InputContainer, info: MediaInfo, target: Path, output: OutputFormat
) -> Iterator[str]:
    """Say which chapters and metadata of an opened source have no place in the target."""
    name = info.path.name
    if reader.chapters() and not output.holds_chapters:
        yield f"The chapters of {name} are left out: {target.name} cannot hold them."
    lost = _lost_keys(reader, output)
    if lost:
        names = ", ".join(_text_name(*text) for text in lost)
        yield f"Metadata of {name} that {target.name} cannot hold are left out: {names}."


def changed_texts(
    reader: InputContainer, copy: InputContainer, output: OutputFormat
) -> Iterator[str]:
    """Yield the names of texts and flags that differ in a copy, but for those it cannot hold."""
    lost = set(_lost_keys(reader, output))
    yield from _differing(reader.metadata, copy.metadata, None, lost)
    copies = dict(stream_keys(copy))
    for key, stream in stream_keys(reader):
        if stream.type in {"video", "audio", "subtitle"} and key in copies:
            yield from _differing(stream.metadata, copies[key].metadata, stream.index, lost)
            # Raw flags: TS keeps none of them, nor does FLV.
            if output.holds_chapters and stream.disposition != copies[key].disposition:
                yield f"flags of stream {stream.index}"


def _differing(
    source: Mapping[str, str],
    copy: Mapping[str, str],
    stream_index: int | None,
    lost: Collection[tuple[int | None, str]],
) -> Iterator[str]:
    found = {key.lower(): text for key, text in copy.items()}
    for key, text in source.items():
        is_own = key.lower() in CONTAINER_KEYS | _MUXER_KEYS | _TOOL_KEYS or is_statistic(key)
        is_lost = (stream_index, key) in lost
        if not is_own and not is_lost and found.get(key.lower()) != text:
            yield _text_name(stream_index, key)


def _text_name(stream_index: int | None, key: str) -> str:
    return key if stream_index is None else f"{key} of stream {stream_index}"


def _lost_keys(reader: InputContainer, output: OutputFormat) -> list[tuple[int | None, str]]:
    """Return (stream, key) of the texts that have no place; no stream stands for the file."""
    if output.reads_as == reader.format.name and output is not MP4:
        return []
    kept = _kept_keys(reader.metadata, output) | CONTAINER_KEYS | _MUXER_KEYS
    lost: list[tuple[int | None, str]] = [
        (None, k) for k in reader.metadata if k.lower() not in kept
    ]
    if output.name in _HOLD_STREAM_TEXTS:
        return lost
    kept = (_TRACK_KEYS if output.is_mp4 else frozenset({"language"})) | _MUXER_KEYS
    for stream in reader.streams:
        if stream.type in {"video", "audio", "subtitle"} and not is_picture(stream):
            lost += [
                (stream.index, key)
                for key in stream.metadata
                if key.lower() not in kept and not is_statistic(key)
            ]
    return lost


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


def shown_by_others(info: MediaInfo, target: Path, output: OutputFormat) -> Iterator[str]:
    """Say what an edit list of the source hides and the target would show."""
    if output.is_mp4 or info.picture is None:
        return
    before_s = start_of(info.picture) - first_time_s(info, info.picture.index)
    if before_s > 0:
        yield (
            f"{info.path.name} hides {_ms(before_s)} of picture before its beginning, which "
            f"{target.name} will show; choose a name that ends in .mp4 or .mov to keep it hidden."
        )


def lost_marks(info: MediaInfo, target: Path, output: OutputFormat) -> Iterator[str]:
    """Say which descriptions of the picture have no place in the target."""
    picture = info.picture
    if picture is not None and picture.rotation_deg and not output.holds_chapters:
        yield (
            f"{info.path.name} is shown turned by {picture.rotation_deg}°, which {target.name} "
            "cannot say; choose a name that ends in .mp4 or .mkv to keep it."
        )
    index = _index_of(info)
    for name, marks, holders in _MARKS:
        if output.name not in holders and any(mark in index for mark in marks):
            yield (
                f"The {name} of {info.path.name} is left out: {target.name} cannot hold it; choose "
                "a name that ends in .mp4 or .mkv to keep it."
            )


def _index_of(info: MediaInfo) -> bytes:
    """Return the part of a file that describes its streams; empty for other containers.

    It is empty as well where that cannot be read, which copying the file tells.
    """
    with suppress(OSError), info.path.open("rb") as file:
        if info.container.startswith("matroska"):
            return file.read(_MATROSKA_HEAD_BYTES)
        if not info.container.startswith("mov"):
            return b""
        while len(head := file.read(16)) >= 8:
            size = int.from_bytes(head[:4], "big")
            size = int.from_bytes(head[8:], "big") if size == 1 else size
            if head[4:8] == b"moov":
                return file.read(size)
            if size < 8:
                break
            file.seek(size - len(head), os.SEEK_CUR)
    return b""


def first_time_s(info: MediaInfo, stream_index: int) -> Fraction:
    """Return when the first packets of a stream would be presented, hidden ones included."""
    with open_container(info.path) as reader:
        stream = reader.streams[stream_index]
        start_s = (stream.start_time or 0) * (stream.time_base or Fraction(1))
        if not reader.format.name.startswith("mov"):
            return start_s
        packets = islice(reader.demux(stream), _N_PACKETS_LOOKED_AT)
        times_s = [packet.pts * packet.time_base for packet in packets if packet.pts is not None]
    return min([*times_s, start_s])


def length_notes(info: MediaInfo, correction: Correction, output: OutputFormat) -> Iterator[str]:
    """Say how the length of the file will differ, as far as the source tells lengths."""
    if info.picture is None or not output.keeps_times:
        return
    moved = [audio for audio in info.audios if audio.index in correction.audio_stream_indices]
    if not moved:
        return
    first_s = min(start_of(audio) for audio in moved)
    new_first_s = correction.target_of(first_s)
    before_s = min(start_of(info.picture), first_s) - new_first_s
    if before_s > _LEAST_S:
        sound = f"The first {_ms(before_s)} of the sound come before the picture"
        if output.is_mp4:
            yield f"{sound}: they are kept in the file and not played."
        else:
            yield f"{sound}: the file gets longer by as much."
    start_s = min(start_of(info.picture), *(start_of(audio) for audio in info.audios))
    end_s = start_s + Fraction(info.duration_s)
    ends_s = [
        start_of(audio) + Fraction(audio.duration_s)
        for audio in moved
        if audio.duration_s is not None
    ]
    is_known = len(ends_s) == len(moved)
    # Sound that does not tell its end may last as long as the file.
    last_s = max(ends_s) if is_known else end_s
    later_s = correction.target_of(last_s) - end_s
    if correction.target_of(last_s) > last_s and later_s > _LEAST_S:
        most = "" if is_known else "up to "
        yield f"The file gets {most}{_ms(later_s)} longer, since its sound ends later."


def _ms(seconds: Fraction) -> str:
    return f"{abs(float(1000 * seconds)):.1f} ms".replace(".0 ms", " ms")
