"""The seam between whatever judges a clip and the detection around it.

An engine holds what is expensive to load and serves any number of clips, one run each. A run is fed
the decoded clip piece by piece and answers with evidence as soon as a window is complete.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.confidence import ConfidenceRule
from core.detection.config import DetectionConfig
from core.detection.crop_plan import CENTRE, CropPlan, Square
from core.detection.evidence import OffsetEvidence
from core.detection.windows import Window
from core.media.decoder import ClipChunk
from core.progress import Monitor, Progress

STAGE = "Analysing picture and sound"


def analysis_progress(n_done: int, n_frames: int) -> Progress:
    """Return the progress after `n_done` of about `n_frames` analysis frames."""
    return Progress(STAGE, min(1.0, n_done / n_frames))


class VisualFeatures(Protocol):
    """Keeps what a network made of the picture's segments, so that none is encoded twice.

    Keys are the analysis frame at which a segment begins and the square that was looked at.
    """

    def get(self, first_frame: int, square: Square | None) -> NDArray[np.float32] | None:
        """Return the (8, D) features of a segment, None if they are not kept."""
        ...

    def put(self, first_frame: int, square: Square | None, values: NDArray[np.float32]) -> None:
        """Keep the features of a segment."""
        ...


class NothingKept:
    """Keeps nothing: each run encodes for itself."""

    def get(self, first_frame: int, square: Square | None) -> NDArray[np.float32] | None:
        return None

    def put(self, first_frame: int, square: Square | None, values: NDArray[np.float32]) -> None:
        pass


NOTHING_KEPT = NothingKept()


class WindowAnswers:
    """Keeps what runs side by side said of windows, so that none asks again about equal squares.

    Keys are the analysis frames from the first to before the second, and the squares there.
    """

    def __init__(self) -> None:
        self._kept: dict[tuple[int, int, CropPlan], OffsetEvidence] = {}

    def get(self, window: Window, crops: CropPlan) -> OffsetEvidence | None:
        """Return the evidence of a window, None if no run has judged it with these squares."""
        return self._kept.get(_seen(window, crops))

    def put(self, evidence: OffsetEvidence, crops: CropPlan) -> None:
        """Keep the evidence of a window that was seen through these squares."""
        self._kept[_seen(evidence.window, crops)] = evidence


def _seen(window: Window, crops: CropPlan) -> tuple[int, int, CropPlan]:
    span = window.first_frame, window.end_frame
    return (*span, crops.between(*span))


@dataclass(frozen=True, slots=True)
class ClipContext:
    """What a run is told about the clip beforehand.

    Attributes:
        n_frames: About how many analysis frames will come, at least 1.
        crops: Where engines that see a square look.
        features: What other runs over the same picture have encoded already.
        answers: What other runs over the same picture and sound have answered already.
    """

    n_frames: int
    crops: CropPlan = CENTRE
    features: VisualFeatures = NOTHING_KEPT
    answers: WindowAnswers = field(default_factory=WindowAnswers)


class EngineRun(Protocol):
    """The judgement of one clip."""

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Take the next piece of the clip; return evidence of the windows it completed.

        Raises:
            Cancelled: The monitor of the run asked to stop.
        """
        ...

    def finish(self) -> Sequence[OffsetEvidence]:
        """Return the evidence of the remaining windows, none if the clip is too short."""
        ...


class Engine(Protocol):
    """What answers.

    Attributes:
        name: What users read, e.g. "Synchformer (AudioSet)" or "built-in model".
        id: What JSON and reports carry: the catalogue's id, the file's name, "builtin" or
            "classical".
        max_range_s: Largest offset, either way, that it can find.
        sees_square: Whether it looks at a square of the picture only, not at all of it.
        is_slow: Whether it takes longer to judge a clip than the clip plays.
        confidence_rule: How its answers and the second opinion make a confidence, where that was
            fitted.
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
        """Begin with a new clip.

        Args:
            config: The options.
            monitor: Told which share of the clip is judged, and asked whether to go on.
            clip: What is known of it.
        """
        ...
