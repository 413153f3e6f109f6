"""Decides whether the offset of a clip is constant, drifts or jumps, from the windows' evidence.

Constant wins unless another answer explains the windows so much better that its further numbers,
each paid with the logarithm of how many values it could have, are worth it.
"""

from collections.abc import Sequence
from itertools import pairwise

from core.detection.config import DetectionConfig
from core.detection.estimate import estimate_offset
from core.detection.evidence import OffsetEvidence
from core.detection.result import OffsetEstimate, Verdict
from core.detection.syncmap.drift import Line, best_line
from core.detection.syncmap.jumps import LEAST_PIECE_S, Steps, best_steps, change_time, search_spans
from core.detection.syncmap.pieces import (
    SOUND_LENGTHS,
    DriftCause,
    Interval,
    MapKind,
    Piece,
    SyncMap,
)
from core.detection.syncmap.pooled import pool
from core.timing import TimeSpan, Tolerance

LEAST_CHANGE_S = 0.04
"""Smaller changes are left to the bias that the content gives an engine; nor are changes below
twice the resolution of the evidence believed."""

CLOCK_PPM = 500.0
"""Clocks of real devices differ by less."""


def find_sync_map(evidence: Sequence[OffsetEvidence], config: DetectionConfig) -> SyncMap | None:
    """Describe the offset over time.

    Args:
        evidence: Of all windows, in any order, on one axis.
        config: Level of the intervals.

    Returns:
        None where neither a constant nor anything else explains the windows.
    """
    if not evidence:
        return None
    ordered = sorted(evidence, key=lambda item: item.window.first_frame)
    found = _changing(ordered, config)
    if found is not None:
        return found
    estimate = estimate_offset(ordered, config)
    if not estimate.is_confident:
        return None
    span = TimeSpan(ordered[0].window.span.start_s, ordered[-1].window.span.end_s)
    return SyncMap(MapKind.CONSTANT, (_constant(span, estimate),))


def judge_map(sync_map: SyncMap, tolerance: Tolerance) -> Verdict | None:
    """Judge a drift or jumps, of which a single offset tells too little.

    Returns:
        Out of sync if a piece starts or ends surely outside of the tolerance, in sync if all stay
        surely inside; None if neither is sure, and for a constant, which the estimate judges.
    """
    if sync_map.kind is MapKind.CONSTANT:
        return None
    intervals = [
        interval
        for piece in sync_map.pieces
        for interval in (piece.start_interval_s, piece.end_interval_s)
    ]
    if any(low > tolerance.early_s or high < -tolerance.late_s for low, high in intervals):
        return Verdict.OUT_OF_SYNC
    if all(tolerance.accepts(low) and tolerance.accepts(high) for low, high in intervals):
        return Verdict.IN_SYNC
    return None


def cause_of(drift_ppm: float, interval_ppm: Interval) -> DriftCause:
    """Name what makes such a drift.

    The interval has to hold the rate that a cause makes, and to reach no farther than half of the
    drift to either side.
    """
    low, high = interval_ppm
    if high - low > abs(drift_ppm):
        return DriftCause.NONE
    matching = [
        (abs(drift_ppm - ppm), cause)
        for cause, length in SOUND_LENGTHS.items()
        if low <= (ppm := 1e6 * (1 - length)) <= high
    ]
    if matching:
        return min(matching)[1]
    is_clock = low >= -CLOCK_PPM and high <= CLOCK_PPM
    return DriftCause.CLOCK if is_clock else DriftCause.NONE


def _changing(ordered: Sequence[OffsetEvidence], config: DetectionConfig) -> SyncMap | None:
    """Return a drift or jumps if the evidence demands them."""
    pooled = pool(ordered)
    if pooled.times_s[-1] - pooled.times_s[0] < 2 * LEAST_PIECE_S:
        return None
    resolution_s = max(item.resolution_s for item in ordered)
    least_s = max(LEAST_CHANGE_S, 2 * resolution_s)
    line = best_line(pooled, config.level)
    steps = best_steps(pooled, least_s)
    if max(line.score, steps.score) <= max(steps.score_of_none, 0.0):
        return None
    if steps.score > line.score:
        return _jumps(ordered, steps, config)
    return _drift(line, least_s, resolution_s)


def _drift(line: Line, least_s: float, resolution_s: float) -> SyncMap | None:
    low, high = line.rate_interval
    change_s = abs(line.end_offset_s - line.start_offset_s)
    if change_s < least_s or low <= 0 <= high or not line.is_solid:
        return None
    piece = Piece(
        line.span,
        line.start_offset_s,
        line.end_offset_s,
        _widened(line.start_interval_s, line.start_offset_s, resolution_s),
        _widened(line.end_interval_s, line.end_offset_s, resolution_s),
    )
    ppm, interval_ppm = 1e6 * line.rate, (1e6 * low, 1e6 * high)
    return SyncMap(MapKind.DRIFT, (piece,), ppm, interval_ppm, cause_of(ppm, interval_ppm))


def _widened(interval: Interval, offset_s: float, resolution_s: float) -> Interval:
    return min(interval[0], offset_s - resolution_s), max(interval[1], offset_s + resolution_s)


def _jumps(
    ordered: Sequence[OffsetEvidence], steps: Steps, config: DetectionConfig
) -> SyncMap | None:
    """Return the pieces, unless one of them is not sure of its offset."""
    whole = TimeSpan(ordered[0].window.span.start_s, ordered[-1].window.span.end_s)
    changes = [
        change_time(ordered, within, offsets_s, config.level)
        for within, offsets_s in zip(
            search_spans(steps.changes, whole), pairwise(steps.offsets_s), strict=True
        )
    ]
    borders = [(whole.start_s, 0.0), *changes, (whole.end_s, 0.0)]
    pieces = []
    for (start_s, margin_s), (end_s, _) in pairwise(borders):
        inside = [
            item
            for item in ordered
            if start_s <= item.window.span.start_s and item.window.span.end_s <= end_s
        ]
        if not inside:
            return None
        estimate = estimate_offset(inside, config)
        if not estimate.is_confident:
            return None
        pieces.append(_constant(TimeSpan(start_s, end_s), estimate, margin_s))
    return SyncMap(MapKind.JUMPS, tuple(pieces))


def _constant(span: TimeSpan, estimate: OffsetEstimate, margin_s: float = 0.0) -> Piece:
    offset_s, interval_s = estimate.offset_s, estimate.interval_s
    return Piece(span, offset_s, offset_s, interval_s, interval_s, margin_s)
