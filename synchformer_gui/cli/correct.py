"""`correct`: write a copy of a clip in which only the timing of the audio differs."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from core.correction.correction import Correction
from core.correction.plan.plan import check_correction
from core.detection.cache.file_identity import file_identity
from core.detection.result import Detection, Verdict
from core.errors import ExportError, MediaError
from core.media.delay_hints import delay_hints
from core.media.info import MediaInfo
from core.media.probe import probe
from core.timing import parse_delay, parse_stretch
from core.workflow.from_detection import stretch_correction
from synchformer_gui.cli import export_options, shared_options
from synchformer_gui.cli.correct_options import CorrectOptions
from synchformer_gui.cli.detect import answer_lines
from synchformer_gui.cli.detect_options import DetectCommand, DetectOptions
from synchformer_gui.cli.exit_codes import ExitCode, exit_code
from synchformer_gui.cli.in_place import undo_file
from synchformer_gui.cli.option_groups import changed_options, grouped
from synchformer_gui.wording.coverage import part_sentence
from synchformer_gui.wording.export import correction_text

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="OUT", help="The new file [CLIP.synced.*]."),
]
DelayOption = Annotated[
    str | None,
    typer.Option(
        "--delay",
        metavar="TIME",
        help="Move the audio later by 160, 160ms, 0.16s, 4f (video frames) or 7680sa (samples of "
        "the first audio stream moved); earlier if negative.",
    ),
]
StretchOption = Annotated[
    str | None,
    typer.Option(
        "--stretch",
        metavar="RATIO",
        help="Stretch the audio by 1001/1000 or 1.001, before any --delay. It is encoded again, "
        "and its pitch follows.",
    ),
]
DetectOption = Annotated[bool, typer.Option("--detect", help="Measure the delay to apply.")]
AudioStreamsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--audio-stream",
        metavar="N|all",
        help="Audio stream to move, as numbered in the file; the first one by default. "
        "Repeat it for several. --detect measures the first one named.",
    ),
]
InPlaceOption = Annotated[
    bool,
    typer.Option(
        "--in-place",
        help="Change CLIP itself; only its times are written. The old bytes are kept in "
        "CLIP.undo beside it.",
    ),
]
YesOption = Annotated[
    bool, typer.Option("--yes", "-y", help="With --in-place, do not ask before writing.")
]
UndoOption = Annotated[
    bool,
    typer.Option(
        "--undo",
        help="Restore the source of the corrected file CLIP bit by bit, from its certificate or "
        "CLIP.undo.",
    ),
]


@grouped
def correct(
    clip: shared_options.ClipArgument,
    *,
    output: OutputOption = None,
    in_place: InPlaceOption = False,
    yes: YesOption = False,
    undo: UndoOption = False,
    delay: DelayOption = None,
    stretch: StretchOption = None,
    use_detection: DetectOption = False,
    options: CorrectOptions,
    audio_stream: AudioStreamsOption = None,
    export: export_options.ExportOptions,
    dry_run: export_options.DryRunOption = False,
    detect_again: export_options.DetectAgainOption = False,
    detection_options: DetectOptions,
) -> int:
    """Write a copy of a clip with its audio moved; CLIP stays as it is, except with --in-place.

    Audio is encoded again only with --stretch, --retime or --inexact reencode.
    Ends with 0 if done or nothing was to do, 1 if --detect finds a changing offset and --retime is
    not given, or --detect-again finds the new file out of sync, 2 if --detect cannot tell, 3 if
    nothing could be written, 4 if only the certificate, or the second detection, failed.
    """
    if undo:
        given = {
            "--delay": delay is not None,
            "--stretch": stretch is not None,
            "--detect": use_detection,
            "--in-place": in_place,
            "--dry-run": dry_run,
        }
        if any(given.values()):
            names = [name for name, is_given in given.items() if is_given]
            raise typer.BadParameter("has no use with --undo", param_hint=names)
        return undo_file(clip, output, overwrite=export.overwrite)
    _check_options(delay, stretch, options, use_detection=use_detection)
    if in_place and detect_again:
        raise typer.BadParameter("has no use with --in-place", param_hint="--detect-again")
    if not use_detection and not detect_again and (changed := changed_options(detection_options)):
        raise typer.BadParameter("needs --detect or --detect-again", param_hint=changed)
    export = replace(export, output=output, is_dry=dry_run, in_place=in_place, asks=not yes)
    # The cache keeps no answer about a file that was changed during its probe.
    identity = file_identity(clip) if use_detection else None
    info = probe(clip)
    streams = _moved_streams(info, audio_stream or [])
    config = detection_options.config(streams[0] if audio_stream else None)
    detector = DetectCommand(detection_options.choice, config, detection_options.no_cache)
    again = detector.detect_again if detect_again else None
    if use_detection:
        _print_hints(info)
        return _correct_as_detected(
            info, identity, detector, streams if audio_stream else (), options, export, again
        )
    typed = _typed_correction(info, streams, delay, stretch, options)
    _print_hints(info)
    if detect_again:
        detector.check(info)
    return export_options.export_file(info, typed, export, again)


def _correct_as_detected(
    info: MediaInfo,
    identity: str | None,
    detector: DetectCommand,
    moved: tuple[int, ...],
    options: CorrectOptions,
    export: export_options.ExportOptions,
    again: export_options.DetectAgain | None,
) -> ExitCode:
    """Detect the offset of a clip and correct it.

    Args:
        info: The clip.
        identity: Its identity from before the probe.
        detector: Detects its offset.
        moved: Audio streams to move; the analyzed one if empty.
        options: Options of the correction.
        export: Options of the new file.
        again: Detects the offset of the new file.
    """
    # An early check spares a detection whose result could not be written.
    likely = moved or (info.audios[0].index,)
    export_options.check_early(info, Correction(likely, Fraction(0), options.inexact), export)
    detection = detector.detect(info, identity)
    for line in answer_lines(detection):
        typer.echo(line)
    moved = moved or (detection.audio_stream_index,)
    if not options.applies_to(detection):
        if detection.estimate.verdict is Verdict.OUT_OF_SYNC:
            typer.echo(_offer_sentence(info, detection, moved, options, export))
        typer.echo(_unwritten_sentence(detection))
        return exit_code(detection.estimate.verdict)
    correction = options.correction(detection, moved)
    for sentence in options.unused_sentences(correction):
        typer.echo(f"Note: {sentence}")
    code = export_options.export_file(info, correction, export, again)
    if part := part_sentence(detection):
        typer.echo(part)
    return code


def _print_hints(info: MediaInfo) -> None:
    for hint in delay_hints(info):
        typer.echo(f"Hint: {hint.sentence}")


def _check_options(
    delay: str | None, stretch: str | None, options: CorrectOptions, *, use_detection: bool
) -> None:
    """Refuse options that exclude each other.

    Raises:
        typer.BadParameter: They do not.
    """
    if (delay is None and stretch is None) != use_detection:
        names = ["--delay", "--stretch", "--detect"]
        raise typer.BadParameter("give a delay, a stretch or both, or --detect", param_hint=names)
    if options.retimes and not use_detection:
        raise typer.BadParameter("needs --detect", param_hint="--retime")
    if options.keeps_pitch and stretch is None and not options.retimes:
        raise typer.BadParameter("needs --stretch or --retime", param_hint="--keep-pitch")
    if options.inexact is not None and stretch is not None:
        raise typer.BadParameter(
            "has no use with --stretch, which encodes the audio again", param_hint="--inexact"
        )


def _offer_sentence(
    info: MediaInfo,
    detection: Detection,
    moved: tuple[int, ...],
    options: CorrectOptions,
    export: export_options.ExportOptions,
) -> str:
    """Sentence on the effect of --retime."""
    try:
        correction = options.correction(detection, moved)
        coding = export_options.coding_words(info, correction, export)
    except ExportError as error:
        return f"--retime cannot correct this: {error.message}"
    if not coding:
        return "Its sound cannot be encoded again for that container; choose .mkv with -o."
    return (
        f"With --retime the audio would be {correction_text(correction)}, and encoded "
        f"again as {coding}; all else is copied."
    )


def _unwritten_sentence(detection: Detection) -> str:
    estimate = detection.estimate
    if estimate.verdict is Verdict.IN_SYNC:
        return "Nothing to correct, nothing was written."
    if estimate.verdict is Verdict.OUT_OF_SYNC:
        return "Nothing was written."
    delay_ms = round(1000 * estimate.offset_s)
    if estimate.is_confident and delay_ms and not detection.changing_map:
        how = f"take --delay {delay_ms}ms for --detect"
        return f"Nothing was written; to move the audio all the same, {how}."
    return "Nothing was written, since whether it is out of sync cannot be told."


def _typed_correction(
    info: MediaInfo,
    moved: tuple[int, ...],
    delay: str | None,
    stretch: str | None,
    options: CorrectOptions,
) -> Correction:
    delay_s = Fraction(0)
    if delay is not None:
        with shared_options.wrong_usage("--delay"):
            delay_s = parse_delay(delay, info.frame_rate, info.sample_rate_hz(moved[0]))
    if stretch is None:
        if delay_s == 0:
            raise typer.BadParameter("a delay of 0 changes nothing", param_hint="--delay")
        return Correction(moved, delay_s, options.inexact)
    with shared_options.wrong_usage("--stretch"):
        ratio = parse_stretch(stretch)
    check_correction(info, Correction(moved, delay_s))
    return stretch_correction(info, moved, ratio, delay_s, keeps_pitch=options.keeps_pitch)


def _moved_streams(info: MediaInfo, wanted: list[str]) -> tuple[int, ...]:
    if not info.audios:
        raise MediaError(
            f"{info.path} has no sound that could be moved; choose another file.", path=info.path
        )
    if "all" in wanted:
        return tuple(stream.index for stream in info.audios)
    if not all(name.isdecimal() for name in wanted):
        raise typer.BadParameter("give numbers, or all", param_hint="--audio-stream")
    return tuple(dict.fromkeys(int(name) for name in wanted)) or (info.audios[0].index,)
