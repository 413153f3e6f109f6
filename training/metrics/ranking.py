"""Figures of merit of answers with known truth; pure functions, offsets in seconds."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray

WRONG_S = 0.1
"""An answer farther than this from the truth is wrong."""

BIN_EDGES = (0.0, 0.3, 0.5, 0.7, 0.8, 0.9, 0.97, 1.0)
"""Borders of the bins of stated confidence; include the threshold of a confident answer."""


@dataclass(frozen=True, slots=True)
class ReliabilityBin:
    """Answers of about the same stated confidence.

    Attributes:
        low: Lower border, included.
        high: Upper border, excluded unless it is 1.
        n_answers: Number of answers.
        stated: Mean confidence; None without answers.
        right: Share of right answers; None without answers.
    """

    low: float
    high: float
    n_answers: int
    stated: float | None
    right: float | None


def share(is_so: ArrayLike) -> float | None:
    """Share of true values; None without values."""
    values = np.asarray(is_so, np.bool_)
    return float(values.mean()) if values.size else None


def class_accuracy(distances: ArrayLike, within: int = 0) -> float | None:
    """Share of decisions at most `within` classes from the truth; None without decisions.

    Args:
        distances: Decided minus true class, each an integer.
        within: 0 for Acc@1, 1 for "within one class".
    """
    return share(np.abs(np.asarray(distances, np.int64)) <= within)


def error_quantile_ms(errors_s: ArrayLike, quantile: float) -> float | None:
    """Quantile of the absolute errors in milliseconds; None without errors.

    Args:
        errors_s: Answer minus truth.
        quantile: 0..1; 0.5 is the median.
    """
    errors = np.asarray(errors_s, np.float64)
    return float(1000 * np.quantile(np.abs(errors), quantile)) if errors.size else None


def bias_ms(errors_s: ArrayLike) -> float | None:
    """Median of the signed errors in milliseconds; None without errors."""
    errors = np.asarray(errors_s, np.float64)
    return float(1000 * np.median(errors)) if errors.size else None


def coverage(intervals_s: Sequence[tuple[float, float]], truths_s: Sequence[float]) -> float | None:
    """Share of intervals, borders included, that hold the truth; None without intervals."""
    pairs = zip(intervals_s, truths_s, strict=True)
    return share([low <= truth <= high for (low, high), truth in pairs])


def roc_auc(positives: ArrayLike, negatives: ArrayLike) -> float | None:
    """Area under the ROC curve; None if either side is empty.

    Probability of a positive to score above a negative, ties counting half (the Mann-Whitney
    statistic).
    """
    above = np.asarray(positives, np.float64)
    below = np.sort(np.asarray(negatives, np.float64))
    if not above.size or not below.size:
        return None
    n_less = np.searchsorted(below, above, "left")
    n_not_greater = np.searchsorted(below, above, "right")
    return float((n_less + n_not_greater).mean() / 2 / below.size)


def reliability(confidences: ArrayLike, is_right: ArrayLike) -> tuple[ReliabilityBin, ...]:
    """Compare stated confidence, 0..1, with the share of right answers, bin by bin."""
    stated = np.asarray(confidences, np.float64)
    right: NDArray[np.bool_] = np.asarray(is_right, np.bool_)
    # Confidence is a sum of probabilities; rounding may carry it past 1.
    index = np.clip(np.digitize(stated, BIN_EDGES) - 1, 0, len(BIN_EDGES) - 2)
    bins = []
    for i, (low, high) in enumerate(pairwise(BIN_EDGES)):
        inside = index == i
        mean = float(stated[inside].mean()) if inside.any() else None
        n_answers = int(inside.sum())
        bins.append(ReliabilityBin(low, high, n_answers, mean, share(right[inside])))
    return tuple(bins)
