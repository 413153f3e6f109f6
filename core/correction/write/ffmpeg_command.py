"""The command of the ffmpeg program that does what a correction does, for those who script it."""

import shlex
from fractions import Fraction
from pathlib import Path

from core.correction.correction import Correction
from core.correction.plan.plan import CorrectionPlan, Method, Move
from core.media.formats.output_format import MXF, Layout, OutputFormat, muxer_options
from core.media.info import MediaInfo

_QUIET_OPTIONS = frozenset({"default_mode"})
"""Options that repeat what the program does of its own accord."""


def equivalent_command(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    plan: CorrectionPlan,
    layout: Layout | None = None,
) -> str | None:
    """Return a command line of ffmpeg 5.1 or newer for a POSIX shell.

    It moves the sound as the correction does. It keeps less of the rest: covers of Matroska,
    timecode tracks and the like are what the program makes of them.

    Args:
        info: The source.
        target: The file to be written.
        correction: What is moved.
        plan: What becomes of it.
        layout: Where MP4 and MOV get their index.

    Returns:
        The command; None where the program has none that does the same, as for shifts by whole
        packets, for retimed sound, and from containers whose times it changes in another one.
    """
    if any(move.method in (Method.PACKETS, Method.RETIMED) for move in plan.moves):
        return None
    if not _keeps_times(info, plan):
        return None
    # Absolute names begin neither with a dash nor with what could be a protocol.
    source = ["-i", str(info.path.absolute())]
    words = ["ffmpeg", *source]
    numbers = {item.index: number for number, item in enumerate(plan.streams.copied)}
    by_opening = {move.stream_index for move in plan.moves if _moves_by_opening(move, info, plan)}
    if by_opening:
        words += ["-itsoffset", _seconds(correction.audio_delay_s), *source]
    for index in numbers:
        words += ["-map", f"{int(index in by_opening)}:{index}"]
    words += ["-c", "copy"]
    for move in plan.moves:
        if move.stream_index not in by_opening:
            words += _move_words(numbers[move.stream_index], move, info, correction, plan)
    words += _format_words(plan.streams.output, layout)
    return shlex.join([*words, str(target.absolute())])


def _keeps_times(info: MediaInfo, plan: CorrectionPlan) -> bool:
    """Tell whether the program leaves sound in its place where it only copies.

    Between families of containers, 5.1 moves sound from MPEG-TS by up to a packet, from AVI by a
    third of one, and Opus by its priming.
    """
    if info.container == plan.streams.output.reads_as:
        return True
    is_exact = info.container.startswith(("mov", "matroska"))
    return is_exact and all(audio.codec != "opus" for audio in info.audios)


def _moves_by_opening(move: Move, info: MediaInfo, plan: CorrectionPlan) -> bool:
    """Tell whether a stream is to be read from the source opened a second time, and later.

    In another container the filter that changes times confuses the ticks of both.
    """
    return move.method is Method.TIMES and info.container != plan.streams.output.reads_as


def _move_words(
    number: int, move: Move, info: MediaInfo, correction: Correction, plan: CorrectionPlan
) -> list[str]:
    """Return the options that move one stream.

    Args:
        number: Its position in the output.
        move: What happens to it.
        info: The source.
        correction: The correction.
        plan: What becomes of it.
    """
    if move.method is Method.TIMES:
        # The program keeps coarse ticks, such as the 24 ms of MP3 in AVI, unless told otherwise.
        delay = f"({_ratio(correction.audio_delay_s)})/TB"
        return [f"-bsf:{number}", f"setts=pts=PTS+{delay}:dts=DTS+{delay}"]
    audio = next(a for a in info.audios if a.index == move.stream_index)
    codec = "pcm_s16le" if move.method is Method.DECODED else audio.codec
    if not move.n_units and move.method is Method.SAMPLES:
        return []
    if move.n_units >= 0:
        shift = f"adelay={move.n_units}S:all=1"
    else:
        shift = f"atrim=start_sample={-move.n_units},asetpts=PTS-STARTPTS"
        if plan.streams.output is MXF:
            # Where MXF has no more sound it ends the picture as well.
            shift += f",apad=pad_len={-move.n_units}"
    return [f"-c:{number}", codec, f"-filter:{number}", shift]


def _seconds(seconds: Fraction) -> str:
    """Return seconds to the microsecond, which is what the program reads."""
    return f"{round(seconds * 1_000_000)}us"


def _ratio(seconds: Fraction) -> str:
    return f"{seconds.numerator}/{seconds.denominator}"


def _format_words(output: OutputFormat, layout: Layout | None) -> list[str]:
    words = ["-f", output.name]
    for key, value in muxer_options(output, layout).items():
        if key not in _QUIET_OPTIONS:
            words += [f"-{key}", value]
    return words
