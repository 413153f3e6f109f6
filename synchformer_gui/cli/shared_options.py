"""Options of several commands, their checks, and the values made from them."""

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
        help="Engine: the built-in model, the classical estimate, an installed model (see `models "
        "list`) or a file of weights. auto: the AudioSet model if installed, else the built-in "
        "model.",
    ),
]
DeviceOption = Annotated[
    str,
    typer.Option(
        "--device",
        metavar="NAME",
        help="auto, cpu, cuda, cuda:N or mps. The built-in model always runs on the CPU.",
    ),
]
PrecisionOption = Annotated[
    str,
    typer.Option(
        "--precision",
        metavar="NAME",
        help="auto, float32, bfloat16 or float16. The built-in model always uses float32.",
    ),
]
CompileOption = Annotated[
    bool, typer.Option("--compile", help="Compile the network: slower start, faster run.")
]
LegacyAlignmentOption = Annotated[
    bool,
    typer.Option(
        "--legacy-alignment/--no-legacy-alignment",
        help="Compensate for models trained with audio 64 ms early (published: vggsound). Ignored "
        "with --window-start.",
    ),
]
ToleranceOption = Annotated[
    str,
    typer.Option(
        "--tolerance",
        metavar="NAME|EARLY/LATE",
        help=f"Limits of in sync: {', '.join(t.name for t in TOLERANCES)}; or your own in ms, such "
        "as 40/60 for 40 ms early to 60 ms late.",
    ),
]
HopOption = Annotated[
    float,
    typer.Option(
        "--hop",
        metavar="S",
        help=f"Distance between windows in seconds, a multiple of {HOP_STEP_S}.",
    ),
]
RangeOption = Annotated[
    float,
    typer.Option(
        "--range",
        metavar="S",
        help="Largest offset to try, in seconds: 0.2 to 30.",
    ),
]
AudioStreamOption = Annotated[
    int | None,
    typer.Option(
        "--audio-stream",
        metavar="N",
        min=0,
        help="Audio stream by its number in the file; the first if not given.",
    ),
]
CropOption = Annotated[
    str,
    typer.Option(
        "--crop",
        metavar="auto|centre|multi|X,Y,S",
        help="Square of the picture for published models. auto: where motion goes with the sound; "
        "centre: the middle; multi: up to three places; X,Y,S: centre at X of the width and Y of "
        "the height, side S of the short side, e.g. 0.5,0.2,0.875.",
    ),
]
NoCacheOption = Annotated[
    bool,
    typer.Option("--no-cache", help="Ignore cached answers, and add none to the cache."),
]

FROM_CACHE = "Answer from the cache (same clip and options); --no-cache repeats the detection."


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
    """Make the config of a detection from its options.

    Raises:
        typer.BadParameter: A value is not allowed.
    """
    config = replace(
        CONFIG,
        tolerance=_tolerance(tolerance),
        audio_stream_index=audio_stream_index,
        stops_early=scope.stops_early,
    )
    # One by one, so that the message can name the wrong option. --window-start excludes others, so
    # it comes last.
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
    """Load the chosen engine.

    Raises:
        typer.BadParameter: Unknown device or precision, even if the engine needs none.
        SyncError: The model, device or precision is not available, or the model cannot be loaded.
        Cancelled: The monitor asked to stop.
    """
    try:
        check_machine(choice)
        return open_engine(choice, monitor)
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def check_machine(choice: EngineChoice) -> None:
    """Check, before any work, that the chosen device and precision are available.

    Raises:
        typer.BadParameter: Unknown name.
        SyncError: This machine does not have the device or the precision.
    """
    if (choice.device, choice.precision) == (CHOICE.device, CHOICE.precision):
        return
    # Imports torch, about two seconds.
    from core.model.device import choose_device, choose_precision

    try:
        choose_precision(choice.precision, choose_device(choice.device))
    except ValueError as error:
        raise typer.BadParameter(str(error)) from error


def check_target(path: Path, option: str) -> None:
    """Check, before any work, that a file can be written to a path.

    Args:
        path: The future file.
        option: Name of the option, for the message.

    Raises:
        typer.BadParameter: The path is a folder or too long a name, or its folder does not exist.
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
    """`check_target`, and check that no file of another kind would be replaced.

    Args:
        path: The future file.
        option: Name of the option, for the message.
        suffix: Required suffix.
        is_alike: True for an existing file of the kind that will be written; may raise OSError.

    Raises:
        typer.BadParameter: The path cannot be written, has another suffix or is taken.
    """
    check_target(path, option)
    if path.suffix.lower() != suffix:
        raise typer.BadParameter(f"{path} must end in {suffix}", param_hint=option)
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
