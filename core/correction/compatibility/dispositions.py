"""The flags that say what a stream is for, and which of them a container can hold.

What is held was found by writing each flag on each kind of stream and reading it again.
"""

from collections.abc import Iterator
from functools import reduce
from operator import or_
from pathlib import Path

from av.container import Container, InputContainer
from av.stream import Disposition, Stream

from core.media.formats.output_format import OutputFormat
from core.media.stream_kind import is_attached_picture

_NONE = Disposition(0)
_FLAGGED = frozenset({"video", "audio", "subtitle"})

# fmt: off
_OF_MP4 = (
    Disposition.default | Disposition.dub | Disposition.comment | Disposition.forced
    | Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.captions
    | Disposition.descriptions
)
_OF_MATROSKA = (
    Disposition.default | Disposition.dub | Disposition.original | Disposition.comment
    | Disposition.forced | Disposition.hearing_impaired | Disposition.visual_impaired
)
_OF_WEBM = Disposition.default | Disposition.forced
_HELD = {
    ("mp4", "video"): _OF_MP4,
    ("mp4", "audio"): _OF_MP4,
    ("mp4", "subtitle"): _OF_MP4,
    ("mov", "video"): Disposition.default,
    ("mov", "audio"): Disposition.default,
    ("mov", "subtitle"): Disposition.default,
    ("matroska", "video"): _OF_MATROSKA,
    ("matroska", "audio"): _OF_MATROSKA,
    ("matroska", "subtitle"): _OF_MATROSKA | Disposition.descriptions,
    ("webm", "video"): _OF_WEBM,
    ("webm", "audio"): _OF_WEBM,
    ("webm", "subtitle"): (
        _OF_WEBM | Disposition.captions | Disposition.descriptions | Disposition.metadata
    ),
    ("mpegts", "subtitle"): Disposition.hearing_impaired,
}
# fmt: on
"""By muxer and kind of stream; FLV, AVI and MXF hold none."""

_ONE_OF_MPEG = (
    Disposition.clean_effects,
    Disposition.hearing_impaired,
    Disposition.visual_impaired,
)
"""Sound in MPEG-TS has one of these; the muxer takes the first."""

_OPPOSITES = Disposition.dub | Disposition.original
"""Matroska has one field for both, which the muxer leaves out where a stream has both."""

_ALIKE = (
    (Disposition.hearing_impaired, Disposition.captions),
    (Disposition.visual_impaired, Disposition.descriptions),
)
"""MP4 has one word for both of a pair; MPEG-TS, for both of the second."""


def disposition_notes(
    reader: InputContainer, source: Path, target: Path, output: OutputFormat
) -> Iterator[str]:
    """Say which flags of an opened source its copy will lack, and which it will have besides."""
    lost = [
        f"{_words(flags)} of stream {stream.index}"
        for stream in _flagged(reader)
        if (flags := _informative(stream) & ~carried_dispositions(stream, output))
    ]
    if lost:
        yield (
            f"Flags of {source.name} that {target.name} cannot hold are left out: "
            f"{', '.join(lost)}."
        )
    for stream in _flagged(reader):
        if stream.type == "subtitle" and _gets_default(stream, output):
            yield (
                f"Stream {stream.index} of {source.name} (subtitle) will be shown unless it is "
                f"turned off: {target.name} cannot say otherwise."
            )


def has_other_dispositions(stream: Stream, copy: Stream, output: OutputFormat) -> bool:
    """Tell whether a copy has other flags than its container can hold of the source's."""
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
    """Return the flags that a container can hold on such a stream."""
    if output.name == "mpegts" and stream.type == "audio":
        return next((flag for flag in _ONE_OF_MPEG if stream.disposition & flag), _NONE)
    held = _HELD.get((output.name, stream.type), _NONE)
    if output.name == "matroska" and stream.disposition & _OPPOSITES == _OPPOSITES:
        held &= ~_OPPOSITES
    return held


def _flagged(reader: Container) -> Iterator[Stream]:
    return (s for s in reader.streams if s.type in _FLAGGED and not is_attached_picture(s))


def _informative(stream: Stream) -> Disposition:
    """Return the flags of a stream that tell something.

    The first stream of picture or sound is played also where none is marked as the default.
    """
    flags = stream.disposition
    if stream.type != "subtitle" and _is_first(stream):
        flags &= ~Disposition.default
    return flags


def _gets_default(stream: Stream, output: OutputFormat) -> bool:
    """Tell whether the muxer makes a stream the default, since none of its kind is."""
    kind = [s for s in _flagged(stream.container) if s.type == stream.type]
    return (
        output.is_mp4
        and _is_first(stream)
        and not reduce(or_, (s.disposition for s in kind), _NONE) & Disposition.default
    )


def _is_first(stream: Stream) -> bool:
    return next(s for s in _flagged(stream.container) if s.type == stream.type) is stream


def _words(flags: Disposition) -> str:
    names = [flag.name.replace("_", " ") for flag in Disposition if flag & flags and flag.name]
    return " and ".join(names)
