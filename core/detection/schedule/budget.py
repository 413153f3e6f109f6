"""How much time a detection takes and which share of its progress a piece of it is."""

import time
from dataclasses import replace

from core.detection.config import DetectionConfig
from core.detection.engines.base import Engine
from core.progress import Monitor, Progress

USUAL_UNTIL_S = 0.04
"""Margin at which hasty detections leave long clips: a frame at 25 fps."""

LONG_S = 120.0
"""What slow engines judge as a whole; longer clips are left as soon as the margin is narrow."""

LONG_FOR_FAST_S = 1200.0
"""Likewise for fast engines."""


def with_early_stop(config: DetectionConfig, engine: Engine, duration_s: float) -> DetectionConfig:
    """Return the options with the margin at which a hasty detection leaves a long clip.

    Args:
        config: The options.
        engine: What answers.
        duration_s: Length of the clip.
    """
    if not config.stops_early or config.is_anytime or config.window_start_s is not None:
        return config
    end_s = duration_s if config.end_s is None else min(config.end_s, duration_s)
    is_long = end_s - config.start_s > (LONG_S if engine.is_slow else LONG_FOR_FAST_S)
    return replace(config, until_s=USUAL_UNTIL_S) if is_long else config


class TimeBudget:
    """Tells whether the time to spend is spent.

    Args:
        budget_s: That time, from now on; None is without end.
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
        """Share of the time that is spent, 0..1; 0 without end."""
        return min(1.0, self.elapsed_s / self._budget_s) if self._budget_s else 0.0


class SubProgress:
    """The monitor of one of several equal pieces of work.

    Args:
        whole: The monitor of all of them.
        index: Position of this piece.
        n_parts: Number of pieces, at least 1.
        budget: The work ends when it is over, however many pieces are left.
        stage: What to say in place of what the piece says is being done.
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
