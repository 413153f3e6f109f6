"""`correct`: write a copy of a clip in which only the timing of the audio differs."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from core.detection.engines import EngineChoice
from core.detection.result import Verdict
from core.errors import ExportError, MediaError
from core.media.correction import Correction, Inexact
from core.media.info import MediaInfo
from core.media.naming import default_target
from core.media.plan import plan_correction
from core.media.probe import probe
from core.media.remux import check_correction, check_streams, write_corrected
from core.media.verify import verify_corrected
from core.timing import delay_for, parse_delay
from synchformer_gui import wording
from synchformer_gui.commands import extent, options
from synchformer_gui.commands.detect import answer_lines
from synchformer_gui.commands.exit_codes import ExitCode, exit_code
from synchformer_gui.commands.judging import judge
from synchformer_gui.console import watched
from synchformer_gui.map_wording import changes

OutputOption = Annotated[
    Path | None,
    typer.Option("--output", "-o", metavar="OUT", help="The new file [CLIP.synced.*]."),
]
DelayOption = Annotated[
    str | None,
    typer.Option(
        "--delay",
        metavar="TIME",
        help="Move the audio later by 160, 160ms, 0.16s or 4f (frames); earlier if negative.",
    ),
]
DetectOption = Annotated[bool, typer.Option("--detect", help="Measure the delay that is needed.")]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")]
AudioStreamsOption = Annotated[
    list[str] | None,
    typer.Option(
        "--audio-stream",
        metavar="N|all",
        help="The audio stream moved, as numbered in the file; several if repeated; the first one "
        "if not given. --detect measures the first of those named.",
    ),
]
InexactOption = Annotated[
    Inexact | None,
    typer.Option(
        "--inexact",
        help="What to do where the container keeps no times and the sound is coded (AVI): shift by "
        "whole packets, or decode the sound and store it as PCM. Without it nothing is written.",
    ),
]
VerifyOption = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Measure the new file afterwards.")
]


def correct(
    clip: options.ClipArgument,
    output: OutputOption = None,
    delay: DelayOption = None,
    use_detection: DetectOption = False,
    audio_stream: AudioStreamsOption = None,
    inexact: InexactOption = None,
    overwrite: OverwriteOption = False,
    verify: VerifyOption = True,
    model: options.ModelOption = options.CHOICE.model,
    device: options.DeviceOption = options.CHOICE.device,
    precision: options.PrecisionOption = options.CHOICE.precision,
    compile_model: options.CompileOption = options.CHOICE.compile_model,
    legacy_alignment: options.LegacyAlignmentOption = options.CHOICE.legacy_alignment,
    tolerance: options.ToleranceOption = options.CONFIG.tolerance.name,
    hop_s: options.HopOption = options.CONFIG.hop_s,
    range_s: options.RangeOption = options.CONFIG.range_s,
    start: extent.StartOption = None,
    end: extent.EndOption = None,
    until: extent.UntilOption = None,
    budget: extent.BudgetOption = None,
    no_cache: options.NoCacheOption = False,
) -> int:
    """Write a copy of a clip with its audio moved; nothing is encoded again, CLIP stays as it is.

    Ends with 0 if done or nothing was to do, 1 if --detect finds an offset that changes over the
    clip, which no one delay repairs, 2 if it cannot tell, 3 if it failed.
    """
    if (delay is None) != use_detection:
        raise typer.BadParameter("give one of the two", param_hint=["--delay", "--detect"])
    info = probe(clip)
    moved = _moved_streams(info, audio_stream or [])
    config = options.detection_config(
        tolerance,
        hop_s,
        range_s,
        audio_stream_index=moved[0] if audio_stream else options.CONFIG.audio_stream_index,
        extent=extent.Extent(start, end, until, budget),
    )
    typed = _typed_delay(delay, info) if delay is not None else None
    target = output or default_target(info, inexact)
    # The writer looks again; looking here spares a detection whose result could not be written.
    options.check_target(target, "--output")
    check_streams(info, target)
    if target.exists() and not overwrite:
        raise ExportError(
            f"{target} exists already; choose another name with -o or add --overwrite.", path=target
        )
    if target.suffix != clip.suffix and output is None:
        typer.echo(wording.other_container_sentence(clip, target))
    if typed is not None:
        return _write(info, target, Correction(moved, typed, inexact), overwrite, verify)
    choice = EngineChoice(model, device, precision, compile_model, legacy_alignment)
    detection = judge(clip, choice, config, no_cache=no_cache)
    for line in answer_lines(detection):
        typer.echo(line)
    estimate = detection.estimate
    if changes(detection) is not None:
        typer.echo("Nothing was written; --delay moves all of the audio by what you choose.")
        return exit_code(estimate.verdict)
    if estimate.verdict is not Verdict.OUT_OF_SYNC:
        why = "Nothing to correct, nothing" if estimate.verdict is Verdict.IN_SYNC else "Nothing"
        typer.echo(f"{why} was written.")
        return exit_code(estimate.verdict)
    correction = Correction(
        moved if audio_stream else (detection.audio_stream_index,),
        delay_for(estimate.offset_s),
        inexact,
    )
    return _write(info, target, correction, overwrite, verify)


def _typed_delay(text: str, info: MediaInfo) -> Fraction:
    try:
        delay_s = parse_delay(text, info.frame_rate)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--delay") from error
    if delay_s == 0:
        raise typer.BadParameter("a delay of 0 changes nothing", param_hint="--delay")
    return delay_s


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


def _write(
    info: MediaInfo, target: Path, correction: Correction, overwrite: bool, verify: bool
) -> ExitCode:
    check_correction(info, correction)
    for sentence in plan_correction(info, correction, target).notes:
        typer.echo(f"Note: {sentence}")
    with watched() as monitor:
        written = write_corrected(info, target, correction, overwrite=overwrite, monitor=monitor)
        found = verify_corrected(info, written, correction, monitor) if verify else None
    typer.echo(wording.written_sentence(written, correction.audio_delay_s))
    if found is None:
        return ExitCode.DONE
    if not found.passed:
        raise ExportError(wording.verification_sentence(written, found), path=written)
    typer.echo(wording.verification_sentence(written, found))
    return ExitCode.DONE
