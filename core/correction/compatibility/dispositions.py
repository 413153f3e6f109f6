"""Dispositions of streams: default, forced, hearing impaired and others."""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path

from av.container import Container, InputContainer
from av.stream import Disposition, Stream

from core.media.formats.output_format import MKV, OutputFormat
from core.media.stream_kind import is_attached_picture

_NONE = Disposition(0)
_KINDS = frozenset({"video", "audio", "subtitle"})

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


def disposition_notes(
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


def has_other_dispositions(stream: Stream, copy: Stream, output: OutputFormat) -> bool:
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
    if stream.type not in _KINDS:
        return _NONE
    if output.is_mpegts and stream.type == "audio":
        return next((one for one in _ONE_OF_MPEGTS_AUDIO if stream.disposition & one), _NONE)
    is_subtitle = stream.type == "subtitle"
    held = output.subtitle_dispositions if is_subtitle else output.dispositions
    if output is MKV and stream.disposition & _OPPOSITES == _OPPOSITES:
        held &= ~_OPPOSITES
    return held


def _described(reader: Container) -> Iterator[Stream]:
    return (s for s in reader.streams if s.type in _KINDS and not is_attached_picture(s))


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
