"""What a detection returns."""

from dataclasses import dataclass
from enum import StrEnum

from core.detection.config import DetectionConfig
from core.detection.crop_plan import CropPlan
from core.detection.evidence import OffsetEvidence
from core.detection.sync_map import MapKind, SyncMap
from core.media.info import MediaInfo
from core.timing import TimeSpan


class Verdict(StrEnum):
    """The answer against a tolerance."""

    IN_SYNC = "in sync"
    OUT_OF_SYNC = "out of sync"
    CANNOT_TELL = "cannot tell"


class Reason(StrEnum):
    """Why a verdict is "cannot tell"; NONE with every other verdict."""

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
    """One answer for the whole clip.

    Attributes:
        offset_s: Most probable offset in seconds; positive means that the audio is early.
        interval_s: Borders of the interval that holds the offset with probability `level`.
        level: That probability.
        confidence: Probability, 0..1, that the truth lies near `offset_s`: that of the offsets
            around it, or where the engine has a rule for it, what that rule makes of them and of
            the second opinion.
        verdict: Against the tolerance asked for, derived from the interval.
        reason: Why nothing can be told, if so.
        windows_used: Number of windows that contributed.
        synchronizability: Probability, 0..1, that what is heard belongs to what is seen, at
            whatever offset: the mean over the windows; None where the model does not say.
        least_margin_s: More windows like these would not make the interval reach less far from
            `offset_s`.
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
        """Whether the offset may be relied on, whatever the tolerance says about it."""
        return self.reason in (Reason.NONE, Reason.TOO_COARSE)


class Stop(StrEnum):
    """Why no more of a clip was judged."""

    COMPLETE = "complete"
    PRECISE = "precise enough"
    BUDGET = "time spent"


@dataclass(frozen=True, slots=True)
class Coverage:
    """How much of a clip was judged.

    Attributes:
        spans: Clip time within windows, in order of time, without overlap.
        stop: COMPLETE if that is all there was to judge.
    """

    spans: tuple[TimeSpan, ...]
    stop: Stop = Stop.COMPLETE

    @property
    def analyzed_s(self) -> float:
        return sum(span.duration_s for span in self.spans)


@dataclass(frozen=True, slots=True)
class Opinion:
    """An estimate and who gave it."""

    engine_name: str
    engine_id: str
    estimate: OffsetEstimate


@dataclass(frozen=True, slots=True, eq=False)
class Detection:
    """A judged clip.

    Attributes:
        info: The file.
        config: The options used.
        opinion: The answer.
        second_opinion: What the classical estimate says, unless it is the answer itself.
        evidence: Window by window, in order of time, from the engine that gave the answer.
        video_stream_index: Stream of the container that was judged.
        audio_stream_index: Likewise.
        warnings: Sentences about what was adjusted or limits the answer.
        elapsed_s: Time that it took.
        coverage: How much of what was asked for was judged.
        sync_map: What the offset does over time; None where nothing stands out.
        crops: Where the engine looked, one plan for each way; none if it saw the whole picture.
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
        """The sync map if the offset drifts or jumps, so that no single offset is the answer."""
        found = self.sync_map
        if found is None or found.kind is MapKind.CONSTANT:
            return None
        return None if self.estimate.reason in (Reason.NO_MOTION, Reason.SILENCE) else found
