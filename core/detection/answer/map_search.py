"""Decides whether the offset of a clip is constant, drifts or jumps, from the windows' evidence.

Constant wins unless another answer explains the windows so much better that its further numbers,
each paid with the logarithm of how many values it could have, are worth it. And a drift or jumps
have to be as sure as any answer: with the drift taken off, the windows must agree on one offset,
and so must those of each piece. The ends of a drift, and neighbouring pieces, have to differ by
more than their margins, and a drift has to be seen in its middle too: between two places only, a
jump would explain as much.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from core.detection.answer.confidence import ConfidenceRule
from core.detection.answer.drift import Line, best_line
from core.detection.answer.estimate import estimate_offset
from core.detection.answer.jumps import LEAST_PIECE_S, Steps, best_steps, change_time, search_spans
from core.detection.answer.pooling import pool
from core.detection.answer.window_weights import INFORMATIVE_NATS, information
from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, moved
from core.detection.result import OffsetEstimate, Verdict
from core.detection.sync_map import (
    AUDIO_LENGTHS,
    DriftCause,
    Interval,
    MapKind,
    Piece,
    SyncMap,
)
from core.timing import TimeSpan, Tolerance

LEAST_CHANGE_S = 0.12
"""Smaller changes are left to the bias that the content gives an engine, which is up to 0.11 s in
scenes whose movements lead or lag their sound (docs/accuracy.md); nor are changes below twice the
resolution of the evidence believed."""

CLOCK_PPM = 500.0
"""Clocks of real devices differ by less."""


@dataclass(frozen=True, slots=True, eq=False)
class _Witnesses:
    """What there is to judge a stretch of a clip by, all on one axis and in order of time.

    Attributes:
        evidence: Of the windows.
        second: Of the second opinion; none is neutral.
        rule: How both make a confidence.
    """

    evidence: tuple[OffsetEvidence, ...]
    second: tuple[OffsetEvidence, ...]
    rule: ConfidenceRule | None

    @property
    def span(self) -> TimeSpan:
        first, last = self.evidence[0].window, self.evidence[-1].window
        return TimeSpan(first.span.start_s, last.span.end_s)

    def within(self, span: TimeSpan) -> "_Witnesses":
        """Return those whose windows lie inside a span."""

        def is_inside(item: OffsetEvidence) -> bool:
            own = item.window.span
            return span.start_s <= own.start_s and own.end_s <= span.end_s

        return self._changed(lambda items: tuple(filter(is_inside, items)))

    def without(self, drift: Piece) -> "_Witnesses":
        """Return those whose centres lie in the span of a drift, with its change taken off."""
        middle_s = drift.offset_at(drift.span.centre_s)

        def straightened(items: tuple[OffsetEvidence, ...]) -> tuple[OffsetEvidence, ...]:
            centres = ((item, item.window.span.centre_s) for item in items)
            return tuple(
                moved(item, drift.offset_at(centre_s) - middle_s)
                for item, centre_s in centres
                if drift.span.start_s <= centre_s <= drift.span.end_s
            )

        return self._changed(straightened)

    def tell_within(self, span: TimeSpan) -> bool:
        """Tell whether a window that says anything has its centre in a span."""
        inside = [
            item
            for item in self.evidence
            if span.start_s <= item.window.span.centre_s <= span.end_s
        ]
        return any(nats >= INFORMATIVE_NATS for nats in information(inside))

    def estimate(self, config: DetectionConfig) -> OffsetEstimate | None:
        """Return the offset of all of them, None where they are not sure of one."""
        if not self.evidence:
            return None
        found = estimate_offset(self.evidence, config, rule=self.rule, second=self.second)
        return found if found.is_confident else None

    def _changed(
        self, change: Callable[[tuple[OffsetEvidence, ...]], tuple[OffsetEvidence, ...]]
    ) -> "_Witnesses":
        return _Witnesses(change(self.evidence), change(self.second), self.rule)


def find_sync_map(
    evidence: Sequence[OffsetEvidence],
    config: DetectionConfig,
    *,
    rule: ConfidenceRule | None = None,
    second: Sequence[OffsetEvidence] = (),
) -> SyncMap | None:
    """Describe the offset over time.

    Args:
        evidence: Of all windows, in any order, on one axis.
        config: Level of the intervals.
        rule: How to judge the confidence, as in `core.detection.answer.estimate`.
        second: Evidence of the second opinion, which the rule takes into account.

    Returns:
        None where neither a constant nor anything else explains the windows surely.
    """
    if not evidence:
        return None
    witnesses = _Witnesses(_in_order(evidence), _in_order(second), rule)
    found = _changing(witnesses, config)
    if found is not None:
        return found
    estimate = witnesses.estimate(config)
    if estimate is None:
        return None
    piece = _constant(witnesses.span, estimate)
    return SyncMap(MapKind.CONSTANT, (piece,), confidence=estimate.confidence)


def map_verdict(sync_map: SyncMap, tolerance: Tolerance) -> Verdict | None:
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
        for cause, length in AUDIO_LENGTHS.items()
        if low <= (ppm := 1e6 * (1 - length)) <= high
    ]
    if matching:
        return min(matching)[1]
    is_clock = low >= -CLOCK_PPM and high <= CLOCK_PPM
    return DriftCause.CLOCK if is_clock else DriftCause.NONE


def _in_order(evidence: Sequence[OffsetEvidence]) -> tuple[OffsetEvidence, ...]:
    return tuple(sorted(evidence, key=lambda item: item.window.first_frame))


def _changing(witnesses: _Witnesses, config: DetectionConfig) -> SyncMap | None:
    """Return a drift or jumps if the evidence demands them and is sure of them."""
    pooled = pool(witnesses.evidence)
    if pooled.times_s[-1] - pooled.times_s[0] < 2 * LEAST_PIECE_S:
        return None
    resolution_s = max(item.resolution_s for item in witnesses.evidence)
    least_s = max(LEAST_CHANGE_S, 2 * resolution_s)
    line = best_line(pooled, config.level)
    steps = best_steps(pooled, least_s)
    if max(line.score, steps.score) <= max(steps.score_of_none, 0.0):
        return None
    if steps.score > line.score:
        return _jumps(witnesses, steps, config)
    found = _drift(witnesses, line, least_s, config)
    if found is None and steps.score > max(steps.score_of_none, 0.0):
        found = _jumps(witnesses, steps, config)
    return found


def _drift(
    witnesses: _Witnesses, line: Line, least_s: float, config: DetectionConfig
) -> SyncMap | None:
    low, high = line.rate_interval
    change_s = abs(line.end_offset_s - line.start_offset_s)
    if change_s < least_s or low <= 0 <= high or not line.is_solid:
        return None
    piece = Piece(
        line.span,
        line.start_offset_s,
        line.end_offset_s,
        line.start_interval_s,
        line.end_interval_s,
    )
    estimate = witnesses.without(piece).estimate(config)
    if estimate is None or not witnesses.tell_within(_middle_third(line.span)):
        return None
    margin_s = estimate.least_margin_s
    piece = replace(
        piece,
        start_interval_s=_widened(line.start_interval_s, line.start_offset_s, margin_s),
        end_interval_s=_widened(line.end_interval_s, line.end_offset_s, margin_s),
    )
    if not _differ(piece.start_interval_s, piece.end_interval_s):
        return None
    ppm, interval_ppm = 1e6 * line.rate, (1e6 * low, 1e6 * high)
    cause = cause_of(ppm, interval_ppm)
    return SyncMap(MapKind.DRIFT, (piece,), ppm, interval_ppm, cause, estimate.confidence)


def _middle_third(span: TimeSpan) -> TimeSpan:
    third_s = span.duration_s / 3
    return TimeSpan(span.start_s + third_s, span.end_s - third_s)


def _widened(interval: Interval, offset_s: float, margin_s: float) -> Interval:
    return min(interval[0], offset_s - margin_s), max(interval[1], offset_s + margin_s)


def _differ(one: Interval, other: Interval) -> bool:
    """Tell whether two offsets surely are not the same."""
    return one[1] < other[0] or other[1] < one[0]


def _jumps(witnesses: _Witnesses, steps: Steps, config: DetectionConfig) -> SyncMap | None:
    """Return the pieces, unless one is not sure of its offset, or not of another than the next."""
    whole = witnesses.span
    changes = [
        change_time(witnesses.evidence, within, offsets_s, config.level)
        for within, offsets_s in zip(
            search_spans(steps.changes, whole), pairwise(steps.offsets_s), strict=True
        )
    ]
    borders = [(whole.start_s, 0.0), *changes, (whole.end_s, 0.0)]
    pieces, confidence = [], 1.0
    for (start_s, margin_s), (end_s, _) in pairwise(borders):
        span = TimeSpan(start_s, end_s)
        estimate = witnesses.within(span).estimate(config)
        if estimate is None:
            return None
        pieces.append(_constant(span, estimate, margin_s))
        confidence = min(confidence, estimate.confidence)
    if not all(_differ(a.start_interval_s, b.start_interval_s) for a, b in pairwise(pieces)):
        return None
    return SyncMap(MapKind.JUMPS, tuple(pieces), confidence=confidence)


def _constant(span: TimeSpan, estimate: OffsetEstimate, margin_s: float = 0.0) -> Piece:
    offset_s, interval_s = estimate.offset_s, estimate.interval_s
    return Piece(span, offset_s, offset_s, interval_s, interval_s, margin_s)
