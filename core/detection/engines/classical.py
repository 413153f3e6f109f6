"""The classical engine: cross-correlation of motion with audio onsets, without a network.

The motion of each cell of the frame, and of the whole frame, is correlated with the onsets, the
level and the rise of the level of the audio at every offset. Each correlation becomes a
log-likelihood. A mixture model combines them, since any of the motions may belong to the audio.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext, analysis_progress
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence, offset_axis
from core.detection.signals.correlation import AudioSignals, mixture_log_likelihood
from core.detection.signals.detrend import TREND_FRAMES, TREND_S, detrended_motion
from core.detection.signals.motion import Motion, MotionMeter
from core.detection.signals.onsets import TICKS_PER_FRAME
from core.detection.signals.ring_buffer import Series
from core.detection.windows import Window, WindowSchedule
from core.media.decoder import ClipChunk
from core.progress import Monitor
from core.timing import VIDEO_FPS

RESOLUTION_S = 0.07
"""Minimum half-width of the interval: motion is often visible a frame or two before or after its
sound throughout a clip (tests/benchmarks/classical_accuracy.py)."""

UNRELATED_LOG_ODDS = 2.0
"""Log-likelihood of unrelated audio and video at each offset, relative to no correlation. Keeps the
evidence of such windows flat."""

WHOLE_PRIOR = 0.15
"""Prior probability that the audio belongs to the acceleration of the whole frame, and likewise to
its change; the cells share the rest."""

N_CORRELATED = 40
"""Number of cells, and of squares of four cells, in the correlation: those with the largest
variance of motion."""

JITTER_S = 0.03
"""Standard deviation of the time between a movement and its sound."""


@dataclass(frozen=True, slots=True)
class ClassicalEngine:
    """Engine by cross-correlation alone."""

    name: str = "classical estimate"
    id: str = "classical"
    max_range_s: float = 30.0
    sees_square: bool = False
    is_slow: bool = False
    confidence_rule: None = None

    def start(self, config: DetectionConfig, monitor: Monitor, clip: ClipContext) -> "ClassicalRun":
        return ClassicalRun(config, monitor, clip.n_frames)


class ClassicalRun:
    """Analysis of one clip; buffers the signals around the open windows."""

    def __init__(self, config: DetectionConfig, monitor: Monitor, n_frames: int) -> None:
        self._monitor = monitor
        self._n_expected, self._n_measured = n_frames, 0
        self._axis = offset_axis(config.range_s)
        self._schedule = WindowSchedule(config.hop_segments)
        self._motion_meter, self._audio = MotionMeter(), AudioSignals(config.range_s)
        self._motion_series = tuple(Series() for _ in range(5))
        self._cells, self._quads, self._acceleration, self._change, self._is_valid = (
            self._motion_series
        )
        self._pending: list[Window] = []
        self._n_frames = 0
        self._is_begun = False
        self._reach_frames = math.ceil((config.range_s + TREND_S) * VIDEO_FPS) + 2

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Measure the next chunk; return the evidence of windows with complete surroundings."""
        self._monitor.check()
        if not self._is_begun:
            self._audio.begin(chunk.first_frame)
            self._is_begun = True
        for series in self._motion_series:
            series.end = chunk.first_frame
        if not chunk.is_margin:
            self._append_motion(self._motion_meter.measure(chunk))
            self._n_measured += len(chunk.frames)
        self._audio.append(chunk)
        self._n_frames = chunk.first_frame + len(chunk.frames)
        self._pending += self._schedule.extend(chunk.first_frame, chunk.has_video & chunk.has_audio)
        n_ready = sum(w.end_frame + self._reach_frames <= self._n_frames for w in self._pending)
        evidence = [self._evidence_of(window) for window in self._pending[:n_ready]]
        del self._pending[:n_ready]
        self._forget()
        self._monitor.report(analysis_progress(self._n_measured, self._n_expected))
        return evidence

    def finish(self) -> Sequence[OffsetEvidence]:
        """Analyze the remaining windows."""
        self._audio.finish()
        self._pending += self._schedule.finish()
        return [self._evidence_of(window) for window in self._pending]

    def _append_motion(self, motion: Motion) -> None:
        self._cells.append(motion.cells)
        self._quads.append(motion.quads)
        self._acceleration.append(motion.acceleration)
        self._change.append(motion.change)
        self._is_valid.append(motion.is_valid.astype(np.float32))

    def _forget(self) -> None:
        """Drop the signals outside of pending and future windows."""
        spans = self._schedule.still_needed(self._pending, self._n_frames)
        for series in self._motion_series:
            series.keep(*((begin - TREND_FRAMES, end + TREND_FRAMES) for begin, end in spans))
        reach = self._reach_frames
        self._audio.keep(*((begin - reach, end + reach) for begin, end in spans))

    def _evidence_of(self, window: Window) -> OffsetEvidence:
        self._monitor.check()
        span = (window.first_frame, window.end_frame)
        n_frames = window.end_frame - window.first_frame
        # A change lies half a frame before its frame, an acceleration a whole one.
        acceleration = self._audio.lagged(window.first_frame, n_frames, TICKS_PER_FRAME)
        change = self._audio.lagged(window.first_frame, n_frames, TICKS_PER_FRAME // 2)
        cells_prior = (1 - 2 * WHOLE_PRIOR) / 2
        mixture = mixture_log_likelihood([
            (cells_prior, acceleration.log_likelihood(self._strongest(self._cells, *span))),
            (cells_prior, acceleration.log_likelihood(self._strongest(self._quads, *span))),
            (WHOLE_PRIOR, acceleration.log_likelihood(self._strongest(self._acceleration, *span))),
            (WHOLE_PRIOR, change.log_likelihood(self._strongest(self._change, *span))),
        ])  # fmt: skip
        return OffsetEvidence(
            window=window,
            axis_s=self._axis,
            log_likelihood=_with_jitter(np.logaddexp(mixture, UNRELATED_LOG_ODDS)),
            resolution_s=RESOLUTION_S,
        )

    def _strongest(self, series: Series, begin: int, end: int) -> NDArray[np.float32]:
        """Detrended motions (C, T) of a window, those with the largest variance."""
        span = (begin - TREND_FRAMES, end + TREND_FRAMES)
        motion = detrended_motion(series.get(*span), self._is_valid.get(*span) > 0)
        n_kept = min(N_CORRELATED, motion.shape[1])
        kept = np.argpartition(motion.var(axis=0), -n_kept)[-n_kept:]
        return np.ascontiguousarray(motion[:, kept].T, np.float32)


def _with_jitter(log_likelihood: NDArray[np.float64]) -> NDArray[np.float32]:
    """Log-likelihood blurred by the variable time between a movement and its sound."""
    sigma = JITTER_S / AXIS_STEP_S
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    padded = np.pad(likelihood, reach, mode="edge")
    blurred = np.convolve(padded, kernel / kernel.sum(), "valid")
    return np.log(np.maximum(blurred, 1e-30)).astype(np.float32)
