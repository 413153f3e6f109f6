"""Result of a detection."""

from dataclasses import dataclass
from enum import StrEnum

from core.detection.config import DetectionConfig
from core.detection.crop_plan import CropPlan
from core.detection.evidence import OffsetEvidence
from core.detection.sync_map import MapKind, SyncMap
from core.media.info import MediaInfo
from core.timing import TimeSpan


class Verdict(StrEnum):
    """Estimate compared with a tolerance."""

    IN_SYNC = "in sync"
    OUT_OF_SYNC = "out of sync"
    CANNOT_TELL = "cannot tell"


class Reason(StrEnum):
    """Reason for the verdict "cannot tell"; NONE with every other verdict."""

    NONE = ""
    NO_MOTION = "no motion"
    SILENCE = "silence"
    TOO_SHORT = "clip too short"
    NOT_CONFIDENT = "not confident"
    DISAGREE = "windows disagree"
    AT_EDGE = "at the edge of the range"
    TOO_COARSE = "too close to the limit"


@dataclass(frozen=True, slots=True)
class OffsetEstimate:
    """Estimate of the offset of a whole clip.

    Attributes:
        offset_s: Most probable offset in seconds; positive if the audio is early.
        interval_s: Lower and upper end of the interval, in seconds; holds the true offset with
            probability `level`.
        level: Probability of the interval.
        confidence: Probability, 0..1, of a true offset near `offset_s`: posterior mass around it,
            or the result of the engine's confidence rule, which includes the second opinion.
        verdict: Result of comparing the interval with the tolerance.
        reason: Reason for the verdict "cannot tell".
        windows_used: Number of windows with evidence.
        synchronizability: Probability, 0..1, that audio and video belong together at any offset:
            mean over the windows; None if the engine does not give it.
        least_margin_s: Smallest half-width the interval can reach with more windows of this kind.
    """

    offset_s: float
    interval_s: tuple[float, float]
    level: float
    confidence: float
    verdict: Verdict
    reason: Reason
    windows_used: int
    synchronizability: float | None = None
    least_margin_s: float = 0.0

    @property
    def is_confident(self) -> bool:
        """Whether the offset is reliable, independent of the tolerance."""
        return self.reason in (Reason.NONE, Reason.TOO_COARSE)


class Stop(StrEnum):
    """Reason for the end of an analysis."""

    COMPLETE = "complete"
    PRECISE = "precise enough"
    BUDGET = "time spent"


@dataclass(frozen=True, slots=True)
class Coverage:
    """Analyzed part of a clip.

    Attributes:
        spans: Clip time covered by windows, in order of time, without overlap.
        stop: Reason for the end; COMPLETE if nothing was left.
    """

    spans: tuple[TimeSpan, ...]
    stop: Stop = Stop.COMPLETE

    @property
    def analyzed_s(self) -> float:
        return sum(span.duration_s for span in self.spans)


@dataclass(frozen=True, slots=True)
class Opinion:
    """Estimate of an engine."""

    engine_name: str
    engine_id: str
    estimate: OffsetEstimate


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """Result of the analysis of a clip.

    Attributes:
        info: The file.
        config: Options of the detection.
        opinion: Estimate of the engine.
        second_opinion: Classical estimate; None if `opinion` is the classical estimate.
        evidence: Evidence of the engine for each window, in order of time.
        video_stream_index: Index of the analyzed video stream in the container.
        audio_stream_index: Index of the analyzed audio stream in the container.
        warnings: Sentences about adjustments and limits of the answer.
        elapsed_s: Duration of the detection, in seconds.
        coverage: Analyzed part of the clip.
        sync_map: Offset over time; None if the evidence supports no map.
        crops: Crop plans of the engine, at least one; empty if it analyzes whole frames.
    """

    info: MediaInfo
    config: DetectionConfig
    opinion: Opinion
    second_opinion: Opinion | None
    evidence: tuple[OffsetEvidence, ...]
    video_stream_index: int
    audio_stream_index: int
    warnings: tuple[str, ...]
    elapsed_s: float
    coverage: Coverage
    sync_map: SyncMap | None = None
    crops: tuple[CropPlan, ...] = ()

    @property
    def estimate(self) -> OffsetEstimate:
        return self.opinion.estimate

    @property
    def changing_map(self) -> SyncMap | None:
        """Sync map of an offset that drifts or jumps; None if a single offset is the answer."""
        found = self.sync_map
        if found is None or found.kind is MapKind.CONSTANT:
            return None
        return None if self.estimate.reason in (Reason.NO_MOTION, Reason.SILENCE) else found
