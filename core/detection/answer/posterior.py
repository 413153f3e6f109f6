"""Posterior of the offset of a whole clip: a robust product over its windows.

Each window has a vote: its weight in the product, its most probable offset, and its agreement with
the others.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import AXIS_STEP_S, OffsetEvidence
from core.model.synchformer.dimensions import WINDOW_FRAMES

NEIGHBOURHOOD_S = 0.1
"""Half-width of the offsets that count for an answer; at least twice the resolution of the
evidence."""

SILENT_NATS = 0.05
"""Information of a window up to which its weight is next to nothing, for any number of windows."""

INFORMATIVE_NATS = 0.3
"""Information of a window from which on its weight is full. Median of the built-in model: 0.07 with
foreign audio, 3.6 with the own audio (generated clips)."""

_LEAST_INFORMATIVE = 0.001
"""Lower bound of the weight, so that a clip without informative windows has a best offset too."""

SURE = 0.7
"""Minimum probability around the most probable offset of a sure window."""

RIVAL_SHARE = 0.25
"""Minimum support of a rival offset, relative to that of the answer, for a disagreement."""

RIVAL_WINDOWS = 0.5
"""Minimum support of a rival offset, in windows without overlap."""

INFORMATIVE_SHARES = np.array([0.98, 0.6, 0.3, 0.1, 0.0])
"""Candidate shares of informative windows; the other windows are arbitrary. With the last one, no
offset fits the clip at all."""

SHARE_PRIORS = np.array([0.94, 0.015, 0.015, 0.015, 0.015])
"""Prior probability of each share. Together they leave 7 % of doubt to a single window."""

SPREAD_REACH_S = 0.15
"""Distance from the most probable offset up to which the spread of a window is measured."""

_BLOCK = 256
"""Windows per block; bounds the memory for long clips and wide ranges."""


@dataclass(frozen=True, slots=True, eq=False)
class WindowVotes:
    """Votes of N windows, each on its own.

    Attributes:
        weights: (N,) factors of the log-likelihoods: clip time represented by a window, in lengths
            of a full window.
        best_s: (N,) most probable offsets.
        is_sure: (N,) bool, whether hardly any offset away from the most probable one is plausible.
        spread_s: (N,) standard deviations of the likelihood around the most probable offset.
        reach_s: Half-width of the offsets that count as equal.
    """

    weights: NDArray[np.float64]
    best_s: NDArray[np.float64]
    is_sure: NDArray[np.bool_]
    spread_s: NDArray[np.float64]
    reach_s: float

    def agreement(self, axis_s: NDArray[np.float64], dissents: NDArray[np.bool_]) -> float:
        """Support of an answer, relative to the sum with its rival; 1 without a rival.

        A rival is another offset, supported by sure dissenting windows. Behind a jump, each part of
        a clip has one. Wrong sure windows scatter, and some coincide by chance: the support of the
        median offset and three standard deviations of such a count are subtracted. A rival with
        less than half a window, or a quarter of the support of the answer, is ignored.

        Args:
            axis_s: (M,) offsets.
            dissents: (N,) mask by `dissenting`.
        """
        supports = self._supports(axis_s, self.is_sure & dissents)
        by_chance = float(np.median(supports))
        rival = float(supports.max()) - by_chance - 3 * by_chance**0.5
        own = self._total(self.is_sure & ~dissents)
        if rival < max(RIVAL_WINDOWS, RIVAL_SHARE * own):
            return 1.0
        return float(own / (own + rival))

    def is_outvoted(self, dissents: NDArray[np.bool_]) -> bool:
        """Whether most of the sure windows, and at least half a window, dissent."""
        own, others = self._total(self.is_sure & ~dissents), self._total(self.is_sure & dissents)
        return others > max(RIVAL_WINDOWS, own)

    def mean_spread_s(self, dissents: NDArray[np.bool_]) -> float:
        """Mean spread of the windows that do not dissent.

        Motion that is slow, or precedes its sound, has a broad peak in every window, and all these
        peaks may be off to the same side. The sum over windows narrows the peak, not this error.
        """
        weights = self.weights * ~dissents
        total = float(weights.sum())
        return float(weights @ self.spread_s) / total if total > 0 else 0.0

    def _total(self, mask: NDArray[np.bool_]) -> float:
        return float(np.sum(self.weights, where=mask))

    def _supports(
        self, axis_s: NDArray[np.float64], mask: NDArray[np.bool_]
    ) -> NDArray[np.float64]:
        """Weight, (M,), of the masked windows with their most probable offset near each offset."""
        order = np.flatnonzero(mask)[self.best_s[mask].argsort()]
        sums = np.append(0.0, self.weights[order].cumsum())
        first = np.searchsorted(self.best_s[order], axis_s - self.reach_s, "left")
        end = np.searchsorted(self.best_s[order], axis_s + self.reach_s, "right")
        supports: NDArray[np.float64] = sums[end] - sums[first]
        return supports


def clip_posterior(
    evidence: Sequence[OffsetEvidence], votes: WindowVotes | None = None
) -> NDArray[np.float64]:
    """Posterior of the offset over all windows, with a uniform prior.

    A window is informative with probability s, so its likelihood relative to the mean over all
    offsets is s * p + (1 - s). The product over windows is taken for several s. Each product is
    weighted by its fit to the clip: many contradictory windows favour a small s, so they neither
    outvote the others nor add up to an answer.

    The logarithm of each window is multiplied by the weight of its vote (`window_votes`), so that
    neither overlap nor minutes of uninformative windows add up.

    Args:
        evidence: Evidence of all windows, on one axis of M offsets.
        votes: Votes of the same windows; computed if missing.

    Returns:
        (M,) probabilities with the sum 1.
    """
    votes = votes or window_votes(evidence)
    total = np.zeros((len(INFORMATIVE_SHARES), len(evidence[0].axis_s)))
    first = 0
    for relative in _relative_likelihoods(evidence):
        weights = votes.weights[first : first + len(relative)]
        first += len(relative)
        for number, share in enumerate(INFORMATIVE_SHARES):
            if share:
                total[number] += weights @ np.log(share * relative + (1 - share))
    log_joint = total + np.log(SHARE_PRIORS)[:, None]
    joint = np.exp(log_joint - log_joint.max()).sum(axis=0)
    posterior: NDArray[np.float64] = joint / joint.sum()
    return posterior


def window_votes(evidence: Sequence[OffsetEvidence]) -> WindowVotes:
    """Vote of each window.

    The weight grows with the information of a window from `SILENT_NATS` to `INFORMATIVE_NATS`. It
    includes the synchronizability, since the evidence of unrelated audio and video is flat.

    Overlapping windows share their clip time in proportion to their information, so uninformative
    neighbours take nothing away. A row of informative windows thus has the weight of the clip time
    it covers, regardless of the windows before and behind.
    """
    reach_s = _reach(max(item.resolution_s for item in evidence))
    n_reach = round(reach_s / AXIS_STEP_S - 0.5)
    axis = evidence[0].axis_s
    informative, best_s, is_sure, spread_s = [], [], [], []
    for relative in _relative_likelihoods(evidence):
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


def near_answer(
    axis: NDArray[np.float64], offset_s: float, resolution_s: float
) -> NDArray[np.bool_]:
    """Mask, (M,), of the offsets near an answer; their probability counts for the answer."""
    return np.asarray(np.abs(axis - offset_s) <= _reach(resolution_s), np.bool_)


def with_confidence(
    posterior: NDArray[np.float64], is_near: NDArray[np.bool_], confidence: float
) -> NDArray[np.float64]:
    """Rescale a posterior so that the offsets near the answer have a given probability.

    The interval then follows the confidence. Half of the remaining probability keeps the shape of
    the posterior and half is uniform: doubt about the answer is doubt about the evidence for all
    other offsets too.

    Args:
        posterior: (M,) posterior by the evidence alone.
        is_near: (M,) mask by `near_answer`.
        confidence: Target probability of these offsets.
    """
    if is_near.all():
        return posterior
    inside = np.where(is_near, posterior, 0.0)
    outside = np.where(is_near, 0.0, posterior)
    uniform = ~is_near / np.count_nonzero(~is_near)
    outside = (outside / max(outside.sum(), 1e-300) + uniform) / 2
    scaled: NDArray[np.float64] = confidence * inside / inside.sum() + (1 - confidence) * outside
    return scaled


def has_informative(evidence: Sequence[OffsetEvidence]) -> bool:
    """Whether any window has `INFORMATIVE_NATS` of information about the offset."""
    blocks = _relative_likelihoods(evidence)
    return any((_nats(relative) >= INFORMATIVE_NATS).any() for relative in blocks)


def dissenting(evidence: Sequence[OffsetEvidence], is_near: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Mask, (N,), of the windows that rate an answer below a uniform guess.

    Args:
        evidence: Evidence of N windows.
        is_near: (M,) mask of the offsets near the answer.
    """
    blocks = [block[:, is_near].mean(axis=1) < 1 for block in _relative_likelihoods(evidence)]
    return np.concatenate(blocks)


