"""Posterior of the offset of a whole clip, a robust product over its windows."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.window_votes import (
    WindowVotes,
    reach,
    relative_likelihoods,
    window_votes,
)
from core.detection.evidence import OffsetEvidence

INFORMATIVE_SHARES = np.array([0.98, 0.6, 0.3, 0.1, 0.0])
"""Candidate shares of informative windows; the other windows are arbitrary. With the last one, no
offset fits the clip at all."""

SHARE_PRIORS = np.array([0.94, 0.015, 0.015, 0.015, 0.015])
"""Prior probability of each share. Together they leave 7 % of doubt to a single window."""


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
    for relative in relative_likelihoods(evidence):
        weights = votes.weights[first : first + len(relative)]
        first += len(relative)
        for number, share in enumerate(INFORMATIVE_SHARES):
            if share:
                total[number] += weights @ np.log(share * relative + (1 - share))
    log_joint = total + np.log(SHARE_PRIORS)[:, None]
    joint = np.exp(log_joint - log_joint.max()).sum(axis=0)
    posterior: NDArray[np.float64] = joint / joint.sum()
    return posterior


def near_answer(
    axis: NDArray[np.float64], offset_s: float, resolution_s: float
) -> NDArray[np.bool_]:
    """Mask, (M,), of the offsets near an answer; their probability counts for the answer."""
    return np.asarray(np.abs(axis - offset_s) <= reach(resolution_s), np.bool_)


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
