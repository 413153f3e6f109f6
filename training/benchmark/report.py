"""Figures of a benchmark, as tables and JSON; tables state their number of independent clips."""

import json
from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path

import numpy as np

from core.errors import ExportError
from core.paths import complete_or_absent
from training.benchmark.trials import Outcome, Question
from training.metrics import ranking
from training.metrics.ranking import WRONG_S, ReliabilityBin


@dataclass(frozen=True, slots=True)
class WindowFigures:
    """Figures of single windows; None without a question.

    Attributes:
        n_windows: Number of windows; windows of a clip overlap.
        accuracy: Share of right classes at offsets on the grid (Acc@1).
        within_one: Share of classes at most one from the right one.
        median_ms: Absolute error of the most probable offset, all offsets up to 2 s.
        p90_ms: 90th percentile of the same error.
    """

    n_windows: int
    accuracy: float | None
    within_one: float | None
    median_ms: float | None
    p90_ms: float | None


@dataclass(frozen=True, slots=True)
class ClipFigures:
    """Figures of whole clips; None without a question.

    Attributes:
        n_answers: Number of answers; a clip answers for each offset.
        accuracy: Share of answers nearest to the right class, at offsets on the grid.
        within_one: Share of answers at most one class from it.
        median_ms: Median of the absolute error.
        p90_ms: 90th percentile of the absolute error.
        bias_ms: Median of the signed error; positive: audio is estimated too early.
        right: Share of answers within 100 ms.
        covered: Share of 90 % intervals that hold the truth.
        width_ms: Median width of these intervals.
        confident: Share of answers given by the application.
        wrong: Share of the confident answers more than 100 ms from the truth.
    """

    n_answers: int
    accuracy: float | None
    within_one: float | None
    median_ms: float | None
    p90_ms: float | None
    bias_ms: float | None
    right: float | None
    covered: float | None
    width_ms: float | None
    confident: float | None
    wrong: float | None


@dataclass(frozen=True, slots=True)
class ForeignFigures:
    """Clips with foreign audio against clips with their own; None without a question.

    Attributes:
        n_pairs: Number of videos with foreign audio.
        auc_confidence: Area under the ROC curve of the confidence.
        auc_synchronizability: Area under the ROC curve of the synchronizability score.
        confident: Share of pairs answered confidently, always wrongly.
    """

    n_pairs: int
    auc_confidence: float | None
    auc_synchronizability: float | None
    confident: float | None


@dataclass(frozen=True, slots=True)
class Figures:
    """All figures of one estimator on some clips.

    Attributes:
        estimator: Name of the estimator.
        n_clips: Number of independent clips.
        window: Single windows.
        clip: Whole clips, offsets up to 2 s.
        far: Whole clips, offsets up to 7.5 s.
        foreign: Clips with the audio of another.
        reliability: Accuracy by stated confidence, whole clips, offsets up to 2 s.
    """

    estimator: str
    n_clips: int
    window: WindowFigures
    clip: ClipFigures
    far: ClipFigures
    foreign: ForeignFigures
    reliability: tuple[ReliabilityBin, ...]


Cell = Callable[[Figures], str]

LEGEND = (
    "Offsets are known: the audio of synchronous clips was shifted. Positive offsets mean early "
    "audio. Windows of a clip overlap, and its answers are not independent, so the number of clips "
    "is the sample size. *right*: within 100 ms. *covered*: the 90 % interval holds the true "
    "offset. *confident*: the application would answer. *wrong*: share of the confident answers "
    "that are not right. Totals weight every window and every answer alike."
)

_WINDOW_COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("Acc@1", lambda f: _share(f.window.accuracy)),
    ("within one class", lambda f: _share(f.window.within_one)),
    ("median ms", lambda f: _ms(f.window.median_ms)),
    ("90 % below ms", lambda f: _ms(f.window.p90_ms)),
    ("windows", lambda f: str(f.window.n_windows)),
)

