"""`builtin`: render clips, train and calibrate the built-in network, write its file."""

import ctypes
import json
import subprocess
import sys
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Annotated

import torch
import typer

from core.errors import CheckpointError
from core.model.builtin.file import About, BuiltinModel, Calibration, read_builtin, write_builtin
from core.model.builtin.lag_net import LagNet, LagSizes
from core.progress import Monitor
from training.aliases import Metrics
from training.builtin.calibrate import calibrate, fit_temperature
from training.builtin.task import LagTask, LagTaskConfig
from training.data.synthetic.cache import ensure_rendered, render_split_files
from training.loop.config import LoopConfig
from training.loop.loop import train
from training.terminal import TerminalMonitor

WEIGHTS = "weights.safetensors"


@dataclass(frozen=True, slots=True)
class BuiltinRecipe:
    """Complete recipe of the built-in model.

    Attributes:
        n_train: Number of training clips of ten seconds.
        n_validation: Number of clips for validation and for fitting the temperature.
        n_calibration: Clips of each trained event type for fitting the confidence.
        n_unfamiliar: Clips of each event type used in calibration only.
        n_steps: Number of updates of the weights.
        batch_size: Windows per update.
        learning_rate: Highest learning rate.
        seed: Seed of weights, windows and offsets.
    """

    n_train: int = 1800
    n_validation: int = 185
    n_calibration: int = 4
    n_unfamiliar: int = 12
    n_steps: int = 2200
    batch_size: int = 12
    learning_rate: float = 1.5e-3
    seed: int = 0

    @property
    def loop(self) -> LoopConfig:
        return LoopConfig(
            n_steps=self.n_steps,
            batch_size=self.batch_size,
            learning_rate=self.learning_rate,
            precision="bfloat16",
            validate_every=max(1, min(150, self.n_steps)),
            seed=self.seed,
        )


_DEFAULTS = BuiltinRecipe()

ClipsOption = Annotated[
    Path | None,
    typer.Option("--clips", metavar="DIR", help="Rendered clips; default: FOLDER/clips."),
]
CalibrationOption = Annotated[
    int,
    typer.Option(
        "--calibration-clips",
        metavar="N",
        min=1,
        help="Calibration clips of each trained event type.",
    ),
]
UnfamiliarOption = Annotated[
    int,
    typer.Option(
        "--unfamiliar-clips",
        metavar="N",
        min=0,
        help="Calibration clips of each event type not trained on.",
    ),
]
SeedOption = Annotated[
    int, typer.Option("--seed", min=0, help="Seed of weights, windows and offsets.")
]
WorkersOption = Annotated[
    int, typer.Option("--workers", metavar="N", min=1, help="Number of rendering processes.")
]


def builtin(
    folder: Annotated[
        Path, typer.Argument(metavar="FOLDER", help="Folder for checkpoints, log and model file.")
    ],
    clips: ClipsOption = None,
    n_train: Annotated[
        int, typer.Option("--train-clips", metavar="N", min=1, help="Number of training clips.")
    ] = _DEFAULTS.n_train,
    n_validation: Annotated[
        int,
        typer.Option("--validation-clips", metavar="N", min=2, help="Number of validation clips."),
    ] = _DEFAULTS.n_validation,
    n_calibration: CalibrationOption = _DEFAULTS.n_calibration,
    n_unfamiliar: UnfamiliarOption = _DEFAULTS.n_unfamiliar,
    n_steps: Annotated[
        int, typer.Option("--steps", metavar="N", min=1, help="Number of updates of the weights.")
    ] = _DEFAULTS.n_steps,
    batch_size: Annotated[
        int, typer.Option("--batch", metavar="N", min=2, help="Windows per update.")
    ] = _DEFAULTS.batch_size,
    seed: SeedOption = _DEFAULTS.seed,
    n_workers: WorkersOption = 2,
) -> None:
    """Make the built-in model from scratch; a stopped run resumes."""
    recipe = BuiltinRecipe(
        n_train=n_train,
        n_validation=n_validation,
        n_calibration=n_calibration,
        n_unfamiliar=n_unfamiliar,
        n_steps=n_steps,
        batch_size=batch_size,
        seed=seed,
    )
    with TerminalMonitor() as monitor:
        target = make_builtin(folder, clips or folder / "clips", recipe, n_workers, monitor)
    typer.echo(f"Written: {target}")


