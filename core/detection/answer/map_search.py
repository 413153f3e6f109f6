"""Search for the sync map: constant offset, drift or jumps, from the evidence of all windows.

Model selection: a drift or jumps replace a constant only if their better fit outweighs the prior
cost of their parameters. They also need the confidence of any answer: with the drift removed, the
windows must agree on one offset, and so must the windows of each piece. The offsets at both ends of
a drift, or of neighbouring pieces, must differ by more than their intervals. A drift needs an
informative window in its middle third, since a jump would fit windows at its ends as well.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from itertools import pairwise

from core.detection.answer.changes import (
    LEAST_PIECE_S,
    Line,
    Steps,
    best_line,
    best_steps,
    change_times,
    pool,
)
from core.detection.answer.confidence import ConfidenceRule
from core.detection.answer.estimate import estimate_offset
from core.detection.answer.interval import are_disjoint, widened
from core.detection.answer.posterior import has_informative
from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, moved
from core.detection.result import OffsetEstimate
from core.detection.sync_map import (
    AUDIO_LENGTHS,
    DriftCause,
    Interval,
    MapKind,
    Piece,
    SyncMap,
)
from core.timing import TimeSpan

LEAST_CHANGE_S = 0.12
"""Minimum change, and at least twice the resolution of the evidence. Smaller changes may be bias of
the engine by content, up to 0.11 s in scenes with motion before or after its sound
(docs/accuracy.md)."""

CLOCK_PPM = 500.0
"""Upper limit of the difference between clocks of real devices."""


@dataclass(frozen=True, slots=True, eq=False)
class _ClipEvidence:
    """Evidence of a clip or a part of it, on one axis and in order of time.

    Attributes:
        evidence: Evidence of the windows.
        second: Evidence of the second opinion; neutral if empty.
        rule: Rule of the confidence.
    """

    evidence: tuple[OffsetEvidence, ...]
    second: tuple[OffsetEvidence, ...]
    rule: ConfidenceRule | None

    @property
    def span(self) -> TimeSpan:
        first, last = self.evidence[0].window, self.evidence[-1].window
        return TimeSpan(first.span.start_s, last.span.end_s)

    def within(self, span: TimeSpan) -> "_ClipEvidence":
        """Part with the windows inside a span."""

        def is_inside(item: OffsetEvidence) -> bool:
            own = item.window.span
            return span.start_s <= own.start_s and own.end_s <= span.end_s

        return self._mapped(lambda items: tuple(filter(is_inside, items)))

    def without_drift(self, drift: Piece) -> "_ClipEvidence":
        """Part with the window centres in the span of a drift, and the drift removed."""
        middle_s = drift.offset_at(drift.span.centre_s)

        def straightened(items: tuple[OffsetEvidence, ...]) -> tuple[OffsetEvidence, ...]:
            centres = ((item, item.window.span.centre_s) for item in items)
            return tuple(
                moved(item, drift.offset_at(centre_s) - middle_s)
                for item, centre_s in centres
                if drift.span.start_s <= centre_s <= drift.span.end_s
            )

        return self._mapped(straightened)

    def is_informative_in(self, span: TimeSpan) -> bool:
        """Whether a span contains the centre of an informative window."""
        inside = [
            item
            for item in self.evidence
            if span.start_s <= item.window.span.centre_s <= span.end_s
        ]
        return has_informative(inside)

    def estimate(self, config: DetectionConfig) -> OffsetEstimate | None:
        """Estimate over all windows, None if it is not confident."""
        if not self.evidence:
            return None
        found = estimate_offset(self.evidence, config, rule=self.rule, second=self.second)
        return found if found.is_confident else None

    def _mapped(
        self, change: Callable[[tuple[OffsetEvidence, ...]], tuple[OffsetEvidence, ...]]
    ) -> "_ClipEvidence":
        return _ClipEvidence(change(self.evidence), change(self.second), self.rule)


def find_sync_map(
    evidence: Sequence[OffsetEvidence],
    config: DetectionConfig,
    *,
    rule: ConfidenceRule | None = None,
    second: Sequence[OffsetEvidence] = (),
) -> SyncMap | None:
    """Sync map of a clip.

    Args:
        evidence: Evidence of all windows, in any order, on one axis.
        config: Level of the intervals.
        rule: Rule of the confidence, as for `core.detection.answer.estimate.estimate_offset`.
        second: Evidence of the second opinion, used by the rule only.

    Returns:
        The sync map, or None if neither a constant nor a change is confident.
    """
    if not evidence:
        return None
    clip = _ClipEvidence(_in_order(evidence), _in_order(second), rule)
    found = _change(clip, config)
    if found is not None:
        return found
    estimate = clip.estimate(config)
    if estimate is None:
        return None
    piece = _constant(clip.span, estimate)
    return SyncMap(MapKind.CONSTANT, (piece,), confidence=estimate.confidence)


def cause_of(drift_ppm: float, interval_ppm: Interval) -> DriftCause:
    """Usual cause of a drift.

    The interval must hold the rate of the cause, and be narrower than the drift itself.

    Args:
        drift_ppm: Change of the offset, in microseconds per second.
        interval_ppm: Interval of the drift.
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


