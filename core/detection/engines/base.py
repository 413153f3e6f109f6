"""Interface between engines and detection.

An engine holds the weights and serves any number of clips, one run each. A run consumes the decoded
clip piece by piece and yields evidence once a window is complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

from core.detection.answer.confidence import ConfidenceRule
from core.detection.cache.clip_features import ClipFeatures
from core.detection.config import DetectionConfig
from core.detection.crop_plan import CENTRE, CropPlan
from core.detection.evidence import OffsetEvidence
from core.media.decoder import ClipChunk
from core.progress import Monitor, Progress

STAGE = "Analyzing picture and sound"


def analysis_progress(n_done: int, n_frames: int) -> Progress:
    """Progress after `n_done` of about `n_frames` analysis frames."""
    return Progress(STAGE, min(1.0, n_done / n_frames))


SharedEvidence = dict[tuple[int, int, CropPlan], OffsetEvidence]
"""Evidence shared by runs side by side, so windows with equal squares are analyzed once. Keys are
the first analysis frame, the one after the last, and the squares between them."""


@dataclass(frozen=True, slots=True)
class ClipContext:
    """Facts about a clip known before its run.

    Attributes:
        n_frames: Expected number of analysis frames, at least 1.
        crops: Crop plan of an engine with a square view.
        features: Segments encoded by other runs over the same video; None keeps nothing.
        evidence: Evidence of other runs over the same video and audio.
    """

    n_frames: int
    crops: CropPlan = CENTRE
    features: ClipFeatures | None = None
    evidence: SharedEvidence = field(default_factory=dict)


class EngineRun(Protocol):
    """Analysis of one clip."""

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Analyze the next piece of the clip; return the evidence of the completed windows.

        Raises:
            Cancelled: The monitor of the run asked to stop.
        """
        ...

    def finish(self) -> Sequence[OffsetEvidence]:
        """Evidence of the remaining windows; empty if the clip is too short."""
        ...


class Engine(Protocol):
    """Engine: turns clips into evidence.

    Attributes:
        name: Name shown to users, e.g. "Synchformer (AudioSet)" or "built-in model".
        id: Name in JSON and reports: the catalogue's id, the file's name, "builtin" or "classical".
        max_range_s: Largest offset it can find, either way.
        sees_square: Analyzes a square of the frame instead of the whole frame.
        is_slow: Slower than the clip plays.
        confidence_rule: Fitted rule for a confidence from evidence and second opinion, if any.
    """

    @property
    def name(self) -> str: ...

    @property
    def id(self) -> str: ...

    @property
    def max_range_s(self) -> float: ...

    @property
    def sees_square(self) -> bool: ...

    @property
    def is_slow(self) -> bool: ...

    @property
    def confidence_rule(self) -> ConfidenceRule | None: ...

    def start(self, config: DetectionConfig, monitor: Monitor, clip: ClipContext) -> EngineRun:
        """Begin the run of a new clip.

        Args:
            config: Options of the detection.
            monitor: Receives the analyzed share of the clip; may cancel.
            clip: Facts about the clip.
        """
        ...