def recalibrate(
    weights: Annotated[
        Path, typer.Argument(metavar="WEIGHTS", help="A model file written by `builtin`.")
    ],
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Folder for the new file.")],
    clips: ClipsOption = None,
    n_calibration: CalibrationOption = _DEFAULTS.n_calibration,
    n_unfamiliar: UnfamiliarOption = _DEFAULTS.n_unfamiliar,
    seed: SeedOption = _DEFAULTS.seed,
    n_workers: WorkersOption = 2,
) -> None:
    """Refit the margin and the confidence of a built-in model; the network stays."""
    folder.mkdir(parents=True, exist_ok=True)
    model = read_builtin(weights)
    recipe = {
        **json.loads(model.about.recipe),
        "n_calibration": n_calibration,
        "n_unfamiliar": n_unfamiliar,
        "calibration_seed": seed,
        "calibration_commit": _commit(),
    }
    about = replace(model.about, recipe=json.dumps(recipe))
    with TerminalMonitor() as monitor:
        files = _calibration_files(clips or folder / "clips", n_calibration, n_unfamiliar)
        calibration = calibrate(model, *files, seed, monitor, n_workers)
    write_builtin(folder / WEIGHTS, BuiltinModel(model.network, calibration, about))
    typer.echo(f"Written: {folder / WEIGHTS}")


def make_builtin(
    folder: Path, clips: Path, recipe: BuiltinRecipe, n_workers: int, monitor: Monitor
) -> Path:
    """Render, train, calibrate and write; existing clips and checkpoints are used.

    Returns:
        Path of the model's file.

    Raises:
        CheckpointError: The folder holds a run of another recipe.
        CacheError: The clips do not fit on the disk.
        Cancelled: The monitor asked to stop.
    """
    folder.mkdir(parents=True, exist_ok=True)
    _keep_memory()
    train_clips = ensure_rendered(clips, "train", recipe.n_train, n_workers, monitor=monitor)
    validation = ensure_rendered(clips, "val", recipe.n_validation, n_workers, monitor=monitor)
    torch.manual_seed(recipe.seed)
    network = LagNet(LagSizes())
    task_config = LagTaskConfig(batch_size=recipe.batch_size)
    task = LagTask(train_clips, validation, task_config, recipe.seed)
    parts = [asdict(part) for part in (recipe, task_config, network.sizes)]
    metrics = train(network, task, recipe.loop, folder, monitor, json.dumps(parts))
    temperature = fit_temperature(*task.validation_logits(network))
    about = About(_commit(), recipe.seed, json.dumps(asdict(recipe)))
    model = BuiltinModel(network, Calibration(temperature=temperature), about)
    files = _calibration_files(clips, recipe.n_calibration, recipe.n_unfamiliar)
    calibration = calibrate(model, *files, recipe.seed, monitor, n_workers)
    write_builtin(folder / WEIGHTS, BuiltinModel(network, calibration, about))
    _write_summary(folder / "summary.json", recipe, calibration, metrics)
    return folder / WEIGHTS


def _calibration_files(
    clips: Path, n_familiar: int, n_unfamiliar: int
) -> tuple[list[Path], list[Path]]:
    """Render clips of trained event types, and of types for calibration only."""
    familiar = render_split_files(clips, "calibration", n_familiar)
    unfamiliar = render_split_files(clips, "calibration-types", n_unfamiliar)
    return [path for path, _ in familiar], [path for path, _ in unfamiliar]


def _write_summary(
    path: Path, recipe: BuiltinRecipe, calibration: Calibration, metrics: Metrics
) -> None:
    facts = {"recipe": asdict(recipe), "calibration": asdict(calibration), "validation": metrics}
    path.write_text(json.dumps(facts, indent=2) + "\n")


def _commit() -> str:
    """Commit of the checkout, with "-dirty" if files differ from it.

    Raises:
        CheckpointError: This is no git checkout; the weights must state their source.
    """
    root = Path(__file__).resolve().parent.parent
    try:
        described = subprocess.run(
            ["git", "describe", "--always", "--dirty", "--abbrev=40", "--exclude=*"],
            cwd=root,
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError) as error:
        raise CheckpointError(
            "The weights record the commit of the training code; run this in a git checkout.",
            details=str(error),
        ) from error
    return described.stdout.strip()


def _keep_memory() -> None:
    """Let the C library keep freed memory; allocating it anew takes a third of a step's time."""
    if sys.platform == "linux":
        libc = ctypes.CDLL(None)
        # From malloc.h: M_TRIM_THRESHOLD, M_TOP_PAD and M_MMAP_MAX.
        for parameter, value in ((-1, 2**31 - 1), (-2, 2**28), (-4, 0)):
            libc.mallopt(parameter, value)
