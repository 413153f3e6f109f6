"""Plot of a detection as a PNG: probability of each offset over time, and for the whole clip."""

import textwrap
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core import units
from core.detection.answer.posterior import clip_posterior
from core.detection.result import Detection, Verdict
from core.detection.sync_map import SyncMap
from core.errors import ExportError
from core.paths import complete_or_absent
from synchformer_gui.wording.line_breaks import unbroken
from synchformer_gui.wording.offset import short_offset_text
from synchformer_gui.wording.verdict import NO_EVIDENCE, answer_sentence, map_label
from synchformer_gui.zoom import close_up_s

if TYPE_CHECKING:
    from matplotlib.axes import Axes

WIDTH_INCHES = 12.0
ROW_INCHES, OVERVIEW_INCHES = 4.0, 2.4
FRAME_INCHES = 2.0
"""Height of title and legend."""

DPI = 120
TITLE_COLUMNS = 125
SHARPEST_SHARE = 0.995
"""Quantile of the probabilities shown in the brightest colour."""

LEAST_SHARPNESS = 10.0
"""Smallest ratio of the brightest colour to a uniform distribution, to keep the latter dim."""

COLOURS = "magma"
ESTIMATE_COLOUR = "#19c8ff"
TOLERANCE_COLOUR = "#5fd35f"


def write_plot(detection: Detection, target: Path) -> None:
    """Write the plot. An existing file is replaced when the new one is complete.

    Left: one column per window, brighter for more likely offsets. Right: posterior of the whole
    clip. The estimate is a line, its interval a band. Upper row: the whole range of offsets. Lower
    row, if there is an answer: the offsets around it.

    Raises:
        ExportError: The file cannot be written.
    """
    from matplotlib.figure import Figure

    axis_s = detection.evidence[0].axis_s
    shown_s, heights = [(float(axis_s[0]), float(axis_s[-1]))], [ROW_INCHES]
    if (close_s := close_up_s(detection)) is not None:
        shown_s, heights = [*shown_s, close_s], [OVERVIEW_INCHES, ROW_INCHES]
    size_inches = (WIDTH_INCHES, sum(heights) + FRAME_INCHES)
    figure = Figure(figsize=size_inches, dpi=DPI, layout="constrained")
    rows = figure.subplots(
        len(heights), 2, squeeze=False, sharey="row", width_ratios=[5, 1], height_ratios=heights
    )
    for (over_time, in_all), offsets_s in zip(rows, shown_s, strict=True):
        _draw_row(over_time, in_all, detection, offsets_s)
    _label(rows, is_close=len(shown_s) > 1)
    figure.legend(
        handles=rows[0][0].get_legend_handles_labels()[0],
        loc="outside lower left",
        ncols=3,
        frameon=False,
    )
    title = [
        *textwrap.wrap(unbroken(answer_sentence(detection)), TITLE_COLUMNS),
        f"{detection.info.path.name} · {detection.opinion.engine_name}",
    ]
    figure.suptitle("\n".join(title), x=0.01, ha="left", parse_math=False)
    try:
        with complete_or_absent(target) as partial:
            figure.savefig(partial, format="png")
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written ({error.strerror}); choose another place.", path=target
        ) from error


def _draw_row(
    over_time: "Axes", in_all: "Axes", detection: Detection, offsets_s: tuple[float, float]
) -> None:
    """Draw windows and whole clip for a range of offsets."""
    from matplotlib.ticker import MaxNLocator

    _draw_windows(over_time, detection)
    _draw_clip(in_all, detection)
    for axes in (over_time, in_all):
        _draw_limits(axes, detection)
    found = detection.changing_map
    if found is not None:
        _draw_line(over_time, found, map_label(detection))
    else:
        for axes in (over_time, in_all):
            _draw_answer(axes, detection)
    over_time.set_ylim(*(1000 * offset_s for offset_s in offsets_s))
    over_time.yaxis.set_major_formatter(lambda value, _: f"{abs(value):.0f}")
    over_time.set_xlim(0.0, detection.info.duration_s)
    over_time.set_facecolor("#808080")
    over_time.xaxis.set_major_locator(MaxNLocator(steps=[1, 2, 3, 5, 6, 10], integer=True))
    over_time.xaxis.set_major_formatter(lambda value, _: units.duration_text(value))


