"""The ffmpeg command equivalent to a plan, for scripts."""

import shlex
from fractions import Fraction

from core.correction.plan.moves import Method, Move
from core.correction.plan.plan import CorrectionPlan
from core.media.formats.output_format import MXF, Layout, OutputFormat, muxer_options

_QUIET_OPTIONS = frozenset({"default_mode"})
"""Options repeating a default of ffmpeg."""


def equivalent_command(plan: CorrectionPlan) -> str | None:
    """Command line of ffmpeg 5.1 or newer for a POSIX shell.

    The command moves the audio as the plan does. It keeps less of the rest: covers of Matroska,
    timecode tracks and the like come out in ffmpeg's own way.

    Returns:
        The command; None if ffmpeg has no equivalent one, as for shifts by whole packets, for
        retimed audio, and between containers whose times it changes.
    """
    if any(move.method in (Method.PACKETS, Method.RETIMED) for move in plan.moves):
        return None
    if not _keeps_times(plan):
        return None
    # Absolute names begin neither with a dash nor like a protocol.
    source = ["-i", str(plan.source.path.absolute())]
    words = ["ffmpeg", *source]
    numbers = {item.index: number for number, item in enumerate(plan.streams.copied)}
    by_opening = {m.stream_index for m in plan.moves if _moves_by_opening(m, plan)}
    if by_opening:
        words += ["-itsoffset", _microseconds(plan.correction.audio_delay_s), *source]
    for index in numbers:
        words += ["-map", f"{int(index in by_opening)}:{index}"]
    words += ["-c", "copy"]
    for move in plan.moves:
        if move.stream_index not in by_opening:
            words += _move_words(numbers[move.stream_index], move, plan)
    words += _format_words(plan.output, plan.layout)
    return shlex.join([*words, str(plan.target.absolute())])


def _keeps_times(plan: CorrectionPlan) -> bool:
    """Whether ffmpeg leaves copied audio in its place.

    Between families of containers, 5.1 moves audio from MPEG-TS by up to a packet, from AVI by a
    third of one, and Opus by its priming.
    """
    container = plan.source.container
    if container == plan.output.reads_as:
        return True
    is_exact = container.startswith(("mov", "matroska"))
    return is_exact and all(audio.codec != "opus" for audio in plan.source.audios)


def _moves_by_opening(move: Move, plan: CorrectionPlan) -> bool:
    """Whether ffmpeg reads a stream from the source opened a second time, with an offset.

    Between containers, the filter for times confuses the ticks of both.
    """
    return move.method is Method.TIMES and plan.source.container != plan.output.reads_as


def _move_words(number: int, move: Move, plan: CorrectionPlan) -> list[str]:
    """Options for moving one stream, by its position in the output."""
    if move.method is Method.TIMES:
        # ffmpeg keeps coarse ticks, such as the 24 ms of MP3 in AVI, unless told otherwise.
        delay = f"({_ratio(plan.correction.audio_delay_s)})/TB"
        return [f"-bsf:{number}", f"setts=pts=PTS+{delay}:dts=DTS+{delay}"]
    audio = next(a for a in plan.source.audios if a.index == move.stream_index)
    codec = "pcm_s16le" if move.method is Method.DECODED else audio.codec
    if not move.n_units and move.method is Method.SAMPLES:
        return []
    if move.n_units >= 0:
        shift = f"adelay={move.n_units}S:all=1"
    else:
        shift = f"atrim=start_sample={-move.n_units},asetpts=PTS-STARTPTS"
        if plan.output is MXF:
            # MXF ends the video where it has no more audio.
            shift += f",apad=pad_len={-move.n_units}"
    return [f"-c:{number}", codec, f"-filter:{number}", shift]


def _microseconds(seconds: Fraction) -> str:
    """Seconds as ffmpeg reads them, to the microsecond."""
    return f"{round(seconds * 1_000_000)}us"


def _ratio(seconds: Fraction) -> str:
    return f"{seconds.numerator}/{seconds.denominator}"


def _format_words(output: OutputFormat, layout: Layout | None) -> list[str]:
    words = ["-f", output.name]
    for key, value in muxer_options(output, layout).items():
        if key not in _QUIET_OPTIONS:
            words += [f"-{key}", value]
    return words
