"""Options of several commands, their checks, and the values made from them."""

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Annotated

import typer

from core.detection.config import HOP_STEP_S, DetectionConfig
from core.detection.engines.base import Engine
from core.detection.engines.open import EngineChoice, open_engine
from core.detection.schedule.budget import LONG_FOR_FAST_S, LONG_S, USUAL_UNTIL_S
from core.progress import Monitor
from core.timing import TOLERANCES

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
StartOption = Annotated[
    str | None,
    typer.Option("--start", metavar="TIME", help="Start of the part to analyze: 83.5 or 1:23.5."),
]
EndOption = Annotated[
    str | None,
    typer.Option("--end", metavar="TIME", help="End of the part to analyze: 95 or 1:35."),
]
UntilOption = Annotated[
    str | None,
    typer.Option(
        "--until",
        metavar="MARGIN",
        help="Stop once the margin of the offset is this narrow: 20ms or 0.02s; 0 analyzes "
        f"everything. The default is {1000 * USUAL_UNTIL_S:g}ms for clips longer than "
        f"{LONG_FOR_FAST_S / 60:g} min ({LONG_S / 60:g} min for a published model on the CPU), "
        "else 0.",
    ),
]
BudgetOption = Annotated[
    str | None,
    typer.Option("--budget", metavar="TIME", help="Longest time for the analysis: 30s or 2:00."),
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


@contextmanager
def wrong_usage(option: str | None = None) -> Iterator[None]:
    """Turn a ValueError of the block into a wrong use of an option.

    Raises:
        typer.BadParameter: The block raised a ValueError.
    """
    try:
        yield
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint=option) from error


def engine_for(choice: EngineChoice, monitor: Monitor) -> Engine:
    """Load the chosen engine.

    Raises:
        typer.BadParameter: Unknown device or precision, even if the engine needs none.
        SyncError: The model, device or precision is not available, or the model cannot be loaded.
        Cancelled: The monitor asked to stop.
    """
    check_machine(choice)
    with wrong_usage():
        return open_engine(choice, monitor)


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

    with wrong_usage():
        choose_precision(choice.precision, choose_device(choice.device))


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
