"""Estimate of one offset for a clip: offset, interval, confidence and verdict."""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.confidence import ConfidenceFeatures, ConfidenceRule
from core.detection.answer.interval import shortest_interval, widened
from core.detection.answer.posterior import (
    clip_posterior,
    dissenting,
    near_answer,
    window_votes,
    with_confidence,
)
from core.detection.answer.verdict import verdict_on
from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence
from core.detection.result import OffsetEstimate, Reason

CONFIDENT = 0.7
"""Minimum confidence of an answer without a rule; docs/accuracy.md gives its meaning with the
classical estimate."""

WIDEST_S = 0.5
"""Maximum distance of the interval borders from the answer; a wider interval holds offsets unlike
the answer."""


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
        evidence: Evidence of at least one window, all on one axis.
        config: Level of the interval and tolerance.
        reason: Obstacle found beforehand; the verdict is then "cannot tell".
        rule: Rule of the confidence; without one, the posterior probability near the answer.
        second: Evidence of the second opinion, used by the rule only.

    Raises:
        ValueError: There is no evidence.
    """
    if not evidence:
        raise ValueError("an estimate needs the evidence of at least one window")
    axis = evidence[0].axis_s
    votes = window_votes(evidence)
    posterior = clip_posterior(evidence, votes)
    offset_s = float(axis[posterior.argmax()])
    resolution_s = max(item.resolution_s for item in evidence)
    is_near = near_answer(axis, offset_s, resolution_s)
    dissents = dissenting(evidence, is_near)
    confidence, margin_s = min(float(posterior[is_near].sum()), 1.0), resolution_s
    if rule is not None:
        features = confidence_features(evidence, second, is_near, confidence)
        confidence = rule.confidence(features)
        posterior = with_confidence(posterior, is_near, confidence)
        margin_s = max(margin_s, rule.spread_share * votes.mean_spread_s(dissents))
    agreement = votes.agreement(axis, dissents)
    low, high = shortest_interval(axis, posterior, config.level)
    interval_s = widened((low, high), offset_s, margin_s)
    is_narrow = max(offset_s - low, high - offset_s) <= WIDEST_S
    is_confident = is_narrow and confidence >= (CONFIDENT if rule is None else rule.least)
    is_disputed = agreement < 1 or (not is_confident and votes.is_outvoted(dissents))
    reason = reason or _doubt(
        evidence, offset_s, is_disputed=is_disputed, is_confident=is_confident
    )
    verdict, reason = verdict_on([interval_s], config.tolerance, reason)
    return OffsetEstimate(
        offset_s=offset_s,
        interval_s=interval_s,
        level=config.level,
        confidence=confidence * agreement,
        verdict=verdict,
        reason=reason,
        windows_used=len(evidence),
        least_margin_s=margin_s,
        synchronizability=_mean_synchronizability(evidence),
    )


def confidence_features(
    evidence: Sequence[OffsetEvidence],
    second: Sequence[OffsetEvidence],
    is_near: NDArray[np.bool_],
    own: float,
) -> ConfidenceFeatures:
    """Features of an answer for a `ConfidenceRule`.

    Args:
        evidence: Evidence of all windows.
        second: Evidence of the second opinion on the same axis; neutral if empty.
        is_near: (M,) mask of the offsets near the answer.
        own: Posterior probability of these offsets.
    """
    uniform = float(is_near.mean())
    by_second = float(clip_posterior(second)[is_near].sum()) if second else uniform
    synchronizability = _mean_synchronizability(evidence)
    return ConfidenceFeatures.from_probabilities(
        own, 0.5 if synchronizability is None else synchronizability, by_second, uniform
    )


def _doubt(
    evidence: Sequence[OffsetEvidence], offset_s: float, *, is_disputed: bool, is_confident: bool
) -> Reason:
    """Reason for no answer in the evidence itself, or NONE."""
    if is_disputed:
        return Reason.DISAGREE
    if is_confident:
        # The true offset may lie beyond the range; its nearest value inside then wins.
        axis = evidence[0].axis_s
        return Reason.AT_EDGE if offset_s in (axis[0], axis[-1]) else Reason.NONE
    is_short = all(item.window.is_padded for item in evidence)
    return Reason.TOO_SHORT if is_short else Reason.NOT_CONFIDENT


def _mean_synchronizability(evidence: Sequence[OffsetEvidence]) -> float | None:
    """Mean over the windows with a score, weighted by their segments; None without any."""
    scored = [
        (item.synchronizability, item.window.n_segments)
        for item in evidence
        if item.synchronizability is not None
    ]
    if not scored:
        return None
    return sum(score * weight for score, weight in scored) / sum(weight for _, weight in scored)
