"""Containers of corrected files, and the abilities of FFmpeg's muxers for them."""

from dataclasses import dataclass, replace
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from av.stream import Disposition

from core.errors import ExportError

_NO_DISPOSITIONS = Disposition(0)


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A container for corrected files.

    Attributes:
        name: FFmpeg's name of the muxer.
        reads_as: FFmpeg's name of the demuxer of the same family.
        options: Options of the muxer, as pairs.
        tick_s: Seconds to which timestamps are rounded; None if they are exact to a sample.
        keeps_times: Whether packets carry timestamps. Otherwise the number of samples before it
            places audio in time.
        takes_others: Whether sources of other families can be rewritten into it.
        codecs: Codecs to write; None if the muxer itself refuses the others.
        data_codecs: Codecs of data streams to write. Muxers refuse others, or readers find
            something else.
        dispositions: Dispositions kept on video and audio streams.
        subtitle_dispositions: Dispositions kept on subtitle streams.
        holds_dolby_vision: Whether it has a place for the configuration of Dolby Vision.
        holds_spherical: Whether it has a place for spherical and stereoscopic descriptions.
    """

    name: str
    reads_as: str
    options: tuple[tuple[str, str], ...] = ()
    tick_s: Fraction | None = None
    keeps_times: bool = True
    takes_others: bool = True
    codecs: frozenset[str] | None = None
    data_codecs: frozenset[str] = frozenset()
    dispositions: Disposition = _NO_DISPOSITIONS
    subtitle_dispositions: Disposition = _NO_DISPOSITIONS
    holds_dolby_vision: bool = False
    holds_spherical: bool = False

    @property
    def is_mp4(self) -> bool:
        """Whether it is MP4 or MOV; these keep audio before time zero without playing it."""
        return self.name in {"mp4", "mov"}

    @property
    def is_matroska(self) -> bool:
        """Whether it is Matroska or WebM."""
        return self.name in {"matroska", "webm"}

    @property
    def is_mpegts(self) -> bool:
        """Whether it is MPEG-TS, plain or M2TS."""
        return self.name == "mpegts"

    @property
    def holds_chapters(self) -> bool:
        """Whether it has a place for chapters, and for most tags."""
        return self.is_mp4 or self.is_matroska

    @property
    def holds_language(self) -> bool:
        """Whether it has a place for the languages of streams."""
        return self.holds_chapters or self.is_mpegts

    def keeps_hidden(self, container: str) -> bool:
        """Whether hidden media of a source get into the file and stay hidden.

        Args:
            container: FFmpeg's name of the source's demuxer.
        """
        return self.is_mp4 and self.reads_as == container

    def takes_codec(self, codec: str) -> bool:
        """Whether a codec may be offered to the muxer."""
        return self.codecs is None or codec in self.codecs


_MS = Fraction(1, 1000)
_MPEG_TICK_S = Fraction(1, 90000)

# The muxer's default of 1000 ticks/s would round an edit list by up to 1 ms.
_MOVIE_TIMESCALE = ("movie_timescale", "90000")
# Without it the configuration of Dolby Vision is left out.
_UNOFFICIAL = ("strict", "unofficial")
# Without the flag, keys of cameras such as com.apple.quicktime.make are lost.
_CAMERA_KEYS = ("movflags", "use_metadata_tags")
_PASSTHROUGH = ("default_mode", "passthrough")

# The dispositions were found by writing each of them on each kind of stream and reading it again.
# fmt: off
_MP4_DISPOSITIONS = (
    Disposition.default | Disposition.dub | Disposition.comment | Disposition.forced
    | Disposition.hearing_impaired | Disposition.visual_impaired | Disposition.captions
    | Disposition.descriptions
)
_MATROSKA_DISPOSITIONS = (
    Disposition.default | Disposition.dub | Disposition.original | Disposition.comment
    | Disposition.forced | Disposition.hearing_impaired | Disposition.visual_impaired
)
_WEBM_DISPOSITIONS = Disposition.default | Disposition.forced
_WEBM_SUBTITLE_DISPOSITIONS = (
    _WEBM_DISPOSITIONS
    | Disposition.captions | Disposition.descriptions | Disposition.metadata
)

# The muxer of MPEG-TS accepts every codec and writes unknown ones as unreadable private data.
_TS_CODECS = frozenset({
    "aac", "aac_latm", "ac3", "cavs", "dirac", "dts", "dvb_subtitle", "dvb_teletext", "eac3",
    "h264", "hdmv_pgs_subtitle", "hevc", "klv", "mp1", "mp2", "mp3", "mpeg1video", "mpeg2video",
    "mpeg4", "opus", "pcm_bluray", "s302m", "timed_id3", "truehd", "vc1", "vvc",
})
# fmt: on

MP4 = OutputFormat(
    name="mp4",
    reads_as="mov,mp4,m4a,3gp,3g2,mj2",
    options=(_MOVIE_TIMESCALE, _UNOFFICIAL),
    # Telemetry of cameras.
    data_codecs=frozenset({"bin_data"}),
    dispositions=_MP4_DISPOSITIONS,
    subtitle_dispositions=_MP4_DISPOSITIONS,
    holds_dolby_vision=True,
    holds_spherical=True,
)
MOV = OutputFormat(
    name="mov",
    reads_as=MP4.reads_as,
    options=(*MP4.options, _CAMERA_KEYS),
    data_codecs=MP4.data_codecs,
    dispositions=Disposition.default,
    subtitle_dispositions=Disposition.default,
)
MKV = OutputFormat(
    name="matroska",
    reads_as="matroska,webm",
    options=(_PASSTHROUGH, _UNOFFICIAL),
    tick_s=_MS,
    dispositions=_MATROSKA_DISPOSITIONS,
    subtitle_dispositions=_MATROSKA_DISPOSITIONS | Disposition.descriptions,
    holds_dolby_vision=True,
    holds_spherical=True,
)
WEBM = OutputFormat(
    name="webm",
    reads_as=MKV.reads_as,
    options=(_PASSTHROUGH,),
    tick_s=_MS,
    dispositions=_WEBM_DISPOSITIONS,
    subtitle_dispositions=_WEBM_SUBTITLE_DISPOSITIONS,
)
TS = OutputFormat(
    name="mpegts",
    reads_as="mpegts",
    options=(("mpegts_m2ts_mode", "0"),),
    tick_s=_MPEG_TICK_S,
    codecs=_TS_CODECS,
    data_codecs=frozenset({"klv", "timed_id3"}),
    subtitle_dispositions=Disposition.hearing_impaired,
)
M2TS = replace(TS, options=(("mpegts_m2ts_mode", "1"),))
FLV = OutputFormat("flv", "flv", tick_s=_MS, takes_others=False)
AVI = OutputFormat("avi", "avi", keeps_times=False, takes_others=False)
MXF = OutputFormat("mxf", "mxf", keeps_times=False, takes_others=False)

_BY_SUFFIX = {
    ".mp4": MP4,
    ".m4v": MP4,
    ".mov": MOV,
    ".mkv": MKV,
    ".webm": WEBM,
    ".ts": TS,
    ".m2ts": M2TS,
    ".mts": M2TS,
    ".avi": AVI,
    ".mxf": MXF,
    ".flv": FLV,
}


_SAME_CONTAINER = (
    frozenset({".mp4", ".m4v", ".lrv"}),
    frozenset({".mov", ".qt"}),
    frozenset({".ts", ".m2t", ".trp"}),
    frozenset({".m2ts", ".mts"}),
)
"""Suffixes of the same container."""


def is_same_container(source: Path, target: Path, container: str) -> bool:
    """Whether a target is named as the container of its source.

    Args:
        source: The source.
        target: The file to be written.
        container: FFmpeg's name of the source's demuxer, for a source without a usual suffix.
    """
    suffixes = {source.suffix.lower(), target.suffix.lower()}
    if len(suffixes) == 1 or any(suffixes <= same for same in _SAME_CONTAINER):
        return True
    named = _BY_SUFFIX.get(target.suffix.lower())
    is_unnamed = source.suffix.lower() not in _BY_SUFFIX
    return is_unnamed and named is not None and named.reads_as == container


def format_of(container: str, suffix: str) -> OutputFormat | None:
    """Container of an existing file; None for one without a muxer here.

    Args:
        container: FFmpeg's name of the demuxer.
        suffix: Suffix of the file, for the kind within the family.
    """
    named = _BY_SUFFIX.get(suffix.lower())
    family = [output for output in _BY_SUFFIX.values() if output.reads_as == container]
    if named is not None and named in family:
        return named
    return family[0] if family else None


class Layout(StrEnum):
    """Position of the index in an MP4 or MOV file."""

    FASTSTART = "faststart"
    """In front: players can start before the whole file is loaded."""

    FRAGMENTED = "fragmented"
    """In parts, one per group of pictures, for streaming."""


_LAYOUT_FLAGS = {
    Layout.FASTSTART: "faststart",
    # Without the delay, the muxer would write no edit lists.
    Layout.FRAGMENTED: "frag_keyframe+delay_moov+default_base_moof",
}


def is_statistic(key: str) -> bool:
    """Whether a tag of Matroska is one of the stream statistics that mkvmerge writes."""
    return key.upper().startswith(("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS_"))


def muxer_options(output: OutputFormat, layout: Layout | None = None) -> dict[str, str]:
    """Options of the muxer.

    Args:
        output: The container.
        layout: Layout of MP4 and MOV; None puts the index at the end.

    Raises:
        ValueError: A layout was given for another container.
    """
    options = dict(output.options)
    if layout is None:
        return options
    if not output.is_mp4:
        raise ValueError(f"expected MP4 or MOV for the layout {layout}, got {output.name}")
    flags = _LAYOUT_FLAGS[layout]
    options["movflags"] = f"{options['movflags']}+{flags}" if "movflags" in options else flags
    return options


def can_write(suffix: str, container: str) -> bool:
    """Whether files with this suffix can be written.

    Args:
        suffix: Suffix with its dot.
        container: FFmpeg's name of the source's demuxer.
    """
    output = _BY_SUFFIX.get(suffix.lower())
    return output is not None and (output.takes_others or output.reads_as == container)


def output_format(target: Path, container: str) -> OutputFormat:
    """Container of a target, by its suffix.

    Args:
        target: The file to be written.
        container: FFmpeg's name of the source's demuxer.

    Raises:
        ExportError: The container cannot be written, or not from such a source. Its message lacks
            advice and a full stop.
    """
    output = _BY_SUFFIX.get(target.suffix.lower())
    if output is None:
        raise ExportError(f"{target.name} names a container that cannot be written", path=target)
    if not output.takes_others and output.reads_as != container:
        raise ExportError(
            f"{target.name} can be written from another {output.name.upper()} file only",
            path=target,
        )
    return output
