"""`correct`: write a copy of a clip in which only the timing of the audio differs."""

from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from core.detection.engines import EngineChoice
from core.detection.result import Detection, Verdict
from core.errors import ExportError, MediaError
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.probe import probe
from core.media.remux import default_target, unsupported_streams, write_corrected
from core.media.streams import output_format
from core.media.verify import verify_corrected
from core.timing import delay_for, parse_delay
from synchformer_gui import wording
from synchformer_gui.commands import extent, options
from synchformer_gui.commands.detect import answer_lines
from synchformer_gui.commands.exit_codes import ExitCode, exit_code
from synchformer_gui.commands.judging import judge
from synchformer_gui.console import watched
from synchformer_gui.coverage import part_sentence

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
VerifyOption = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Measure the new file afterwards.")
]


def correct(
    clip: options.ClipArgument,
    output: OutputOption = None,
    delay: DelayOption = None,
    use_detection: DetectOption = False,
    audio_stream: options.AudioStreamOption = options.CONFIG.audio_stream_index,
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
    config = options.detection_config(
        tolerance,
        hop_s,
        range_s,
        audio_stream_index=audio_stream,
        extent=extent.Extent(start, end, until, budget),
    )
    info = probe(clip)
    typed = None
    if delay is not None:
        typed = Correction(_audio_stream_index(info, audio_stream), _typed_delay(delay, info))
    target = output or default_target(clip)
    # The writer looks again; looking here spares a detection whose result could not be written.
    options.check_target(target, "--output")
    output_format(target)
    if target.exists() and not overwrite:
        raise ExportError(
            f"{target} exists already; choose another name with -o or add --overwrite.", path=target
        )
    if target.suffix != clip.suffix and output is None:
        typer.echo(wording.other_container_sentence(clip, target))
    if typed is not None:
        return _write(info, target, typed, overwrite, verify)
    choice = EngineChoice(model, device, precision, compile_model, legacy_alignment)
    detection = judge(clip, choice, config, no_cache=no_cache)
    for line in answer_lines(detection):
        typer.echo(line)
    estimate = detection.estimate
    if detection.changing_map or estimate.verdict is not Verdict.OUT_OF_SYNC:
        typer.echo(_unwritten_sentence(detection))
        return exit_code(estimate.verdict)
    correction = Correction(detection.audio_stream_index, delay_for(estimate.offset_s))
    code = _write(info, target, correction, overwrite, verify)
    if part := part_sentence(detection):
        typer.echo(part)
    return code


def _unwritten_sentence(detection: Detection) -> str:
    estimate = detection.estimate
    if detection.changing_map:
        return "Nothing was written; --delay moves all of the audio by what you choose."
    if estimate.verdict is Verdict.IN_SYNC:
        return "Nothing to correct, nothing was written."
    delay_ms = round(1000 * estimate.offset_s)
    if estimate.is_confident and delay_ms:
        how = f"take --delay {delay_ms}ms for --detect"
        return f"Nothing was written; to move the audio all the same, {how}."
    return "Nothing was written."


def _typed_delay(text: str, info: MediaInfo) -> Fraction:
    try:
        delay_s = parse_delay(text, info.frame_rate)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--delay") from error
    if delay_s == 0:
        raise typer.BadParameter("a delay of 0 changes nothing", param_hint="--delay")
    return delay_s


def _audio_stream_index(info: MediaInfo, wanted: int | None) -> int:
    if wanted is not None:
        return wanted
    if not info.audios:
        raise MediaError(
            f"{info.path} has no sound that could be moved; choose another file.", path=info.path
        )
    return info.audios[0].index


def _write(
    info: MediaInfo, target: Path, correction: Correction, overwrite: bool, verify: bool
) -> ExitCode:
    with watched() as monitor:
        written = write_corrected(info, target, correction, overwrite=overwrite, monitor=monitor)
        found = verify_corrected(info, written, correction, monitor) if verify else None
    typer.echo(wording.written_sentence(written, correction.audio_delay_s))
    for sentence in unsupported_streams(info, written):
        typer.echo(f"Note: {sentence}")
    if found is None:
        return ExitCode.DONE
    if not found.passed:
        raise ExportError(wording.verification_sentence(written, found), path=written)
    typer.echo(wording.verification_sentence(written, found))
    return ExitCode.DONE
