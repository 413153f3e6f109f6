"""Figures of an evaluation, as PNG files."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib import colormaps
from matplotlib.axes import Axes
from matplotlib.cm import ScalarMappable
from matplotlib.colors import Normalize
from matplotlib.figure import Figure

from core.paths import complete_or_absent
from training.metrics.figures import Calibration, class_labels

_DPI = 120
_SIMILARITY = "viridis"
_NEVER_ASKED = "0.85"


def save_reliability(calibration: Calibration, path: Path) -> None:
    """Draw the share of right answers by stated confidence.

    Raises:
        OSError: The file cannot be written.
    """
    figure = Figure(figsize=(5, 5), layout="constrained")
    axes = figure.add_subplot()
    axes.plot([0, 1], [0, 1], "--", color="0.6", linewidth=1)
    n_bins = len(calibration.right)
    filled = [i for i, n in enumerate(calibration.n_answers) if n]
    axes.bar(
        [(i + 0.5) / n_bins for i in filled],
        [calibration.right[i] for i in filled],
        width=0.9 / n_bins,
        color="#4878a8",
    )
    axes.plot(
        [calibration.stated[i] for i in filled],
        [calibration.right[i] for i in filled],
        "o",
        color="#202020",
        markersize=3,
    )
    axes.set(xlim=(0, 1), ylim=(0, 1), xlabel="stated confidence", ylabel="share of right answers")
    axes.set_title(f"Expected calibration error {calibration.error:.3f}")
    save_figure(figure, path)


def save_confusion(counts: torch.Tensor, path: Path) -> None:
    """Draw a confusion matrix, (K, K) counts by true and answered class, normalized by row.

    Rows of classes without a question are grey.

    Raises:
        OSError: The file cannot be written.
    """
    n_asked = counts.sum(dim=1, keepdim=True)
    shares = torch.where(n_asked > 0, counts / n_asked, torch.nan)
    labels = class_labels(len(counts))
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot()
    colours = colormaps["Blues"].with_extremes(bad=_NEVER_ASKED)
    image = axes.imshow(shares.numpy(), vmin=0, vmax=1, cmap=colours)
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set(xlabel="answered", ylabel="true")
    grey = "" if bool((n_asked > 0).all()) else " (grey: no question)"
    figure.colorbar(image, ax=axes, label=f"share of the true class{grey}")
    save_figure(figure, path)


def similarity_figure(
    matrices: Sequence[torch.Tensor], titles: Sequence[str], *, rows: str, columns: str
) -> Figure:
    """Draw (W, W) similarities of clips, all on the scale from -1 to 1.

    Args:
        matrices: One matrix for each clip, rows from top to bottom.
        titles: Titles of the clips.
        rows: Kind of the segments in rows, such as "video".
        columns: Kind of the segments in columns.
    """
    n_columns = min(4, len(matrices))
    n_rows = math.ceil(len(matrices) / n_columns)
    size = (2.4 * n_columns + 0.8, 2.6 * n_rows + 0.4)
    figure = Figure(figsize=size, layout="constrained")
    places: list[Axes] = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for axes in places[len(matrices) :]:
        axes.set_axis_off()
    for axes, matrix, title in zip(places, matrices, titles, strict=False):
        # A scale for each matrix would show tiny differences of an untrained network as structure.
        axes.imshow(matrix.float().numpy(), vmin=-1, vmax=1, cmap=_SIMILARITY)
        axes.set(xticks=[], yticks=[])
        axes.set_title(title, fontsize=7)
    figure.supxlabel(f"segments of the {columns}", fontsize=8)
    figure.supylabel(f"segments of the {rows}", fontsize=8)
    scale = ScalarMappable(Normalize(-1, 1), _SIMILARITY)
    figure.colorbar(scale, ax=places, label="similarity")
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Raises:
        OSError: The file cannot be written.
    """
    with complete_or_absent(path) as partial:
        figure.savefig(partial, dpi=_DPI, format="png")