_FOREIGN_COLUMNS: tuple[tuple[str, Cell], ...] = (
    ("AUC of confidence", lambda f: _share(f.foreign.auc_confidence)),
    ("AUC of synchronizability", lambda f: _share(f.foreign.auc_synchronizability)),
    ("answered confidently", lambda f: _percent(f.foreign.confident)),
)


def figures(estimator: str, outcomes: Sequence[Outcome]) -> Figures:
    """Calculate the figures of an estimator from its own among all outcomes."""
    own = [outcome for outcome in outcomes if outcome.estimator == estimator]
    near = [o for o in own if o.question in (Question.CLASS, Question.FREE)]
    foreign = [o for o in own if o.question is Question.FOREIGN]
    return Figures(
        estimator=estimator,
        n_clips=len({outcome.clip for outcome in own}),
        window=_window_figures(near),
        clip=_clip_figures(near),
        far=_clip_figures([o for o in own if o.question is Question.FAR]),
        foreign=_foreign_figures(near, foreign),
        reliability=ranking.reliability(
            [o.confidence for o in near], [abs(o.error_s) <= WRONG_S for o in near]
        ),
    )


def _window_figures(outcomes: Sequence[Outcome]) -> WindowFigures:
    errors_s = [error_s for o in outcomes for error_s in o.window_errors_s]
    distances = [distance for o in outcomes for distance in o.window_distances]
    return WindowFigures(
        n_windows=len(errors_s),
        accuracy=ranking.class_accuracy(distances),
        within_one=ranking.class_accuracy(distances, within=1),
        median_ms=ranking.error_quantile_ms(errors_s, 0.5),
        p90_ms=ranking.error_quantile_ms(errors_s, 0.9),
    )


def _clip_figures(outcomes: Sequence[Outcome]) -> ClipFigures:
    errors_s = [o.error_s for o in outcomes]
    distances = [o.class_distance for o in outcomes if o.question is Question.CLASS]
    intervals_s = [o.interval_s for o in outcomes]
    is_wrong = np.abs(errors_s) > WRONG_S
    is_confident = np.array([o.is_confident for o in outcomes], np.bool_)
    widths_s = [high - low for low, high in intervals_s]
    return ClipFigures(
        n_answers=len(outcomes),
        accuracy=ranking.class_accuracy(distances),
        within_one=ranking.class_accuracy(distances, within=1),
        median_ms=ranking.error_quantile_ms(errors_s, 0.5),
        p90_ms=ranking.error_quantile_ms(errors_s, 0.9),
        bias_ms=ranking.bias_ms(errors_s),
        right=ranking.share(~is_wrong),
        covered=ranking.coverage(intervals_s, [o.offset_s for o in outcomes]),
        width_ms=ranking.error_quantile_ms(widths_s, 0.5),
        confident=ranking.share(is_confident),
        wrong=ranking.share(is_wrong[is_confident]),
    )


def _foreign_figures(own: Sequence[Outcome], foreign: Sequence[Outcome]) -> ForeignFigures:
    scores, foreign_scores = (
        [o.synchronizability for o in some if o.synchronizability is not None]
        for some in (own, foreign)
    )
    return ForeignFigures(
        n_pairs=len(foreign),
        auc_confidence=ranking.roc_auc(
            [o.confidence for o in own], [o.confidence for o in foreign]
        ),
        auc_synchronizability=ranking.roc_auc(scores, foreign_scores),
        confident=ranking.share([o.is_confident for o in foreign]),
    )


@dataclass(frozen=True, slots=True)
class SetResult:
    """Result of one set of clips.

    Attributes:
        name: Heading of its tables.
        estimators: Names of the estimators in the order of the tables.
        outcomes: All answers.
        left_out: A sentence for each unusable clip.
    """

    name: str
    estimators: tuple[str, ...]
    outcomes: tuple[Outcome, ...]
    left_out: tuple[str, ...]

    @property
    def clips(self) -> tuple[str, ...]:
        """Names of the clips, each once."""
        return tuple(dict.fromkeys(outcome.clip for outcome in self.outcomes))