def _change(clip: _ClipEvidence, config: DetectionConfig) -> SyncMap | None:
    """Drift or jumps, None if a constant fits as well or no answer is confident."""
    pooled = pool(clip.evidence)
    if pooled.times_s[-1] - pooled.times_s[0] < 2 * LEAST_PIECE_S:
        return None
    resolution_s = max(item.resolution_s for item in clip.evidence)
    least_s = max(LEAST_CHANGE_S, 2 * resolution_s)
    line = best_line(pooled, config.level)
    steps = best_steps(pooled, least_s)
    if max(line.score, steps.score) <= max(steps.score_of_none, 0.0):
        return None
    if steps.score > line.score:
        return _jumps(clip, steps, config)
    found = _drift(clip, line, least_s, config)
    if found is None and steps.score > max(steps.score_of_none, 0.0):
        found = _jumps(clip, steps, config)
    return found


def _drift(
    clip: _ClipEvidence, line: Line, least_s: float, config: DetectionConfig
) -> SyncMap | None:
    piece, (low, high) = line.piece, line.rate_interval
    change_s = abs(piece.end_offset_s - piece.start_offset_s)
    if change_s < least_s or low <= 0 <= high or not line.is_significant:
        return None
    estimate = clip.without_drift(piece).estimate(config)
    if estimate is None or not clip.is_informative_in(_middle_third(piece.span)):
        return None
    margin_s = estimate.least_margin_s
    piece = replace(
        piece,
        start_interval_s=widened(piece.start_interval_s, piece.start_offset_s, margin_s),
        end_interval_s=widened(piece.end_interval_s, piece.end_offset_s, margin_s),
    )
    if not are_disjoint(piece.start_interval_s, piece.end_interval_s):
        return None
    ppm, interval_ppm = 1e6 * line.rate, (1e6 * low, 1e6 * high)
    cause = cause_of(ppm, interval_ppm)
    return SyncMap(MapKind.DRIFT, (piece,), ppm, interval_ppm, cause, estimate.confidence)


def _middle_third(span: TimeSpan) -> TimeSpan:
    third_s = span.duration_s / 3
    return TimeSpan(span.start_s + third_s, span.end_s - third_s)


def _jumps(clip: _ClipEvidence, steps: Steps, config: DetectionConfig) -> SyncMap | None:
    """Jumps, None unless every piece is confident and differs from the next."""
    whole = clip.span
    changes = change_times(clip.evidence, steps, whole, config.level)
    borders = [(whole.start_s, 0.0), *changes, (whole.end_s, 0.0)]
    pieces, confidence = [], 1.0
    for (start_s, margin_s), (end_s, _) in pairwise(borders):
        span = TimeSpan(start_s, end_s)
        estimate = clip.within(span).estimate(config)
        if estimate is None:
            return None
        pieces.append(_constant(span, estimate, margin_s))
        confidence = min(confidence, estimate.confidence)
    if not all(are_disjoint(a.start_interval_s, b.start_interval_s) for a, b in pairwise(pieces)):
        return None
    return SyncMap(MapKind.JUMPS, tuple(pieces), confidence=confidence)


def _constant(span: TimeSpan, estimate: OffsetEstimate, margin_s: float = 0.0) -> Piece:
    offset_s, interval_s = estimate.offset_s, estimate.interval_s
    return Piece(span, offset_s, offset_s, interval_s, interval_s, margin_s)
