"""The command of the ffmpeg program that does what a correction does, for those who script it."""

import shlex
from fractions import Fraction
from pathlib import Path

from core.media.containers import MXF, Layout, OutputFormat, muxer_options
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.plan import CorrectionPlan, Method, Move

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
        packets and for retimed sound.
    """
    if any(move.method in (Method.PACKETS, Method.RETIMED) for move in plan.moves):
        return None
    # Absolute names begin neither with a dash nor with what could be a protocol.
    words = ["ffmpeg", "-i", str(info.path.absolute())]
    numbers = {item.index: number for number, item in enumerate(plan.streams.copied)}
    for index in numbers:
        words += ["-map", f"0:{index}"]
    words += ["-c", "copy"]
    for move in plan.moves:
        words += _move_words(numbers[move.stream_index], move, info, correction, plan)
    words += _format_words(plan.streams.output, layout)
    return shlex.join([*words, str(target.absolute())])


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


def _ratio(seconds: Fraction) -> str:
    return f"{seconds.numerator}/{seconds.denominator}"


def _format_words(output: OutputFormat, layout: Layout | None) -> list[str]:
    words = ["-f", output.name]
    for key, value in muxer_options(output, layout).items():
        if key not in _QUIET_OPTIONS:
            words += [f"-{key}", value]
    return words
