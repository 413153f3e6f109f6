"""Judges clips in sync at known offsets, on the class grid and off it."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.detection.answer.estimate import estimate_offset
from core.detection.cache.clip_features import temporary_features
from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.base import Engine
from core.detection.evidence import OffsetEvidence
from core.detection.schedule.budget import SubProgress
from core.errors import SyncError
from core.progress import SILENT, Monitor

CONFIG = DetectionConfig()

OFFSETS_S = (-1.6, -0.94, -0.31, 0.0, 0.2, 0.63, 1.14, 1.41)
"""Known shifts. With the negative ones, sound begins within a frame before a multiple of 0.32 s, so
windows begin on the same pictures and, where the same square is looked at, none is encoded
twice."""


@dataclass(frozen=True, slots=True)
class Trial:
    """A clip judged at a known offset.

    Attributes:
        offset_s: The offset.
        evidence: What the engine said, its second opinion left out.
    """

    offset_s: float
    evidence: tuple[OffsetEvidence, ...]


@dataclass(frozen=True, slots=True)
class ClipTrials:
    """What became of one clip.

    Attributes:
        path: The clip.
        trials: Empty if it is of no use.
        why_not: Then the reason, as one sentence.
    """

    path: Path
    trials: tuple[Trial, ...]
    why_not: str = ""

    @property
    def bias_s(self) -> float:
        """Median of what the model says too much."""
        return bias_of(self.trials)


def try_clips(
    paths: Sequence[Path],
    engine: Engine,
    monitor: Monitor = SILENT,
    on_clip: Callable[[ClipTrials], None] | None = None,
) -> tuple[ClipTrials, ...]:
    """Judge clips at known offsets; one that cannot be judged is of no use, and says why.

    Raises:
        Cancelled: The work is no longer wanted.
    """
    found = []
    for index, path in enumerate(paths):
        part = SubProgress(monitor, index, len(paths))
        clip = _try_clip(path, engine, part)
        found.append(clip)
        if on_clip:
            on_clip(clip)
    return tuple(found)


def bias_of(trials: Sequence[Trial]) -> float:
    """Return the median of what a model says too much, in seconds."""
    errors = [estimate_offset(t.evidence, CONFIG).offset_s - t.offset_s for t in trials]
    return float(np.median(errors))


def _try_clip(path: Path, engine: Engine, monitor: Monitor) -> ClipTrials:
    features, trials, n_confident = temporary_features(), [], 0
    for index, offset_s in enumerate(OFFSETS_S):
        evidence: list[OffsetEvidence] = []
        config = replace(CONFIG, simulate_offset_s=offset_s)
        part = SubProgress(monitor, index, len(OFFSETS_S))
        try:
            # The second opinion has a say in the answer of `detect`, but is none of the model.
            detection = detect(path, engine, config, part, evidence.append, features=features)
        except SyncError as error:
            return ClipTrials(path, (), error.message)
        n_confident += detection.estimate.is_confident
        trials.append(Trial(offset_s, tuple(evidence)))
    if 2 * n_confident < len(trials):
        why_not = f"{path.name} gives no confident answer; choose clips with clear events."
        return ClipTrials(path, (), why_not)
    return ClipTrials(path, tuple(trials))