def to_markdown(results: Sequence[SetResult], recipe: dict[str, str | int | bool]) -> str:
    """Write all tables as Markdown.

    Args:
        results: The sets in the order of their tables.
        recipe: Options for making the same tables again.
    """
    told = ", ".join(f"{name} {value}" for name, value in recipe.items())
    lines = ["# Benchmark", "", f"Recipe: {told}.", "", LEGEND, ""]
    for result in results:
        lines += [f"## {result.name}", ""]
        if result.outcomes:
            lines += _set_tables(result)
        lines += [f"- left out: {sentence}" for sentence in result.left_out]
    return "\n".join(lines).rstrip() + "\n"


def write_json(
    target: Path, results: Sequence[SetResult], recipe: dict[str, str | int | bool]
) -> None:
    """Write all figures and every answer for a whole clip.

    Raises:
        ExportError: The file cannot be written.
    """
    document = {"recipe": recipe, "sets": [_set_document(result) for result in results]}
    write_text(target, json.dumps(document, indent=1, allow_nan=False) + "\n")


def write_text(target: Path, text: str) -> None:
    """Write a text file whole or not at all.

    Raises:
        ExportError: The file cannot be written.
    """
    try:
        with complete_or_absent(target) as partial:
            partial.write_text(text, encoding="utf-8")
    except OSError as error:
        raise ExportError(
            f"{target} cannot be written ({error.strerror}); choose another place.", path=target
        ) from error


def _set_document(result: SetResult) -> dict[str, object]:
    return {
        "name": result.name,
        "clips": result.clips,
        "left_out": result.left_out,
        "total": [asdict(figures(name, result.outcomes)) for name in result.estimators],
        "groups": {
            group: [asdict(figures(name, outcomes)) for name in result.estimators]
            for group, outcomes in _groups(result).items()
        },
        "answers": [_answer_document(outcome) for outcome in result.outcomes],
    }


def _answer_document(outcome: Outcome) -> dict[str, object]:
    document = asdict(outcome)
    del document["window_errors_s"], document["window_distances"]
    return document


def _groups(result: SetResult) -> dict[str, list[Outcome]]:
    groups: dict[str, list[Outcome]] = {}
    for outcome in result.outcomes:
        groups.setdefault(outcome.group, []).append(outcome)
    return dict(sorted(groups.items()))


def _set_tables(result: SetResult) -> list[str]:
    rows = [figures(name, result.outcomes) for name in result.estimators]
    near = [row for row in rows if row.clip.n_answers]
    far = [row for row in rows if row.far.n_answers]
    lines: list[str] = []
    if near:
        n_clips = _near_clips(result.outcomes)
        lines += _table(f"One window alone ({_clips(n_clips)})", near, _WINDOW_COLUMNS)
        lines += _table(f"Whole clip ({_clips(n_clips)})", near, _clip_columns(lambda f: f.clip))
        lines += _reliability_table(near, n_clips)
    foreign = [row for row in near if row.foreign.n_pairs]
    if foreign:
        n_pairs = foreign[0].foreign.n_pairs
        title = f"Sound of another clip ({n_pairs} pairs of {_clips(_near_clips(result.outcomes))})"
        lines += _table(title, foreign, _FOREIGN_COLUMNS)
    if far:
        n_clips = len({o.clip for o in result.outcomes if o.question is Question.FAR})
        title = f"Offsets up to 7.5 s, looked for within 8 s ({_clips(n_clips)})"
        lines += _table(title, far, _clip_columns(lambda f: f.far)[2:])
    if near:
        numbered = (f"({i}) {name}" for i, name in enumerate(result.estimators, 1))
        lines += [f"In the following tables: {', '.join(numbered)}.", ""]
        lines += _group_table(
            result,
            "One window alone, Acc@1 / within one class",
            lambda f: _pair(f.window.accuracy, f.window.within_one),
        )
        lines += _group_table(
            result,
            "Whole clip, right / median error in ms",
            lambda f: f"{_share(f.clip.right)} / {_ms(f.clip.median_ms)}",
        )
    return lines


