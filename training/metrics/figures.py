"""Figures of an evaluation from the answers of a network to all questions.

Figures of merit are defined as in the published evaluation.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import special
from scipy.stats import norm
from torch.nn import functional as F

from core.model.synchformer.offset_classes import N_CLASSES, OFFSET_GRID_S
from training.metrics.ranking import roc_auc

THRESHOLDS = (0.5, 0.6, 0.7, 0.8, 0.9, 0.95, 0.99)
"""Probabilities of a findable offset in the published evaluation."""

_FAR_CLASSES = 5
"""Shift of a target, in classes, that makes every answer to it wrong by more than one class."""

_N_CONFIDENCE_BINS = 15


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
    logits: torch.Tensor, targets: torch.Tensor, n_bins: int = _N_CONFIDENCE_BINS
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


@dataclass(frozen=True, slots=True, eq=False)
class Answers:
    """Answers of a network to the questions of an evaluation.

    Attributes:
        logits: (N, K) float32.
        targets: (N,) int64, true classes.
        items: (N,) int64, number of each question's clip.
    """

    logits: torch.Tensor
    targets: torch.Tensor
    items: torch.Tensor

    @classmethod
    def pooled(cls, parts: Sequence["Answers"]) -> "Answers":
        """Join the answers of several passes or batches."""
        return cls(
            torch.cat([part.logits for part in parts]),
            torch.cat([part.targets for part in parts]),
            torch.cat([part.items for part in parts]),
        )


@dataclass(frozen=True, slots=True)
class ClassFigures:
    """Figures of one true class; NaN without answers.

    Attributes:
        label: Class in words or seconds.
        n_answers: Number of answers with this true class.
        accuracy: Share of right answers.
        within_one: Share of answers at most one class away.
        error_ms: Mean absolute error; NaN for classes without offsets.
    """

    label: str
    n_answers: int
    accuracy: float
    within_one: float
    error_ms: float


@dataclass(frozen=True, slots=True)
class Figures:
    """Figures of a classifier.

    Attributes:
        n_answers: Number of answers.
        n_clips: Number of different clips.
        loss: Mean cross-entropy in nats.
        accuracy: Share of right answers (Acc@1).
        accuracy_5: Share of targets among the five best; NaN for less than five classes.
        within_one: Share of answers at most one class away (Acc@1 +-1 class).
        error_ms: Mean absolute error of the best class; NaN for classes without offsets.
        mean_average_precision: Mean over classes; 0 if a class has no question.
        roc_auc: Mean area under the ROC curve over classes; 0.5 if a class has no question.
        d_prime: The same area as a distance in standard deviations.
        calibration: Stated confidence against the share of right answers.
        classes: Figures by true class.
    """

    n_answers: int
    n_clips: int
    loss: float
    accuracy: float
    accuracy_5: float
    within_one: float
    error_ms: float
    mean_average_precision: float
    roc_auc: float
    d_prime: float
    calibration: Calibration
    classes: tuple[ClassFigures, ...]


@dataclass(frozen=True, slots=True)
class ThresholdFigures:
    """Accuracy on clips with a findable offset according to the synchronizability network.

    Attributes:
        threshold: Least probability of a findable offset.
        kept: Share of clips above the threshold.
        accuracy: Share of right answers among these; clips without a findable offset count as
            wrong.
        within_one: Share of answers at most one class away, counted in the same way.
    """

    threshold: float
    kept: float
    accuracy: float
    within_one: float


def figures_of(answers: Answers) -> Figures:
    """Compute all figures for offsets (21 classes) or synchronizability (2 classes).

    Raises:
        ValueError: There are no answers.
    """
    logits, targets = answers.logits.float().cpu(), answers.targets.cpu()
    if not len(targets):
        raise ValueError("expected answers, got none")
    n_classes = logits.shape[1]
    area = mean_roc_auc(logits, targets)
    return Figures(
        n_answers=len(targets),
        n_clips=len(set(answers.items.tolist())),
        loss=float(F.cross_entropy(logits, targets)),
        accuracy=accuracy(logits, targets),
        accuracy_5=accuracy(logits, targets, 5) if n_classes >= 5 else math.nan,
        within_one=accuracy_within_one(logits, targets),
        error_ms=_error_ms(logits, targets),
        mean_average_precision=mean_average_precision(logits, targets),
        roc_auc=area,
        d_prime=d_prime(area),
        calibration=calibration_of(logits, targets),
        classes=tuple(_class_figures(logits, targets, k) for k in range(n_classes)),
    )


def sweep_thresholds(offsets: Answers, synchability: Answers) -> tuple[ThresholdFigures, ...]:
    """Accuracy of the offsets at several thresholds of synchronizability.

    Args:
        offsets: Answers of the offset network.
        synchability: Answers of the synchronizability network to the same questions, in the same
            order; class 1 is a findable offset.

    Raises:
        ValueError: The questions differ.
    """
    if not offsets.items.equal(synchability.items):
        raise ValueError("expected answers to the same questions, got different clips")
    probability = synchability.logits.float().softmax(1)[:, 1]
    is_misclassified = synchability.logits.argmax(1) != synchability.targets
    # A wrong synchronizability makes any answer about the offset wrong.
    away = (offsets.logits.argmax(1) + _FAR_CLASSES) % N_CLASSES
    targets = torch.where(is_misclassified, away, offsets.targets)
    found = []
    for threshold in THRESHOLDS:
        kept = probability > threshold
        logits, true = offsets.logits[kept], targets[kept]
        found.append(
            ThresholdFigures(
                threshold=threshold,
                kept=float(kept.double().mean()),
                accuracy=accuracy(logits, true),
                within_one=accuracy_within_one(logits, true),
            )
        )
    return tuple(found)


def confusion(answers: Answers) -> torch.Tensor:
    """Confusion matrix: (K, K) counts, true class by answered class."""
    n_classes = answers.logits.shape[1]
    pairs = answers.targets * n_classes + answers.logits.argmax(1)
    return torch.bincount(pairs, minlength=n_classes**2).reshape(n_classes, n_classes)


def class_labels(n_classes: int) -> tuple[str, ...]:
    """Names of the classes, in words or signed seconds."""
    if n_classes == N_CLASSES:
        return tuple(f"{offset_s:+.1f} s" for offset_s in OFFSET_GRID_S)
    return ("no offset to find", "can be found")


def _class_figures(logits: torch.Tensor, targets: torch.Tensor, k: int) -> ClassFigures:
    is_one = targets == k
    own, true = logits[is_one], targets[is_one]
    return ClassFigures(
        label=class_labels(logits.shape[1])[k],
        n_answers=len(true),
        accuracy=accuracy(own, true),
        within_one=accuracy_within_one(own, true),
        error_ms=_error_ms(own, true),
    )


def _error_ms(logits: torch.Tensor, targets: torch.Tensor) -> float:
    if logits.shape[1] != N_CLASSES:
        return math.nan
    grid = torch.from_numpy(OFFSET_GRID_S).double()
    return float(1000 * (grid[logits.argmax(1)] - grid[targets]).abs().mean())