def _relative_likelihoods(evidence: Sequence[OffsetEvidence]) -> Iterator[NDArray[np.float64]]:
    """Blocks of (n, M) likelihoods of windows, each relative to its mean over all offsets."""
    for first in range(0, len(evidence), _BLOCK):
        block = evidence[first : first + _BLOCK]
        likelihood = np.stack([item.log_likelihood for item in block]).astype(np.float64)
        likelihood -= likelihood.max(axis=1, keepdims=True)
        np.exp(likelihood, out=likelihood)
        likelihood /= likelihood.mean(axis=1, keepdims=True)
        yield likelihood


def _reach(resolution_s: float) -> float:
    """Half-width, in seconds, of the offsets that count for an answer."""
    return max(NEIGHBOURHOOD_S, 2 * resolution_s) + AXIS_STEP_S / 2


def _nats(relative: NDArray[np.float64]) -> NDArray[np.float64]:
    """Information, (n,): Kullback-Leibler divergence of (n, M) likelihoods from uniform ones."""
    nats: NDArray[np.float64] = (relative * np.log(np.maximum(relative, 1e-30))).mean(axis=1)
    return nats


def _spread(relative: NDArray[np.float64], best: NDArray[np.intp]) -> NDArray[np.float64]:
    """Standard deviations, (n,) in seconds, of (n, M) likelihoods around their peaks."""
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
    """Weights, (N,): the time of each frame, shared in proportion to `informative`."""
    first = np.array([item.window.first_frame for item in evidence])
    end = np.array([item.window.end_frame for item in evidence])
    first, end = first - first.min(), end - first.min()
    steps = np.zeros(int(end.max()) + 1)
    np.add.at(steps, first, informative)
    np.add.at(steps, end, -informative)
    together = steps[:-1].cumsum()
    # Frames without a window keep a rounding error of the sums.
    is_covered = together > _LEAST_INFORMATIVE / 2
    parts = np.divide(1.0, together, out=np.zeros_like(together), where=is_covered)
    sums = np.append(0.0, parts.cumsum())
    weights: NDArray[np.float64] = informative**2 * (sums[end] - sums[first]) / WINDOW_FRAMES
    return weights
