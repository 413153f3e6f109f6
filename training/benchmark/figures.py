"""The figures of a benchmark: outcomes of an estimator become one row of numbers."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

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
