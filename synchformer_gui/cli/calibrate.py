"""`calibrate`: measure a model on clips that are in sync, for all that it judges from then on."""

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
        typer.Argument(metavar="[FOLDER]", help="Where clips lie that are known to be in sync."),
    ] = None,
    recursive: Annotated[
        bool, typer.Option("--recursive", "-r", help="Look into sub-folders as well.")
    ] = False,
    reset: Annotated[bool, typer.Option("--reset", help="Forget what was measured.")] = False,
    model: shared_options.ModelOption = shared_options.CHOICE.model,
    device: shared_options.DeviceOption = shared_options.CHOICE.device,
    precision: shared_options.PrecisionOption = shared_options.CHOICE.precision,
) -> int:
    """Measure the constant bias of a model, and how wide its intervals have to be.

    What was measured is used whenever this model answers, until --reset. A clip that is not in sync
    spoils the measurement; twenty clips or more are good, five the least.
    """
    if (folder is None) != reset:
        raise typer.BadParameter("give one of the two", param_hint=["FOLDER", "--reset"])
    # The bare model is what is measured, whatever was measured of it before.
    choice = EngineChoice(model, device, precision, calibrated=False)
    place = calibration_place(choice)
    if folder is None:
        was_there = forget_calibration(place.path)
        typer.echo("The calibration is forgotten." if was_there else "There was no calibration.")
        return ExitCode.DONE
    paths = find_clips(folder, recursive)
    if len(paths) < LEAST_CLIPS:
        raise DetectionError(
            f"{folder} holds {len(paths)} video files only, and a calibration needs {LEAST_CLIPS}"
            " or more clips in sync; add some."
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
    """Say in a few words what was measured: "calibrated on 24 clips, bias +12 ms"."""
    clips = "1 clip" if calibration.n_clips == 1 else f"{calibration.n_clips} clips"
    return f"calibrated on {clips}, bias {1000 * calibration.bias_s:+.0f} ms"


def _row(clip: ClipTrials, folder: Path) -> str:
    name = clip.path.relative_to(folder)
    if clip.why_not:
        return f"{name}  not used: {clip.why_not}"
    return f"{name}  {_side(clip.bias_s)}"


def _side(bias_s: float) -> str:
    if round(1000 * bias_s) == 0:
        return "found in sync"
    return f"found {abs(1000 * bias_s):.0f} ms {'early' if bias_s > 0 else 'late'}"


def _answer_lines(name: str, found: UserCalibration) -> list[str]:
    lines = [
        f"Measured on {found.n_clips} clips, taken off from now on: those in sync are"
        f" {_side(found.bias_s)} by the {name} (± {1000 * found.bias_error_s:.0f} ms, standard"
        " error).",
        f"Its intervals reach at least {1000 * found.resolution_s:.0f} ms either way.",
    ]
    if found.n_clips < FEW_CLIPS:
        lines.append(
            f"Note: {found.n_clips} clips are few; {FEW_CLIPS} or more make the bias more certain."
        )
    return lines
