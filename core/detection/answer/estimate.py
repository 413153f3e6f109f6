"""One answer for a clip from the evidence of its windows."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.confidence import ConfidenceRule, Signs, signs_of
from core.detection.answer.window_weights import (
    WindowVotes,
    dissenting,
    reach,
    relative_likelihoods,
    window_votes,
)
from core.detection.config import DetectionConfig
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence
from core.detection.result import OffsetEstimate, Reason, Verdict
from core.timing import Tolerance

CONFIDENT = 0.7
"""Least confidence of an answer where no rule says otherwise; see docs/accuracy.md for what it
means with the classical estimate."""

WIDEST_S = 0.5
"""An interval that reaches farther from the answer holds others that are nothing like it."""

INFORMATIVE_SHARES = np.array([0.98, 0.6, 0.3, 0.1, 0.0])
"""Possible shares of windows that tell anything about the offset; the others may say what they
like. With the last one, no offset fits the clip at all."""

SHARE_PRIORS = np.array([0.94, 0.015, 0.015, 0.015, 0.015])
"""How probable each share is beforehand. Together they leave a lone window 7 % of doubt."""


def estimate_offset(
    evidence: Sequence[OffsetEvidence],
    config: DetectionConfig,
    *,
    reason: Reason = Reason.NONE,
    rule: ConfidenceRule | None = None,
    second: Sequence[OffsetEvidence] = (),
) -> OffsetEstimate:
    """Combine the evidence of all windows.

    Args:
        evidence: At least one, all on the same axis.
        config: Level of the interval and tolerance.
        reason: Something that rules out an answer whatever the evidence says.
        rule: How to judge the confidence; without one it is the probability near the answer.
        second: Evidence of the second opinion, which the rule takes into account.

    Raises:
        ValueError: There is no evidence.
    """
    if not evidence:
        raise ValueError("an estimate needs the evidence of at least one window")
    axis = evidence[0].axis_s
    votes = window_votes(evidence)
    posterior = _posterior(evidence, votes)
    offset_s = float(axis[posterior.argmax()])
    resolution_s = max(item.resolution_s for item in evidence)
    near = near_answer(axis, offset_s, resolution_s)
    denies = dissenting(evidence, near)
    sureness, least_s = min(float(posterior[near].sum()), 1.0), resolution_s
    if rule is not None:
        sureness = rule.confidence(clip_signs(evidence, second, near, sureness))
        posterior = _as_sure(posterior, near, sureness)
        least_s = max(least_s, rule.spread_share * votes.spread_about(denies))
    agreement = votes.agreement(axis, denies)
    low, high = _shortest(axis, posterior, config.level)
    interval_s = (min(low, offset_s - least_s), max(high, offset_s + least_s))
    is_narrow = max(offset_s - low, high - offset_s) <= WIDEST_S
    is_confident = is_narrow and sureness >= (CONFIDENT if rule is None else rule.least)
    is_disputed = agreement < 1 or (not is_confident and votes.is_outvoted(denies))
    reason = reason or _doubt(
        evidence, offset_s, is_disputed=is_disputed, is_confident=is_confident
    )
    verdict, reason = _verdict_of(interval_s, config.tolerance, reason)
    return OffsetEstimate(
        offset_s=offset_s,
        interval_s=interval_s,
        level=config.level,
        confidence=sureness * agreement,
        verdict=verdict,
        reason=reason,
        windows_used=len(evidence),
        least_margin_s=least_s,
        synchronizability=_mean_synchronizability(evidence),
    )


def near_answer(
    axis: NDArray[np.float64], offset_s: float, resolution_s: float
) -> NDArray[np.bool_]:
    """Return (M,), which offsets are so near an answer that they speak for it."""
    return np.asarray(np.abs(axis - offset_s) <= reach(resolution_s), np.bool_)


def with_verdict(estimate: OffsetEstimate, tolerance: Tolerance) -> OffsetEstimate:
    """Return the same answer, judged by another tolerance."""
    obstacle = Reason.NONE if estimate.is_confident else estimate.reason
    verdict, reason = _verdict_of(estimate.interval_s, tolerance, obstacle)
    return replace(estimate, verdict=verdict, reason=reason)


def clip_signs(
    evidence: Sequence[OffsetEvidence],
    second: Sequence[OffsetEvidence],
    near: NDArray[np.bool_],
    own: float,
) -> Signs:
    """Return what speaks for an answer.

    Args:
        evidence: Of all windows.
        second: Of the second opinion, on the same axis; none is neutral.
        near: (M,), which offsets lie near the answer.
        own: Their probability.
    """
    blind = float(near.mean())
    by_second = float(clip_posterior(second)[near].sum()) if second else blind
    belonging = _mean_synchronizability(evidence)
    return signs_of(own, 0.5 if belonging is None else belonging, by_second, blind)


def clip_posterior(evidence: Sequence[OffsetEvidence]) -> NDArray[np.float64]:
    """Return the (M,) probability of each offset for the whole clip, every one equal beforehand.

    A window tells something with probability s and otherwise nothing, so its likelihood relative to
    the mean over all offsets is s * p + (1 - s). The product over windows is taken for several s,
    which are then weighed by how well they explain the clip: many windows that contradict each
    other favour a small s, and so neither outvote the others nor add up to an answer.

    Each logarithm is weighted by how much its window tells and by the clip time it speaks for
    (`answer.window_weights`), so neither overlap nor minutes that tell nothing add up.
    """
    return _posterior(evidence, window_votes(evidence))


def _posterior(evidence: Sequence[OffsetEvidence], votes: WindowVotes) -> NDArray[np.float64]:
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


def _as_sure(
    posterior: NDArray[np.float64], near: NDArray[np.bool_], sureness: float
) -> NDArray[np.float64]:
    """Let the answer have the probability that the rule gives it, so that the interval has it too.

    The rest is divided: half as the evidence has it, half evenly, since a rule that doubts an
    answer doubts the evidence for the others as well.

    Args:
        posterior: (M,) by the evidence alone.
        near: (M,), which offsets lie near the answer.
        sureness: Their probability by the rule.
    """
    if near.all():
        return posterior
    inside = np.where(near, posterior, 0.0)
    outside = np.where(near, 0.0, posterior)
    even = ~near / np.count_nonzero(~near)
    outside = (outside / max(outside.sum(), 1e-300) + even) / 2
    settled: NDArray[np.float64] = sureness * inside / inside.sum() + (1 - sureness) * outside
    return settled


def _doubt(
    evidence: Sequence[OffsetEvidence], offset_s: float, *, is_disputed: bool, is_confident: bool
) -> Reason:
    """Return what keeps the evidence from giving an answer."""
    if is_disputed:
        return Reason.DISAGREE
    if is_confident:
        # What lies beyond the range is not looked at, and its nearest neighbour stands in for it.
        axis = evidence[0].axis_s
        return Reason.AT_EDGE if offset_s in (axis[0], axis[-1]) else Reason.NONE
    is_short = all(item.window.is_padded for item in evidence)
    return Reason.TOO_SHORT if is_short else Reason.NOT_CONFIDENT


def _mean_synchronizability(evidence: Sequence[OffsetEvidence]) -> float | None:
    """Return the mean over the windows that have one, weighted by their content."""
    scored = [
        (item.synchronizability, item.window.n_segments)
        for item in evidence
        if item.synchronizability is not None
    ]
    if not scored:
        return None
    return sum(score * weight for score, weight in scored) / sum(weight for _, weight in scored)


def _shortest(
    axis: NDArray[np.float64], posterior: NDArray[np.float64], level: float
) -> tuple[float, float]:
    """Return the borders of the shortest interval that reaches the level.

    With one peak that is the region of highest density. With several, that region would be in
    pieces, and the span of all of them would hold far more than the level.
    """
    until = np.append(0.0, posterior.cumsum())
    ends = np.searchsorted(until, until[:-1] + level * until[-1] - 1e-12)
    n_steps = np.where(ends < len(until), ends - np.arange(len(axis)), len(axis) + 1)
    first = int(n_steps.argmin())
    last = first + int(n_steps[first]) - 1
    return float(axis[first]) - AXIS_STEP_S / 2, float(axis[last]) + AXIS_STEP_S / 2


def _verdict_of(
    interval_s: tuple[float, float], tolerance: Tolerance, reason: Reason
) -> tuple[Verdict, Reason]:
    if reason is not Reason.NONE:
        return Verdict.CANNOT_TELL, reason
    low, high = interval_s
    if tolerance.accepts(low) and tolerance.accepts(high):
        return Verdict.IN_SYNC, Reason.NONE
    if low > tolerance.early_s or high < -tolerance.late_s:
        return Verdict.OUT_OF_SYNC, Reason.NONE
    return Verdict.CANNOT_TELL, Reason.TOO_COARSE
