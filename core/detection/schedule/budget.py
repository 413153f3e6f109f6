"""Time budget, early stop, and progress of parts of a detection."""

import time
from dataclasses import replace

from core.detection.config import DetectionConfig
from core.detection.engines.base import Engine
from core.progress import Monitor, Progress

USUAL_UNTIL_S = 0.04
"""Half-width of the interval for an early stop in long clips: one frame at 25 fps."""

LONG_S = 120.0
"""Longest clip without early stop for slow engines, in seconds."""

LONG_FOR_FAST_S = 1200.0
"""Longest clip without early stop for fast engines, in seconds."""


def with_early_stop(config: DetectionConfig, engine: Engine, duration_s: float) -> DetectionConfig:
    """Add the margin of an early stop to the options, if they allow it and the clip is long.

    Args:
        config: Options of the detection.
        engine: Slow engines stop early in shorter clips.
        duration_s: Length of the clip.
    """
    if not config.stops_early or config.is_anytime or config.window_start_s is not None:
        return config
    end_s = duration_s if config.end_s is None else min(config.end_s, duration_s)
    is_long = end_s - config.start_s > (LONG_S if engine.is_slow else LONG_FOR_FAST_S)
    return replace(config, until_s=USUAL_UNTIL_S) if is_long else config


class TimeBudget:
    """Time budget, starting with its creation.

    Args:
        budget_s: Length in seconds; None is unlimited.
    """

    def __init__(self, budget_s: float | None) -> None:
        self._started_s, self._budget_s = time.monotonic(), budget_s

    @property
    def elapsed_s(self) -> float:
        return time.monotonic() - self._started_s

    @property
    def is_over(self) -> bool:
        return self._budget_s is not None and self.elapsed_s >= self._budget_s

    @property
    def share(self) -> float:
        """Spent share of the time, 0..1; 0 if unlimited."""
        return min(1.0, self.elapsed_s / self._budget_s) if self._budget_s else 0.0


class SubProgress:
    """Monitor of one of several equal parts of the work.

    Args:
        whole: Monitor of the whole work.
        index: Position of this part.
        n_parts: Number of parts, at least 1.
        budget: Ends the work early, so its spent share is the least progress.
        stage: Replaces the stage reported by the part.
    """

    def __init__(
        self,
        whole: Monitor,
        index: int,
        n_parts: int,
        budget: TimeBudget | None = None,
        stage: str = "",
    ) -> None:
        self._whole, self._index, self._n_parts = whole, index, n_parts
        self._budget, self._stage = budget, stage

    def report(self, progress: Progress) -> None:
        done = (self._index + (progress.fraction or 0.0)) / self._n_parts
        spent = self._budget.share if self._budget else 0.0
        self._whole.report(Progress(self._stage or progress.stage, max(done, spent)))

    def check(self) -> None:
        self._whole.check()
