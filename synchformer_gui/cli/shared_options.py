"""Options that several commands share, and the values that the core makes of them."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from core.detection.config import HOP_STEP_S, DetectionConfig
from core.detection.engines.base import Engine
from core.detection.engines.open import EngineChoice, open_engine
from core.progress import Monitor
from core.timing import TOLERANCES, Tolerance, tolerance_named
from synchformer_gui.cli.scope_options import WHOLE, ScopeOptions

CONFIG = DetectionConfig()
CHOICE = EngineChoice()

ClipArgument = Annotated[Path, typer.Argument(metavar="CLIP", help="The media file.")]
ModelOption = Annotated[
    str,
    typer.Option(
        "--model",
        metavar="auto|builtin|classical|ID|PATH",
        help="Who answers: the built-in model, the classical estimate, an installed model (see "
        "`models list`) or a file of weights; auto is the AudioSet model if it is installed, else "
        "the built-in one.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N or mps; the built-in model always runs on the CPU.",
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="auto, float32, bfloat16 or float16; the built-in model always takes float32.",
    ),
]
CompileOption = Annotated[
    bool, typer.Option("--compile", help="Compile the network first: slow start, faster run.")
]
LegacyAlignmentOption = Annotated[
    bool,
    typer.Option(
        "--legacy-alignment/--no-legacy-alignment",
        help="Let a model trained on clips whose sound was 64 ms early hear it as early; of the "
        "published ones that is vggsound. Never with --window-start.",
    ),
]
ToleranceOption = Annotated[
    str,
    typer.Option(
        "--tolerance",
        metavar="NAME|EARLY/LATE",
        help=f"What counts as in sync: {', '.join(t.name for t in TOLERANCES)}; or a tolerance of "
        "your own in ms, such as 40/60 for 40 ms early to 60 ms late.",
    ),
]
HopOption = Annotated[
    float,
    typer.Option(
        "--hop",
        metavar="S",
        help=f"Distance of neighbouring windows, seconds: at least {HOP_STEP_S}, in its multiples.",
    ),
]
RangeOption = Annotated[
    float,
    typer.Option(
        "--range",
        metavar="S",
        help="Largest offset looked for, seconds: 0.2 to 30.",
    ),
]
AudioStreamOption = Annotated[
    int | None,
    typer.Option(
        "--audio-stream",
        metavar="N",
        min=0,
        help="The audio stream meant, as numbered in the file; the first one if not given.",
    ),
]
CropOption = Annotated[
    str,
    typer.Option(
        "--crop",
        metavar="auto|centre|multi|X,Y,S",
        help="Where a published model looks, which sees one square of the picture: at what moves "
        "with the sound, in the middle, in up to three places, or at a square with its centre at X "
        "of the width and Y of the height and a side of S of the short side, e.g. 0.5,0.2,0.875.",
    ),
]
NoCacheOption = Annotated[
    bool,
    typer.Option(
        "--no-cache", help="Judge anew whatever was answered earlier, and keep no answer."
    ),
]

FROM_CACHE = "Answer from the cache (judged earlier with the same options); --no-cache judges anew."


def detection_config(
    tolerance: str,
    hop_s: float,
    range_s: float,
    *,
    audio_stream_index: int | None = None,
    simulate_offset_s: float = CONFIG.simulate_offset_s,
    window_start_s: float | None = None,
    scope: ScopeOptions = WHOLE,
    crop: str = CONFIG.crop,
) -> DetectionConfig:
    """Put the options of a detection together.

    Raises:
        typer.BadParameter: A value is not allowed.
    """
    config = replace(
        CONFIG,
        tolerance=_tolerance(tolerance),
        audio_stream_index=audio_stream_index,
        stops_early=scope.stops_early,
    )
    # One by one, so that the option with a wrong value is known; a single window, which excludes
    # others, comes last.
    changes: dict[str, dict[str, Any]] = {
        "--hop": {"hop_s": hop_s},
        "--range": {"range_s": range_s},
        "--simulate-offset": {"simulate_offset_s": simulate_offset_s},
        "--start": {"start_s": scope.start_s},
        "--end": {"end_s": scope.end_s},
        "--until": {"until_s": scope.until_s},
        "--budget": {"budget_s": scope.budget_s},
        "--crop": {"crop": crop},
        "--window-start": {"window_start_s": window_start_s},
    }
    for option, change in changes.items():
        try:
            config = replace(config, **change)
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint=option) from error
    return config


def engine_for(choice: EngineChoice, monitor: Monitor) -> Engine:
    """Load what is to answer.

    Raises:
        typer.BadParameter: No such name of a device or precision, even if what answers needs none.
        SyncError: The model, device or precision is not there, or the model cannot be loaded.
        Cancelled: The monitor asked to stop.
    """
    try:
        check_machine(choice)
        return open_engine(choice, monitor)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def check_machine(choice: EngineChoice) -> None:
    """Check before any work that the device and the precision asked for are there.

    Raises:
        typer.BadParameter: No such name.
        SyncError: This machine does not have it.
    """
    if (choice.device, choice.precision) == (CHOICE.device, CHOICE.precision):
        return
    # Brings torch, which takes two seconds to import.
    from core.model.device import choose_device, choose_precision

    try:
        choose_precision(choice.precision, choose_device(choice.device))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def check_target(path: Path, option: str) -> None:
    """Check before any work that a result can go where the user wants it.

    Args:
        path: The file to be.
        option: How the user named it.

    Raises:
        typer.BadParameter: It is a folder, there is no folder for it, or no file can have its name.
    """
    try:
        is_folder = path.is_dir()
    except OSError as error:
        raise typer.BadParameter(
            f"{path.name[:40]}… cannot be a file name ({error.strerror}); choose a shorter one",
            param_hint=option,
        ) from error
    if is_folder:
        raise typer.BadParameter(f"{path} is a folder; name a file in it", param_hint=option)
    if not path.parent.is_dir():
        raise typer.BadParameter(f"there is no folder {path.parent}", param_hint=option)


def check_replaceable(
    path: Path, option: str, suffix: str, is_alike: Callable[[Path], bool]
) -> None:
    """Check the same, and that no file of another kind would be replaced unasked.

    Args:
        path: The file to be.
        option: How the user named it.
        suffix: What it has to end in.
        is_alike: Tells whether an existing file is of the kind that will be written; may raise
            OSError.

    Raises:
        typer.BadParameter: The path cannot be written, ends otherwise or is taken.
    """
    check_target(path, option)
    if path.suffix.lower() != suffix:
        raise typer.BadParameter(f"{path} has to end in {suffix}", param_hint=option)
    try:
        is_taken = path.exists() and not is_alike(path)
    except OSError as error:
        raise typer.BadParameter(
            f"{path} exists already and cannot be read ({error.strerror}); choose another name",
            param_hint=option,
        ) from error
    if is_taken:
        raise typer.BadParameter(
            f"{path} exists already and was not written by this command, so it is not replaced; "
            "choose another name",
            param_hint=option,
        )


def _tolerance(name: str) -> Tolerance:
    try:
        return tolerance_named(name)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--tolerance") from error
