"""Draws the curves of a run of all three stages for docs/training.md, and writes their tables.

    python tests/benchmarks/training_curves.py RUNS

RUNS holds `stage1`, `stage2` and `stage3`, written by the commands in the page.
"""

import argparse
import json
from collections.abc import Mapping, Sequence
from itertools import pairwise
from math import log
from pathlib import Path

from matplotlib.figure import Figure
from pages import write_tables

from training.loop.run_log import LOG

ROOT = Path(__file__).resolve().parents[2]
PAGE = ROOT / "docs" / "training.md"
PICTURE = ROOT / "docs" / "training-curves.png"
MARKS = ("<!-- tests/benchmarks/training_curves.py -->", "<!-- end of the curves -->")

N_SEGMENTS = 14
N_CLASSES = 21
N_ROWS = 8

SHOWN = {
    "stage1": {"loss": "loss within a clip", "precision": "windows that find their own"},
    "stage2": {"loss": "loss", "accuracy": "right class", "within_one": "within one class"},
    "stage3": {"loss": "loss", "accuracy": "right", "auc": "ROC area"},
}
CHANCE = {
    # A window of 8 of 14 segments has 7 places; the outer classes have one neighbour only.
    "stage1": {"loss": log(N_SEGMENTS), "precision": 1 / 7},
    "stage2": {
        "loss": log(N_CLASSES),
        "accuracy": 1 / N_CLASSES,
        "within_one": (3 * N_CLASSES - 2) / N_CLASSES**2,
    },
    "stage3": {"loss": log(2), "accuracy": 0.5, "auc": 0.5},
}
TITLES = {
    "stage1": "stage 1, contrastive",
    "stage2": "stage 2, sync",
    "stage3": "stage 3, synchability",
}

Row = Mapping[str, float]


def read_log(folder: Path) -> tuple[list[Row], list[Row]]:
    """Read the steps and the validations of a run, each with its `step`.

    Raises:
        OSError: There is no log.
    """
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    steps = [line for line in lines if "loss" in line]
    validations: list[Row] = [
        {"step": line["step"], **line["validation"]} for line in lines if "validation" in line
    ]
    return steps, validations


def draw(runs: Path, path: Path) -> None:
    """Draw losses above and shares of right answers below, a column for each stage."""
    figure = Figure(figsize=(11, 6), layout="constrained")
    axes = figure.subplots(2, 3, sharex="col")
    for (upper, lower), (stage, shown) in zip(axes.T, SHOWN.items(), strict=True):
        steps, validations = read_log(runs / stage)
        upper.plot(*_column(steps, "loss"), color="0.7", linewidth=0.8, label="while training")
        for name, words in shown.items():
            one = upper if name == "loss" else lower
            (line,) = one.plot(*_column(validations, name), marker=".", label=words)
            chance = CHANCE[stage][name]
            one.axhline(chance, color=line.get_color(), linestyle=":", linewidth=1)
        upper.set(title=TITLES[stage], ylim=(0, None))
        lower.set(xlabel="step", ylim=(0, 1.02))
        upper.legend(fontsize=8)
        lower.legend(fontsize=8, loc="lower right")
    axes[0, 0].set_ylabel("loss; dotted: chance")
    axes[1, 0].set_ylabel("share on unseen clips")
    figure.savefig(path, dpi=110)


def table(stage: str, validations: Sequence[Row]) -> str:
    """Table of some validations of a stage as Markdown, spread over the run."""
    columns = [
        f"{words} ({_cell(name, CHANCE[stage][name])})" for name, words in SHOWN[stage].items()
    ]
    lines = [f"| {TITLES[stage]}: step | {' | '.join(columns)} |", "|--:|" + len(columns) * "--:|"]
    places = {round(i * (len(validations) - 1) / (N_ROWS - 1)) for i in range(N_ROWS)}
    for row in (validations[place] for place in sorted(places)):
        cells = [_cell(name, row[name]) for name in SHOWN[stage]]
        lines.append(f"| {row['step']:.0f} | {' | '.join(cells)} |")
    return "\n".join(lines)


def cpu_line(stage: str, steps: Sequence[Row]) -> str:
    """Sentence about the time of a stage's steps, without validations."""
    ends = [0.0, *(row["step"] for row in steps)]
    seconds = sum(
        (end - first) * row["seconds_per_step"]
        for (first, end), row in zip(pairwise(ends), steps, strict=True)
    )
    return f"* {TITLES[stage]}: {ends[-1]:.0f} steps in {seconds / 60:.0f} minutes"


def _cell(name: str, value: float) -> str:
    return f"{value:.2f}" if name in ("loss", "auc") else f"{value:.1%}"


def _column(rows: Sequence[Row], name: str) -> tuple[list[float], list[float]]:
    return [row["step"] for row in rows], [row[name] for row in rows]


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("runs", type=Path, help="folder of the three runs")
    runs = parser.parse_args().runs
    draw(runs, PICTURE)
    logs = {stage: read_log(runs / stage) for stage in SHOWN}
    parts = [
        f"![Curves of the three stages]({PICTURE.name})",
        "\n".join(cpu_line(stage, steps) for stage, (steps, _) in logs.items()),
        *(table(stage, validations) for stage, (_, validations) in logs.items()),
    ]
    write_tables(PAGE, MARKS, "\n\n".join(parts))


if __name__ == "__main__":
    main()
