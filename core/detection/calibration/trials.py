"""Trials: analysis of clips in sync at known simulated offsets, on the class grid and off it."""

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
"""Simulated offsets. With the negative ones the audio starts within a frame before a multiple of
0.32 s. All windows then start on the same frames, and no frame is encoded twice in the same
square."""


@dataclass(frozen=True, slots=True)
class Trial:
    """Analysis of a clip at a known offset.

    Attributes:
        offset_s: Simulated offset.
        evidence: Evidence of the engine, without the second opinion.
    """

    offset_s: float
    evidence: tuple[OffsetEvidence, ...]


@dataclass(frozen=True, slots=True)
class ClipTrials:
    """Trials of one clip.

    Attributes:
        path: Path of the clip.
        trials: Trials, empty for an unusable clip.
        why_not: Reason for an unusable clip, one sentence.
    """

    path: Path
    trials: tuple[Trial, ...]
    why_not: str = ""

    @property
    def bias_s(self) -> float:
        """Median error of the offset, in seconds."""
        errors = [estimate_offset(t.evidence, CONFIG).offset_s - t.offset_s for t in self.trials]
        return float(np.median(errors))


def try_clips(
    paths: Sequence[Path],
    engine: Engine,
    monitor: Monitor = SILENT,
    on_clip: Callable[[ClipTrials], None] | None = None,
) -> tuple[ClipTrials, ...]:
    """Analyze clips at known offsets; a clip with an error is unusable.

    Args:
        paths: Clips in sync.
        engine: Engine of the model.
        monitor: Receives the progress.
        on_clip: Called with the trials of each clip.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    found = []
    for index, path in enumerate(paths):
        part = SubProgress(monitor, index, len(paths))
        clip = _try_clip(path, engine, part)
        found.append(clip)
        if on_clip:
            on_clip(clip)
    return tuple(found)


def _try_clip(path: Path, engine: Engine, monitor: Monitor) -> ClipTrials:
    features, trials, n_confident = temporary_features(), [], 0
    for index, offset_s in enumerate(OFFSETS_S):
        evidence: list[OffsetEvidence] = []
        config = replace(CONFIG, simulate_offset_s=offset_s)
        part = SubProgress(monitor, index, len(OFFSETS_S))
        try:
            # Unlike the estimate of `detect`, this evidence is free of the second opinion.
            detection = detect(path, engine, config, part, evidence.append, features=features)
        except SyncError as error:
            return ClipTrials(path, (), error.message)
        n_confident += detection.estimate.is_confident
        trials.append(Trial(offset_s, tuple(evidence)))
    if 2 * n_confident < len(trials):
        why_not = f"{path.name} gives no confident answer; choose clips with clear events."
        return ClipTrials(path, (), why_not)
    return ClipTrials(path, tuple(trials))
