"""Tables and JSON of an evaluation."""

import json
import math
from collections.abc import Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

from rich.console import Group
from rich.table import Table

from core.model.synchformer.offset_classes import N_CLASSES
from core.paths import complete_or_absent
from training.metrics.figures import Figures, ThresholdFigures


@dataclass(frozen=True, slots=True)
class Evaluation:
    """Result of an evaluation.

    Attributes:
        network: "sync" or "synchability".
        checkpoint: Evaluated file.
        data: Data set and split, to show.
        n_passes: Number of passes over the clips, each with new offsets.
        n_given: Number of windows from the tables of the data set.
        n_drawn: Number of windows with random place and offset.
        figures: Measured figures.
        thresholds: Accuracies by synchronizability; may be empty.
        synchability: File of the synchronizability network; may be empty.
        notes: Sentences about the clips, such as the number of missing ones.
    """

    network: str
    checkpoint: str
    data: str
    n_passes: int
    n_given: int
    n_drawn: int
    figures: Figures
    thresholds: tuple[ThresholdFigures, ...] = ()
    synchability: str = ""
    notes: tuple[str, ...] = ()


def write_json(evaluation: Evaluation, path: Path) -> None:
    """Write all figures; missing figures are null.

    Raises:
        OSError: The file cannot be written.
    """
    text = json.dumps(_without_nan(asdict(evaluation)), indent=2, ensure_ascii=False)
    with complete_or_absent(path) as partial:
        partial.write_text(text + "\n", encoding="utf-8")


def tables(evaluation: Evaluation) -> Group:
    """Tables for the terminal."""
    parts: list[Table | str] = [_summary(evaluation), _by_class(evaluation.figures)]
    if evaluation.thresholds:
        parts.append(_by_threshold(evaluation.thresholds))
    return Group(*parts, _windows(evaluation), *evaluation.notes)


def _windows(evaluation: Evaluation) -> str:
    if not evaluation.n_given:
        return "All windows have random places and offsets."
    if not evaluation.n_drawn:
        return "All windows are from the tables of the data set."
    return (
        f"{evaluation.n_given} of the windows are from the tables of the data set;"
        f" {evaluation.n_drawn} have random places and offsets."
    )


def _summary(evaluation: Evaluation) -> Table:
    figures = evaluation.figures
    n_classes = len(figures.classes)
    # The outermost classes have only one neighbour.
    within_chance = (3 * n_classes - 2) / n_classes**2
    rows = [("Right (Acc@1)", _percent(figures.accuracy), _percent(1 / n_classes))]
    if n_classes == N_CLASSES:
        rows += [
            ("Within one class", _percent(figures.within_one), _percent(within_chance)),
            ("Among the five best", _percent(figures.accuracy_5), _percent(5 / n_classes)),
            ("Mean absolute error", f"{figures.error_ms:.0f} ms", ""),
        ]
    # Means over classes need answers for every class.
    if all(one.n_answers for one in figures.classes):
        rows += [
            ("Mean average precision", f"{figures.mean_average_precision:.3f}", ""),
            ("Area under the ROC curve", f"{figures.roc_auc:.3f}", "0.500"),
            ("d'", f"{figures.d_prime:.2f}", "0.00"),
        ]
    rows += [
        ("Cross-entropy", f"{figures.loss:.3f}", f"{math.log(n_classes):.3f}"),
        ("Expected calibration error", f"{figures.calibration.error:.3f}", ""),
    ]
    title = f"{evaluation.data}: {figures.n_answers} answers about {figures.n_clips} clips"
    return _table(title, ("", "measured", "by chance"), rows)


def _by_class(figures: Figures) -> Table:
    has_errors = len(figures.classes) == N_CLASSES
    headers = ["class", "answers", "right"]
    headers += ["within one", "mean error"] if has_errors else []
    rows = []
    for one in figures.classes:
        cells = [one.label, str(one.n_answers), _percent(one.accuracy)]
        if has_errors:
            error = "" if math.isnan(one.error_ms) else f"{one.error_ms:.0f} ms"
            cells += [_percent(one.within_one), error]
        rows.append(cells)
    return _table("By true class", headers, rows)


def _by_threshold(thresholds: Sequence[ThresholdFigures]) -> Table:
    headers = ("probability above", "clips", "right", "within one")
    rows = [
        (f"{one.threshold:g}", *map(_percent, (one.kept, one.accuracy, one.within_one)))
        for one in thresholds
    ]
    return _table("Clips with a findable offset", headers, rows)


def _table(title: str, headers: Sequence[str], rows: Iterable[Sequence[str]]) -> Table:
    table = Table(title=title, title_justify="left")
    for header in headers:
        table.add_column(header, justify="right" if header else "left")
    for row in rows:
        table.add_row(*row)
    return table


def _percent(share: float) -> str:
    return "" if math.isnan(share) else f"{100 * share:.1f} %"


def _without_nan(value: object) -> object:
    if isinstance(value, dict):
        return {key: _without_nan(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [_without_nan(item) for item in value]
    if isinstance(value, float) and not math.isfinite(value):
        return None
    return value
