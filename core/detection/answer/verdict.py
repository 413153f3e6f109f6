"""The verdict on a whole clip: on one offset, or where the offset changes, on all of them."""

from dataclasses import replace

from core.detection.answer.estimate import with_verdict
from core.detection.answer.map_search import map_verdict
from core.detection.result import Detection, OffsetEstimate, Reason, Verdict
from core.detection.sync_map import MapKind, SyncMap
from core.timing import Tolerance


def clip_verdict(
    estimate: OffsetEstimate, sync_map: SyncMap | None, tolerance: Tolerance
) -> OffsetEstimate:
    """Return the same answer, judged by a tolerance; where the offset changes, as sure as that.

    Args:
        estimate: Over all windows.
        sync_map: What the offset does over time, if that is known.
        tolerance: What counts as in sync.
    """
    is_comparable = estimate.reason not in (Reason.NO_MOTION, Reason.SILENCE)
    if sync_map is None or sync_map.kind is MapKind.CONSTANT or not is_comparable:
        return with_verdict(estimate, tolerance)
    estimate = replace(estimate, confidence=sync_map.confidence)
    verdict = map_verdict(sync_map, tolerance)
    if verdict is None:
        return replace(estimate, verdict=Verdict.CANNOT_TELL, reason=Reason.TOO_COARSE)
    return replace(estimate, verdict=verdict, reason=Reason.NONE)


def with_tolerance(detection: Detection, tolerance: Tolerance) -> Detection:
    """Judge the answer of a detection by another tolerance.

    The second opinion is compared by its offset only, so it stays as it is.
    """
    config = replace(detection.config, tolerance=tolerance)
    estimate = clip_verdict(detection.estimate, detection.sync_map, tolerance)
    return replace(detection, config=config, opinion=replace(detection.opinion, estimate=estimate))
