"""Verdicts: comparison of an interval, or of a sync map, with the tolerance."""

from collections.abc import Sequence
from dataclasses import replace

from core.detection.result import Detection, OffsetEstimate, Reason, Verdict
from core.detection.sync_map import Interval, MapKind, SyncMap
from core.timing import Tolerance


def verdict_on(
    intervals_s: Sequence[Interval], tolerance: Tolerance, reason: Reason = Reason.NONE
) -> tuple[Verdict, Reason]:
    """Verdict on one or more offsets, and the reason for "cannot tell".

    Out of sync if an interval lies outside of the tolerance, in sync if all lie inside, otherwise
    "cannot tell".

    Args:
        intervals_s: Intervals of the offsets.
        tolerance: Offsets accepted as in sync.
        reason: Obstacle to an answer; the verdict is then "cannot tell".
    """
    if reason is not Reason.NONE:
        return Verdict.CANNOT_TELL, reason
    if all(tolerance.accepts(low) and tolerance.accepts(high) for low, high in intervals_s):
        return Verdict.IN_SYNC, Reason.NONE
    if any(low > tolerance.early_s or high < -tolerance.late_s for low, high in intervals_s):
        return Verdict.OUT_OF_SYNC, Reason.NONE
    return Verdict.CANNOT_TELL, Reason.TOO_COARSE


def clip_verdict(
    estimate: OffsetEstimate, sync_map: SyncMap | None, tolerance: Tolerance
) -> OffsetEstimate:
    """Estimate with its verdict on the whole clip.

    A drift or jumps replace verdict, reason and confidence of the single offset. The verdict then
    follows from the offsets at the start and end of each piece.

    Args:
        estimate: Estimate over all windows.
        sync_map: Offset over time, None if unknown.
        tolerance: Offsets accepted as in sync.
    """
    is_comparable = estimate.reason not in (Reason.NO_MOTION, Reason.SILENCE)
    if sync_map is None or sync_map.kind is MapKind.CONSTANT or not is_comparable:
        obstacle = Reason.NONE if estimate.is_confident else estimate.reason
        verdict, reason = verdict_on([estimate.interval_s], tolerance, obstacle)
        return replace(estimate, verdict=verdict, reason=reason)
    intervals_s = [
        interval_s
        for piece in sync_map.pieces
        for interval_s in (piece.start_interval_s, piece.end_interval_s)
    ]
    verdict, reason = verdict_on(intervals_s, tolerance)
    return replace(estimate, confidence=sync_map.confidence, verdict=verdict, reason=reason)


def with_tolerance(detection: Detection, tolerance: Tolerance) -> Detection:
    """Detection with the verdict for another tolerance.

    The second opinion stays the same: only its offset is compared.
    """
    config = replace(detection.config, tolerance=tolerance)
    estimate = clip_verdict(detection.estimate, detection.sync_map, tolerance)
    return replace(detection, config=config, opinion=replace(detection.opinion, estimate=estimate))
