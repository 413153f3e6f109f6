"""Log of a run: `log.jsonl`, TensorBoard and, as an option, Weights & Biases."""

import json
import math
import uuid
from collections.abc import Callable, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

import numpy as np

from core.errors import SyncError
from core.paths import complete_or_absent

if TYPE_CHECKING:
    from matplotlib.figure import Figure

LOG = "log.jsonl"
CURVES = "tensorboard"
_WANDB_ID = "wandb.txt"

Values = Mapping[str, float | Mapping[str, float]]
Show = Callable[[str, "Figure"], None]
"""Takes the name of a figure and the figure."""


class RunLogError(SyncError):
    """The requested log is not possible."""


class RunLog:
    """Writes the log of one run into its folder; a context manager, closes its files.

    Args:
        folder: Folder of the run.
        first_step: Last completed step. Later entries of the log are dropped: these steps are
            repeated.
        wandb_project: Also send everything to this project of Weights & Biases; empty for none.
        about: Configuration to show in Weights & Biases.

    Raises:
        RunLogError: Weights & Biases is not installed.
    """

    def __init__(
        self,
        folder: Path,
        first_step: int,
        wandb_project: str = "",
        about: Mapping[str, object] | None = None,
    ) -> None:
        # The import takes a third of a second; commands without a run do not need it.
        from torch.utils.tensorboard import SummaryWriter

        self._wandb = _start_wandb(folder, wandb_project, about or {}) if wandb_project else None
        self._folder, self._path = folder, folder / LOG
        _forget_after(self._path, first_step)
        self._curves = SummaryWriter(folder / CURVES, purge_step=first_step + 1)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        self._curves.close()
        if self._wandb is not None:
            self._wandb.finish(exit_code=0 if kind is None else 1)

    def write(self, step: int, values: Values) -> None:
        """Write the numbers of a step; a mapping groups numbers under its name."""
        with self._path.open("a") as file:
            file.write(json.dumps({"step": step, **_finite(values)}) + "\n")
        flat = dict(_flat(values))
        for name, value in flat.items():
            self._curves.add_scalar(name, value, step)
        if self._wandb is not None:
            self._wandb.log(flat, step=step)

    def show(self, step: int, name: str, figure: "Figure") -> None:
        """Add a figure to the curves; the latest is also a PNG file of that name."""
        from matplotlib.backends.backend_agg import FigureCanvasAgg

        from training.metrics.plots import save_figure

        canvas = FigureCanvasAgg(figure)
        canvas.draw()  # type: ignore[no-untyped-call]
        video = np.asarray(canvas.buffer_rgba())[..., :3]  # type: ignore[no-untyped-call]
        self._curves.add_image(name, video, step, dataformats="HWC")
        save_figure(figure, self._folder / f"{name}.png")


def _start_wandb(folder: Path, project: str, about: Mapping[str, object]) -> Any:
    """Start a run of Weights & Biases, or resume the run named in the folder."""
    try:
        wandb = import_module("wandb")
    except ImportError as error:
        raise RunLogError(
            "Weights & Biases is not installed here; install it with `pip install wandb`, or leave"
            " --wandb out: the same curves are written for TensorBoard."
        ) from error
    id_file = folder / _WANDB_ID
    if not id_file.is_file():
        id_file.write_text(uuid.uuid4().hex)
    return wandb.init(
        project=project,
        id=id_file.read_text(),
        name=folder.name,
        dir=str(folder),
        config=dict(about),
        resume="allow",
    )


def _flat(values: Values) -> dict[str, float]:
    """Numbers under the names of their curves: training/loss, validation/accuracy."""
    flat = dict[str, float]()
    for name, value in values.items():
        if isinstance(value, Mapping):
            flat |= {f"{name}/{inner}": number for inner, number in value.items()}
        else:
            flat[f"training/{name}"] = value
    return flat


def _finite(values: Values) -> dict[str, object]:
    """Replace infinite values and NaN by None, for JSON."""
    return {
        key: _finite(value)
        if isinstance(value, Mapping)
        else (value if math.isfinite(value) else None)
        for key, value in values.items()
    }


def _forget_after(path: Path, step: int) -> None:
    """Drop the lines of later steps, and an incomplete last line."""
    if not path.is_file():
        return
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    with complete_or_absent(path) as partial:
        partial.write_text("".join(kept))
