"""Figures of merit of classifiers from their logits, defined as in the published evaluation."""

import math
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from scipy.stats import norm

from training.metrics.ranking import roc_auc

N_CONFIDENCE_BINS = 15


@dataclass(frozen=True, slots=True)
class Calibration:
    """Stated confidence against the share of right answers.

    Attributes:
        error: Expected calibration error: mean distance of both, weighted by answers per bin.
        stated: Mean confidence of each bin; NaN if empty.
        right: Share of right answers of each bin; NaN if empty.
        n_answers: Number of answers in each bin.
    """

    error: float
    stated: tuple[float, ...]
    right: tuple[float, ...]
    n_answers: tuple[int, ...]


def accuracy(logits: torch.Tensor, targets: torch.Tensor, k: int = 1) -> float:
    """Share of targets (N,) among the k best of (N, K) logits; NaN without targets."""
    hits = logits.topk(k, dim=1).indices == targets[:, None]
    return float(hits.any(dim=1).double().mean())


def accuracy_within_one(logits: torch.Tensor, targets: torch.Tensor, k: int = 1) -> float:
    """Share of targets (N,) at most one class from one of the k best; NaN without targets.

    The published code divides by a little more than N, a difference in the tenth digit.
    """
    distances = (logits.topk(k, dim=1).indices - targets[:, None]).abs()
    return float((distances <= 1).any(dim=1).double().mean())


def mean_average_precision(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Mean over classes of the average precision, one class against the others.

    0 if a class has no target, as in the published code.
    """
    found = _one_against_rest(logits, targets)
    return 0.0 if found is None else float(np.mean([_average_precision(*pair) for pair in found]))


def mean_roc_auc(logits: torch.Tensor, targets: torch.Tensor) -> float:
    """Mean over classes of the area under the ROC curve, one class against the others.

    0.5 if a class has no target, as in the published code.
    """
    found = _one_against_rest(logits, targets)
    if found is None:
        return 0.5
    areas = [roc_auc(scores[is_one], scores[~is_one]) for scores, is_one in found]
    return float(np.mean([0.5 if area is None else area for area in areas]))


def d_prime(area: float) -> float:
    """Distance of two normal distributions with this area under the ROC curve."""
    return float(math.sqrt(2) * norm.ppf(area))


def calibration_of(
    logits: torch.Tensor, targets: torch.Tensor, n_bins: int = N_CONFIDENCE_BINS
) -> Calibration:
    """Compare the probability of the best class with its share of right answers, in equal bins."""
    probabilities = special.softmax(logits.double().numpy(), axis=1)
    stated = probabilities.max(axis=1)
    is_right = probabilities.argmax(axis=1) == targets.numpy()
    index = np.minimum((stated * n_bins).astype(int), n_bins - 1)
    n_answers = np.bincount(index, minlength=n_bins)
    with np.errstate(invalid="ignore"):
        means = np.bincount(index, stated, n_bins) / n_answers
        rights = np.bincount(index, is_right, n_bins) / n_answers
    error = float(np.nansum(np.abs(means - rights) * n_answers) / max(len(stated), 1))
    return Calibration(
        error=error,
        stated=tuple(means.tolist()),
        right=tuple(rights.tolist()),
        n_answers=tuple(n_answers.tolist()),
    )


def _one_against_rest(
    logits: torch.Tensor, targets: torch.Tensor
) -> list[tuple[NDArray[np.float64], NDArray[np.bool_]]] | None:
    """Probabilities and members of each class; None if a class has no target."""
    probabilities = special.softmax(logits.double().numpy(), axis=1)
    true = targets.numpy()
    members = [true == k for k in range(probabilities.shape[1])]
    if not all(is_one.any() for is_one in members):
        return None
    return [(probabilities[:, k], is_one) for k, is_one in enumerate(members)]


def _average_precision(scores: NDArray[np.float64], is_one: NDArray[np.bool_]) -> float:
    """Sum precision times the gain in recall over all thresholds; ties share one threshold."""
    order = np.argsort(-scores, kind="stable")
    hits = np.cumsum(is_one[order])
    is_last = np.append(np.diff(scores[order]) != 0, True)
    n_above, hits = np.flatnonzero(is_last) + 1, hits[is_last]
    return float(np.sum(np.diff(hits, prepend=0) / hits[-1] * hits / n_above))
