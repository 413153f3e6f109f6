"""Evidence of an engine about the offset of one window.

Evidence is a log-likelihood over offsets, and sums over windows.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.detection.windows import Window
from core.model.synchformer.offset_classes import MAX_OFFSET_S, OFFSET_GRID_S, STEP_S

AXIS_STEP_S = 0.01
"""Step of the offset axis of all evidence, in seconds."""


@dataclass(frozen=True, slots=True, eq=False)
class ClassLogits:
    """Answer of a network with classes about one window.

    Attributes:
        audio_shift_s: Shift that made the audio early beforehand, in seconds; the classes are about
            the sum of offset and shift.
        logits: (21,) float32, over `core.model.synchformer.offset_classes.OFFSET_GRID_S`.
    """

    audio_shift_s: float
    logits: NDArray[np.float32]

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(21,), summing to one."""
        return softmax(self.logits)


@dataclass(frozen=True, slots=True, eq=False)
class OffsetEvidence:
    """Likelihood of each offset in one window.

    Attributes:
        window: The window.
        axis_s: (M,) offsets in seconds, evenly spaced, the same for all windows of a detection.
        log_likelihood: (M,) float32, natural logarithms, up to a constant.
        resolution_s: Smallest half-width of an interval supported by this kind of evidence.
        posterior: Class logits, if the engine has classes.
        synchronizability: Probability, 0..1, that audio and video belong together at any offset;
            None if the engine does not give it.
        evaluations: Class logits at several audio shifts, fused into the likelihood; not part of
            reports.
    """

    window: Window
    axis_s: NDArray[np.float64]
    log_likelihood: NDArray[np.float32]
    resolution_s: float
    posterior: ClassLogits | None = None
    synchronizability: float | None = None
    evaluations: tuple[ClassLogits, ...] = ()

    @property
    def probabilities(self) -> NDArray[np.float64]:
        """(M,) posterior of this window alone with a uniform prior, summing to one."""
        return softmax(self.log_likelihood)


def softmax(logits: NDArray[np.floating]) -> NDArray[np.float64]:
    """Probabilities of logits, of the same shape, summing to one."""
    weights = np.exp(logits.astype(np.float64) - logits.max())
    probabilities: NDArray[np.float64] = weights / weights.sum()
    return probabilities


@functools.lru_cache(maxsize=4)
def offset_axis(range_s: float) -> NDArray[np.float64]:
    """(M,) offset axis from -range_s to +range_s; read-only, shared by all windows."""
    n_steps = round(range_s / AXIS_STEP_S)
    axis = np.arange(-n_steps, n_steps + 1, dtype=np.float64) * AXIS_STEP_S
    axis.flags.writeable = False
    return axis


def evidence_from_classes(
    window: Window, posterior: ClassLogits, range_s: float = MAX_OFFSET_S
) -> OffsetEvidence:
    """Turn class logits into evidence on the fine axis from -range_s to +range_s.

    A class covers all offsets up to half a step away, and probability is interpolated linearly
    between class centres. One pass over a window resolves no more than a class, hence the
    resolution of half a step.
    """
    axis = offset_axis(range_s)
    likelihood = np.interp(axis, OFFSET_GRID_S.astype(np.float64), posterior.probabilities)
    return OffsetEvidence(
        window=window,
        axis_s=axis,
        log_likelihood=np.log(np.maximum(likelihood, 1e-12)).astype(np.float32),
        resolution_s=STEP_S / 2,
        posterior=posterior,
    )


def joined(
    evidence: Sequence[OffsetEvidence], second: Sequence[OffsetEvidence], weight: float
) -> list[OffsetEvidence]:
    """Add the weighted evidence of a second opinion to each window.

    Args:
        evidence: Evidence of the engine.
        second: Evidence of the second opinion, on the same axis; other windows stay unchanged.
        weight: Factor of its log-likelihood.
    """
    by_window = {item.window.first_frame: item for item in second}
    found = []
    for item in evidence:
        other = by_window.get(item.window.first_frame)
        if other is None or not weight:
            found.append(item)
            continue
        total = (item.log_likelihood + weight * other.log_likelihood).astype(np.float32)
        found.append(_changed(item, total))
    return found


def merge_squares(evidence_per_plan: Sequence[Sequence[OffsetEvidence]]) -> list[OffsetEvidence]:
    """Combine the evidence of each window over several crop plans.

    Mixture model: the audio source is in one unknown square. The likelihood is the mean over the
    squares, each relative to its own mean over all offsets. All other attributes come from the
    square with the highest relative likelihood. Evidence shared by several plans counts once.

    Args:
        evidence_per_plan: Evidence of at least one plan, with the same windows in the same order.

    Raises:
        ValueError: The plans have different windows.
    """
    merged = []
    for same in zip(*evidence_per_plan, strict=True):
        if len({item.window for item in same}) != 1:
            raise ValueError(f"expected one window, got {[item.window for item in same]}")
        same = tuple({id(item): item for item in same}.values())
        stacked = np.stack([item.log_likelihood for item in same]).astype(np.float64)
        relative = stacked - np.logaddexp.reduce(stacked, axis=1, keepdims=True)
        relative += math.log(stacked.shape[1])
        mixture = np.logaddexp.reduce(relative, axis=0) - math.log(len(same))
        best = same[int(relative.max(axis=1).argmax())]
        merged.append(replace(best, log_likelihood=mixture.astype(np.float32)))
    return merged


def moved(evidence: OffsetEvidence, bias_s: float) -> OffsetEvidence:
    """Subtract a known bias: shift the likelihood by `bias_s` towards smaller offsets."""
    axis = evidence.axis_s
    log_likelihood = np.interp(axis + bias_s, axis, evidence.log_likelihood).astype(np.float32)
    return _changed(evidence, log_likelihood)


def _changed(item: OffsetEvidence, log_likelihood: NDArray[np.float32]) -> OffsetEvidence:
    """Replace the likelihood and update the class logits, if any."""
    posterior = item.posterior
    if posterior is not None:
        after = _class_logits(item.axis_s, log_likelihood)
        change = after - _class_logits(item.axis_s, item.log_likelihood)
        posterior = replace(posterior, logits=posterior.logits + change)
    return replace(item, log_likelihood=log_likelihood, posterior=posterior)


def _class_logits(
    axis: NDArray[np.float64], log_likelihood: NDArray[np.float32]
) -> NDArray[np.float32]:
    """(21,) logarithm of the likelihood near each class; 0 for classes outside the axis."""
    distance = np.abs(axis - OFFSET_GRID_S.astype(np.float64)[:, None])
    logits = np.zeros(len(OFFSET_GRID_S), np.float32)
    for number, near in enumerate(distance <= STEP_S / 2 + AXIS_STEP_S / 10):
        if near.any():
            logits[number] = np.logaddexp.reduce(log_likelihood[near])
    return logits