def _draw_windows(axes: "Axes", detection: Detection) -> None:
    evidence = detection.evidence
    columns = np.stack([e.probabilities for e in evidence], axis=1)
    centres = np.array([e.window.span.centre_s for e in evidence])
    between = (centres[1:] + centres[:-1]) / 2
    edges = np.concatenate(
        [[evidence[0].window.span.start_s], between, [evidence[-1].window.span.end_s]]
    )
    brightest = max(float(np.quantile(columns, SHARPEST_SHARE)), LEAST_SHARPNESS / len(columns))
    # The square root keeps weak windows visible beside strong windows.
    brightness = np.sqrt(columns / brightest)
    axes.pcolormesh(
        edges, _edges_ms(evidence[0].axis_s), brightness, cmap=COLOURS, vmin=0.0, vmax=1.0
    )


def _draw_clip(axes: "Axes", detection: Detection) -> None:
    axis_ms = 1000 * detection.evidence[0].axis_s
    probabilities = clip_posterior(detection.evidence)
    axes.fill_betweenx(axis_ms, probabilities / probabilities.max(), color="#555555", linewidth=0)
    axes.set_xlim(0.0, 1.05)
    axes.set_xticks([])


def _draw_limits(axes: "Axes", detection: Detection) -> None:
    tolerance = detection.config.tolerance
    for border_s, label in (
        (tolerance.early_s, f"limits of {tolerance.title}"),
        (-tolerance.late_s, None),
    ):
        axes.axhline(
            1000 * border_s, color=TOLERANCE_COLOUR, linewidth=1.2, linestyle="--", label=label
        )


def _draw_line(axes: "Axes", found: SyncMap, label: str) -> None:
    times_s, offsets_s = zip(*found.corners, strict=True)
    offsets_ms = 1000 * np.array(offsets_s)
    axes.plot(times_s, offsets_ms, color=ESTIMATE_COLOUR, linewidth=1.6, label=label)


def _draw_answer(axes: "Axes", detection: Detection) -> None:
    estimate = detection.estimate
    if estimate.reason in NO_EVIDENCE:
        return
    found = "most likely" if estimate.verdict is Verdict.CANNOT_TELL else "answer"
    low_s, high_s = estimate.interval_s
    axes.axhspan(
        1000 * low_s,
        1000 * high_s,
        facecolor=(ESTIMATE_COLOUR, 0.15),
        edgecolor=ESTIMATE_COLOUR,
        linewidth=0.6,
        label=f"{round(100 * estimate.level)} % interval",
    )
    axes.axhline(
        1000 * estimate.offset_s,
        color=ESTIMATE_COLOUR,
        linewidth=1.6,
        label=f"{found}: {short_offset_text(estimate.offset_s)}",
    )


def _label(rows: "NDArray[np.object_]", *, is_close: bool) -> None:
    over_time, in_all = rows[0]
    over_time.set_title("window by window (brighter: more likely)", fontsize="medium")
    in_all.set_title("whole clip", fontsize="medium")
    for row in rows:
        row[0].set_ylabel("◀  late    offset, ms    early  ▶")
    if is_close:
        rows[1][0].set_title("close-up of the answer", fontsize="medium")
        over_time.tick_params(labelbottom=False)
    rows[-1][0].set_xlabel("time in the clip")


def _edges_ms(axis_s: NDArray[np.float64]) -> NDArray[np.float64]:
    half = (axis_s[1] - axis_s[0]) / 2
    return 1000 * np.append(axis_s - half, axis_s[-1] + half)
