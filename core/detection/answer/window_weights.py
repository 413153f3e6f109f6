"""How much each window of a clip tells, and whether windows contradict each other."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import AXIS_STEP_S, OffsetEvidence
from core.model.synchformer.dimensions import WINDOW_FRAMES

NEIGHBOURHOOD_S = 0.1
"""Offsets up to this far from an answer speak for it, or up to twice the resolution of the evidence
where that is more."""

SILENT_NATS = 0.05
"""Information up to which a window counts for next to nothing, however many there are."""

INFORMATIVE_NATS = 0.3
"""Information from which on a window counts in full. Half the windows of the built-in model have
less than 0.07 with foreign sound and more than 3.6 with their own (generated clips)."""

_LEAST_INFORMATIVE = 0.001
"""Lets the likeliest offset be named where no window tells anything."""

SURE = 0.7
"""Probability around its most probable offset from which on a window is sure of it."""

RIVAL_SHARE = 0.25
"""Support of another offset, relative to that of the answer, from which on windows disagree."""

RIVAL_WINDOWS = 0.5
"""Least support of another offset, in windows that do not overlap."""

SPREAD_REACH_S = 0.15
"""How far around its most probable offset the spread of a window is measured."""

_BLOCK = 256
"""Windows that are looked at together; bounds the memory for long clips and wide ranges."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowVotes:
    """What N windows say, each for itself.

    Attributes:
        weights: (N,) what the logarithms of each window count: the clip time that it speaks for, in
            lengths of a full window.
        best_s: (N,) most probable offset.
        is_sure: (N,) bool, whether hardly any offset away from that comes into question.
        spread_s: (N,) standard deviation of the likelihood around that.
        reach_s: Offsets up to this far from another speak for it.
    """

    weights: NDArray[np.float64]
    best_s: NDArray[np.float64]
    is_sure: NDArray[np.bool_]
    spread_s: NDArray[np.float64]
    reach_s: float

    def agreement(self, axis_s: NDArray[np.float64], denies: NDArray[np.bool_]) -> float:
        """Return the share of an answer's support in its own and its rival's, 1 if it has none.

        A rival is another offset with sure windows of its own that deny the answer, as each part of
        a clip has behind a jump. Windows that are sure by mistake scatter, and some meet by chance:
        what the median offset has, and three standard deviations of such a count, is not put down
        to the rival. It is none with less than half a window or a quarter of the answer's support.

        Args:
            axis_s: (M,) offsets.
            denies: (N,) bool, `dissenting` of the answer.
        """
        supports = self._supports(axis_s, self.is_sure & denies)
        by_chance = float(np.median(supports))
        rival = float(supports.max()) - by_chance - 3 * by_chance**0.5
        own = self._total(self.is_sure & ~denies)
        if rival < max(RIVAL_WINDOWS, RIVAL_SHARE * own):
            return 1.0
        return float(own / (own + rival))

    def is_outvoted(self, denies: NDArray[np.bool_]) -> bool:
        """Tell whether most of the sure windows, and enough of them, deny an answer."""
        own, others = self._total(self.is_sure & ~denies), self._total(self.is_sure & denies)
        return others > max(RIVAL_WINDOWS, own)

    def spread_about(self, denies: NDArray[np.bool_]) -> float:
        """Return the mean spread of the windows that do not deny an answer, in seconds.

        What moves slowly, or before it sounds, has a broad peak in every window, and its peaks may
        all be off to the same side: adding windows up narrows the sum and not that error.
        """
        weights = self.weights * ~denies
        total = float(weights.sum())
        return float(weights @ self.spread_s) / total if total > 0 else 0.0

    def _total(self, some: NDArray[np.bool_]) -> float:
        return float(np.sum(self.weights, where=some))

    def _supports(
        self, axis_s: NDArray[np.float64], some: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Return (M,): for each offset, the weight of those windows that find theirs near it."""
        order = np.flatnonzero(some)[self.best_s[some].argsort()]
        sums = np.append(0.0, self.weights[order].cumsum())
        first = np.searchsorted(self.best_s[order], axis_s - self.reach_s, "left")
        end = np.searchsorted(self.best_s[order], axis_s + self.reach_s, "right")
        supports: NDArray[np.float64] = sums[end] - sums[first]
        return supports


def window_votes(evidence: Sequence[OffsetEvidence]) -> WindowVotes:
    """Return what windows say, each for itself.

    The information of a window is what it takes away from "every offset is equally probable", in
    nats; how well picture and sound belong together is in it, for evidence that is likely unrelated
    is flat. From `SILENT_NATS` up to `INFORMATIVE_NATS` it makes a window count ever more.

    Windows overlap. The clip time that several cover is divided among them in that proportion too,
    so neighbours that tell nothing take nothing away from those that do. A row of telling windows
    thus counts as the clip time they cover, whatever lies before and behind.
    """
    reach_s = reach(max(item.resolution_s for item in evidence))
    n_reach = round(reach_s / AXIS_STEP_S - 0.5)
    axis = evidence[0].axis_s
    informative, best_s, is_sure, spread_s = [], [], [], []
    for relative in relative_likelihoods(evidence):
        share = (_nats(relative) - SILENT_NATS) / (INFORMATIVE_NATS - SILENT_NATS)
        informative.append(np.clip(share, _LEAST_INFORMATIVE, 1.0))
        best = relative.argmax(axis=1)
        best_s.append(axis[best])
        sums = np.pad(relative.cumsum(axis=1) / len(axis), ((0, 0), (1, 0)))
        rows = np.arange(len(best))
        near = sums[rows, np.minimum(best + n_reach + 1, len(axis))]
        near -= sums[rows, np.maximum(best - n_reach, 0)]
        is_sure.append(near >= SURE)
        spread_s.append(_spread(relative, best))
    weights = _weights(evidence, np.concatenate(informative))
    return WindowVotes(
        weights,
        np.concatenate(best_s),
        np.concatenate(is_sure),
        np.concatenate(spread_s),
        reach_s,
    )


def information(evidence: Sequence[OffsetEvidence]) -> list[float]:
    """Return what each window takes away from "every offset is equally probable", in nats."""
    return [float(n) for relative in relative_likelihoods(evidence) for n in _nats(relative)]


def dissenting(evidence: Sequence[OffsetEvidence], near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Return (N,), which windows hold an answer for less probable than a blind guess would.

    Args:
        evidence: Of N windows.
        near: (M,), which offsets lie near the answer.
    """
    blocks = [block[:, near].mean(axis=1) < 1 for block in relative_likelihoods(evidence)]
    return np.concatenate(blocks)


def relative_likelihoods(evidence: Sequence[OffsetEvidence]) -> Iterator[NDArray[np.float64]]:
    """Give blocks of (n, M) likelihoods, each window's relative to its mean over all offsets."""
    for first in range(0, len(evidence), _BLOCK):
        block = evidence[first : first + _BLOCK]
        likelihood = np.stack([item.log_likelihood for item in block]).astype(np.float64)
        likelihood -= likelihood.max(axis=1, keepdims=True)
        np.exp(likelihood, out=likelihood)
        likelihood /= likelihood.mean(axis=1, keepdims=True)
        yield likelihood


def reach(resolution_s: float) -> float:
    """Return how far from an answer offsets speak for it, by the resolution of the evidence."""
    return max(NEIGHBOURHOOD_S, 2 * resolution_s) + AXIS_STEP_S / 2


def _nats(relative: NDArray[np.float64]) -> NDArray[np.float64]:
    nats: NDArray[np.float64] = (relative * np.log(np.maximum(relative, 1e-30))).mean(axis=1)
    return nats


def _spread(relative: NDArray[np.float64], best: NDArray[np.intp]) -> NDArray[np.float64]:
    """Return (n,) standard deviations, in seconds, of (n, M) likelihoods around their peaks."""
    n_reach = round(SPREAD_REACH_S / AXIS_STEP_S)
    steps = np.arange(-n_reach, n_reach + 1)
    padded = np.pad(relative, ((0, 0), (n_reach, n_reach)))
    around = padded[np.arange(len(best))[:, None], best[:, None] + steps + n_reach]
    around /= around.sum(axis=1, keepdims=True)
    means = around @ steps
    spreads: NDArray[np.float64] = np.sqrt(around @ steps**2 - means**2) * AXIS_STEP_S
    return spreads


def _weights(
    evidence: Sequence[OffsetEvidence], informative: NDArray[np.float64]
) -> NDArray[np.float64]:
    """Return (N,): each frame's time, divided in proportion to `informative`."""
    first = np.array([item.window.first_frame for item in evidence])
    end = np.array([item.window.end_frame for item in evidence])
    first, end = first - first.min(), end - first.min()
    steps = np.zeros(int(end.max()) + 1)
    np.add.at(steps, first, informative)
    np.add.at(steps, end, -informative)
    together = steps[:-1].cumsum()
    # Where no window lies, rounding is left of what was put on and taken off again.
    is_covered = together > _LEAST_INFORMATIVE / 2
    parts = np.divide(1.0, together, out=np.zeros_like(together), where=is_covered)
    sums = np.append(0.0, parts.cumsum())
    weights: NDArray[np.float64] = informative**2 * (sums[end] - sums[first]) / WINDOW_FRAMES
    return weights
