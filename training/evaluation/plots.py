"""Pictures of an evaluation, as PNG files."""

import math
from collections.abc import Sequence
from pathlib import Path

import torch
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from core.paths import complete_or_absent
from training.evaluation.classification import Calibration
from training.evaluation.figures import class_labels

_DPI = 120


def save_reliability(calibration: Calibration, path: Path) -> None:
    """Draw how often answers of a stated confidence are right.

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
    """Draw (K, K) counts of true against answered classes, each row by its sum.

    Raises:
        OSError: The file cannot be written.
    """
    shares = counts / counts.sum(dim=1, keepdim=True).clamp(min=1)
    labels = class_labels(len(counts))
    figure = Figure(figsize=(7, 6), layout="constrained")
    axes = figure.add_subplot()
    image = axes.imshow(shares.numpy(), vmin=0, vmax=1, cmap="Blues")
    axes.set_xticks(range(len(labels)), labels, rotation=90, fontsize=7)
    axes.set_yticks(range(len(labels)), labels, fontsize=7)
    axes.set(xlabel="answered", ylabel="true")
    figure.colorbar(image, ax=axes, label="share of the true class")
    save_figure(figure, path)


def similarity_figure(matrices: Sequence[torch.Tensor], titles: Sequence[str]) -> Figure:
    """Draw (W, W) similarities of clips; the rows of a matrix are from top to bottom."""
    n_columns = min(4, len(matrices))
    n_rows = math.ceil(len(matrices) / n_columns)
    figure = Figure(figsize=(2.4 * n_columns, 2.6 * n_rows), layout="constrained")
    places: list[Axes] = list(figure.subplots(n_rows, n_columns, squeeze=False).flat)
    for axes in places:
        axes.set_axis_off()
    for axes, matrix, title in zip(places, matrices, titles, strict=False):
        axes.imshow(matrix.float().numpy(), cmap="viridis")
        axes.set_title(title, fontsize=7)
    return figure


def save_figure(figure: Figure, path: Path) -> None:
    """Write a figure as PNG.

    Raises:
        OSError: The file cannot be written.
    """
    with complete_or_absent(path) as partial:
        figure.savefig(partial, dpi=_DPI, format="png")
