"""The containers that can be written, and what their muxers make of times."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from core.errors import ExportError


@dataclass(frozen=True, slots=True)
class OutputFormat:
    """A container that can be written.

    Attributes:
        name: FFmpeg's name of the muxer.
        reads_as: FFmpeg's name of the demuxer of the same family.
        options: Options of the muxer, as pairs.
        tick_s: Seconds to which times are rounded; None where they are as fine as the samples.
        keeps_times: Whether packets carry times. Where they do not, sound is heard where the number
            of samples before it puts it.
        takes_others: Whether files of other families can be rewritten into it.
    """

    name: str
    reads_as: str
    options: tuple[tuple[str, str], ...] = ()
    tick_s: Fraction | None = None
    keeps_times: bool = True
    takes_others: bool = True

    @property
    def is_mp4(self) -> bool:
        """Whether it is MP4 or MOV, where sound before time zero is kept and not played."""
        return self.name in {"mp4", "mov"}

    def keeps_hidden(self, container: str) -> bool:
        """Tell whether what edit lists of a source hide gets into the file, and stays hidden.

        Args:
            container: FFmpeg's name of the source's format.
        """
        return self.is_mp4 and self.reads_as == container

    @property
    def holds_chapters(self) -> bool:
        """Whether it has a place for chapters, and for texts of its own choice or most of them."""
        return self.is_mp4 or self.name in {"matroska", "webm"}


_MS = Fraction(1, 1000)
_MPEG_TICK_S = Fraction(1, 90000)

# The muxer's own 1000 ticks a second would round an edit list by up to 1 ms.
_MOVIE_TIMESCALE = ("movie_timescale", "90000")
# Else the configuration of Dolby Vision is left out.
_UNOFFICIAL = ("strict", "unofficial")
MP4 = OutputFormat("mp4", "mov,mp4,m4a,3gp,3g2,mj2", (_MOVIE_TIMESCALE, _UNOFFICIAL))
# Without the flag, keys of cameras such as com.apple.quicktime.make are lost.
MOV = OutputFormat("mov", MP4.reads_as, (*MP4.options, ("movflags", "use_metadata_tags")))
_PASSTHROUGH = ("default_mode", "passthrough")
MKV = OutputFormat("matroska", "matroska,webm", (_PASSTHROUGH, _UNOFFICIAL), _MS)
WEBM = OutputFormat("webm", MKV.reads_as, (_PASSTHROUGH,), _MS)
TS = OutputFormat("mpegts", "mpegts", (("mpegts_m2ts_mode", "0"),), _MPEG_TICK_S)
M2TS = OutputFormat("mpegts", "mpegts", (("mpegts_m2ts_mode", "1"),), _MPEG_TICK_S)
FLV = OutputFormat("flv", "flv", tick_s=_MS, takes_others=False)
AVI = OutputFormat("avi", "avi", keeps_times=False, takes_others=False)
MXF = OutputFormat("mxf", "mxf", keeps_times=False, takes_others=False)

# The MPEG-TS muxer accepts everything and writes what it does not know as private data, which
# nothing can read back.
# fmt: off
TS_CODECS = frozenset({
    "aac", "aac_latm", "ac3", "cavs", "dirac", "dts", "dvb_subtitle", "dvb_teletext", "eac3",
    "h264", "hdmv_pgs_subtitle", "hevc", "klv", "mp1", "mp2", "mp3", "mpeg1video", "mpeg2video",
    "mpeg4", "opus", "pcm_bluray", "s302m", "timed_id3", "truehd", "vc1", "vvc",
})
# fmt: on

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


class Layout(StrEnum):
    """Where the index of an MP4 or MOV file lies."""

    FASTSTART = "faststart"
    """In front, so that playing can begin before all of the file is there."""

    FRAGMENTED = "fragmented"
    """In pieces, one per group of pictures, as streaming wants it."""


_LAYOUT_FLAGS = {
    Layout.FASTSTART: "faststart",
    # Without the delay, the muxer would write no edit lists.
    Layout.FRAGMENTED: "frag_keyframe+delay_moov+default_base_moof",
}


def is_statistic(key: str) -> bool:
    """Tell whether a tag of Matroska counts what is in the stream, as mkvmerge writes them."""
    return key.upper().startswith(("BPS", "DURATION", "NUMBER_OF_", "_STATISTICS_"))


def muxer_options(output: OutputFormat, layout: Layout | None = None) -> dict[str, str]:
    """Return the options of the muxer.

    Args:
        output: The container.
        layout: For MP4 and MOV; None puts the index at the end.

    Raises:
        ValueError: The container has no such layouts.
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
    """Tell whether a file name with this suffix asks for a container that can be written.

    Args:
        suffix: With its dot.
        container: FFmpeg's name of the source's format.
    """
    output = _BY_SUFFIX.get(suffix.lower())
    return output is not None and (output.takes_others or output.reads_as == container)


def output_format(target: Path, container: str) -> OutputFormat:
    """Return the container that the suffix of a file to be written names.

    Args:
        target: The file to be written.
        container: FFmpeg's name of the source's format.

    Raises:
        ExportError: It names none that can be written from such a source.
    """
    output = _BY_SUFFIX.get(target.suffix.lower())
    if output is None:
        raise ExportError(
            f"{target.name} names a container that cannot be written; "
            "choose a name that ends in .mp4, .mov or .mkv.",
            path=target,
        )
    if not output.takes_others and output.reads_as != container:
        raise ExportError(
            f"{target.name} can be written from another {output.name.upper()} file only; "
            "choose a name that ends in .mp4, .mov or .mkv.",
            path=target,
        )
    return output
