"""`calibrate`: measure the bias and the margin of a model on clips in sync."""

from pathlib import Path
from typing import Annotated

import typer

from core.detection.calibration.fit import FEW_CLIPS, LEAST_CLIPS, fit
from core.detection.calibration.trials import ClipTrials, try_clips
from core.detection.engines.open import EngineChoice, calibration_place
from core.detection.engines.user_calibration import (
    UserCalibration,
    forget_calibration,
    write_calibration,
)
from core.errors import DetectionError
from core.workflow.folder import find_clips
from synchformer_gui.cli import shared_options
from synchformer_gui.cli.exit_codes import ExitCode
from synchformer_gui.cli.terminal import watched


def calibrate(
    folder: Annotated[
        Path | None,
        typer.Argument(metavar="[FOLDER]", help="Folder of clips known to be in sync."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Include sub-folders.")
    ] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Delete the calibration.")] = False,
    model: shared_options.ModelOption = shared_options.CHOICE.model,
    device: shared_options.DeviceOption = shared_options.CHOICE.device,
    precision: shared_options.PrecisionOption = shared_options.CHOICE.precision,
) -> int:
    """Measure the constant bias of a model, and the necessary width of its intervals.

    The calibration applies to all later answers of this model, until --reset. Clips that are not in
    sync spoil it. Use twenty clips or more; five is the minimum.
    """
    if (folder is None) != reset:
        raise typer.BadParameter("give one of the two", param_hint=["FOLDER", "--reset"])
    # The bare model is measured, without an earlier calibration.
    choice = EngineChoice(model, device, precision, calibrated=False)
    place = calibration_place(choice)
    if folder is None:
        was_there = forget_calibration(place.path)
        typer.echo("Calibration deleted." if was_there else "There was no calibration.")
        return ExitCode.DONE
    paths = find_clips(folder, recursive)
    if len(paths) < LEAST_CLIPS:
        raise DetectionError(
            f"{folder} holds only {len(paths)} video file{'s' * (len(paths) != 1)}; a calibration"
            f" needs at least {LEAST_CLIPS} clips in sync, so add more."
        )
    with watched() as monitor:
        engine = shared_options.engine_for(choice, monitor)
        clips = try_clips(paths, engine, monitor, lambda clip: monitor.say(_row(clip, folder)))
    found = fit(clips, place.weights_sha256)
    write_calibration(place.path, found)
    for line in _answer_lines(engine.name, found):
        typer.echo(line)
    typer.echo(f"Calibration: {place.path}")
    return ExitCode.DONE


def summary(calibration: UserCalibration) -> str:
    """Calibration in a few words: "calibrated on 24 clips, bias +12 ms"."""
    clips = "1 clip" if calibration.n_clips == 1 else f"{calibration.n_clips} clips"
    return f"calibrated on {clips}, bias {1000 * calibration.bias_s:+.0f} ms"


def _row(clip: ClipTrials, folder: Path) -> str:
    name = clip.path.relative_to(folder)
    if clip.why_not:
        return f"{name}  not used: {clip.why_not}"
    return f"{name}  {_side(clip.bias_s)}"


def _side(bias_s: float) -> str:
    if round(1000 * bias_s) == 0:
        return "in sync"
    return f"{abs(1000 * bias_s):.0f} ms {'early' if bias_s > 0 else 'late'}"


def _answer_lines(name: str, found: UserCalibration) -> list[str]:
    lines = [
        f"Bias on {found.n_clips} clips: the {name} measures clips in sync as"
        f" {_side(found.bias_s)} (± {1000 * found.bias_error_s:.0f} ms, standard error). Later"
        " answers are corrected by it.",
        f"Its intervals reach at least {1000 * found.resolution_s:.0f} ms to either side.",
    ]
    if found.n_clips < FEW_CLIPS:
        lines.append(
            f"Note: {found.n_clips} clips are few; use {FEW_CLIPS} or more for a more certain bias."
        )
    return lines