def _near_clips(outcomes: Sequence[Outcome]) -> int:
    return len({outcome.clip for outcome in outcomes if outcome.question is not Question.FAR})


def _clips(n_clips: int) -> str:
    return "1 independent clip" if n_clips == 1 else f"{n_clips} independent clips"


def _share(value: float | None) -> str:
    return "–" if value is None else f"{value:.2f}"


def _percent(value: float | None) -> str:
    return "–" if value is None else f"{100 * value:.1f} %"


def _ms(value: float | None) -> str:
    return "–" if value is None else f"{value:.0f}"


def _signed_ms(value: float | None) -> str:
    return "–" if value is None else f"{value:+.0f}".replace("-", "−")


def _pair(one: float | None, other: float | None) -> str:
    return f"{_share(one)} / {_share(other)}"


def _clip_columns(part: Callable[[Figures], ClipFigures]) -> tuple[tuple[str, Cell], ...]:
    return (
        ("Acc@1", lambda f: _share(part(f).accuracy)),
        ("within one class", lambda f: _share(part(f).within_one)),
        ("right", lambda f: _share(part(f).right)),
        ("median ms", lambda f: _ms(part(f).median_ms)),
        ("90 % below ms", lambda f: _ms(part(f).p90_ms)),
        ("bias ms", lambda f: _signed_ms(part(f).bias_ms)),
        ("covered", lambda f: _share(part(f).covered)),
        ("width ms", lambda f: _ms(part(f).width_ms)),
        ("confident", lambda f: _percent(part(f).confident)),
        ("wrong", lambda f: _percent(part(f).wrong)),
        ("answers", lambda f: str(part(f).n_answers)),
    )


def _table(title: str, rows: Sequence[Figures], columns: Sequence[tuple[str, Cell]]) -> list[str]:
    cells = [[row.estimator, *(cell(row) for _, cell in columns)] for row in rows]
    return _lay_out(title, ["estimator", *(head for head, _ in columns)], cells)


def _reliability_table(rows: Sequence[Figures], n_clips: int) -> list[str]:
    title = f"Share of right answers at stated confidence, number of answers ({_clips(n_clips)})"
    heads = [f"{item.low:g} to {item.high:g}" for item in rows[0].reliability]
    cells = [
        [row.estimator, *(f"{_share(b.right)} ({b.n_answers})" for b in row.reliability)]
        for row in rows
    ]
    return _lay_out(title, ["estimator", *heads], cells)


def _group_table(result: SetResult, title: str, cell: Cell) -> list[str]:
    """Lay out a row for each group and a numbered column for each estimator."""
    cells = []
    for group, outcomes in _groups(result).items():
        n_clips = _near_clips(outcomes)
        if n_clips:
            found = [cell(figures(name, outcomes)) for name in result.estimators]
            cells.append([group, str(n_clips), *found])
    numbers = [f"({i})" for i, _ in enumerate(result.estimators, 1)]
    n_clips = _near_clips(result.outcomes)
    return _lay_out(f"{title} ({_clips(n_clips)})", ["clips of", "clips", *numbers], cells)


def _lay_out(title: str, heads: Sequence[str], rows: Sequence[Sequence[str]]) -> list[str]:
    def line(cells: Sequence[str]) -> str:
        return f"| {' | '.join(cells)} |"

    ruler = line(["---", *["--:"] * (len(heads) - 1)])
    return [f"### {title}", "", line(heads), ruler, *map(line, rows), ""]
