"""The classical estimate: where and when the picture jolts against when the sound sets in.

Needs no network. Motion of each cell of the picture and of the whole is correlated with onsets,
level and rise of the sound at every offset. Each correlation becomes a log-likelihood; they are
pooled, since nobody knows which of the motions goes with the sound.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext, analysis_progress
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence, offset_axis
from core.detection.signals.correlation import LaggedAudio, pooled
from core.detection.signals.detrend import (
    TREND_FRAMES,
    TREND_S,
    TREND_TICKS,
    prepared_audio,
    prepared_motion,
)
from core.detection.signals.motion import Motion, MotionMeter
from core.detection.signals.onsets import TICKS_PER_FRAME, AudioMeter
from core.detection.signals.ring_buffer import Series
from core.detection.windows import Window, WindowSchedule
from core.media.decoder import ClipChunk
from core.progress import Monitor
from core.timing import VIDEO_FPS

RESOLUTION_S = 0.07
"""Half-width that the margin never falls below: what moves is often seen a frame or two before or
after it is heard, all through a clip (tests/benchmarks/classical_accuracy.py)."""

UNRELATED_LOG_ODDS = 2.0
"""Log-likelihood, at each offset, of "what is heard is not what is seen moving"; 0 is that of no
correlation. Keeps windows with nothing in common flat."""

WHOLE_PRIOR = 0.15
"""Probability that the strongest jolt, and that the strongest change, of the whole picture is what
goes with the sound; the cells share the rest."""

LIVELIEST = 40
"""Cells, and squares of four, that are correlated: those whose motion varies most."""

JITTER_S = 0.03
"""Standard deviation of the time between a movement and its sound."""


@dataclass(frozen=True, slots=True)
class ClassicalEngine:
    """Judges by cross-correlation alone."""

    name: str = "classical estimate"
    id: str = "classical"
    max_range_s: float = 30.0
    sees_square: bool = False
    is_slow: bool = False
    confidence_rule: None = None

    def start(self, config: DetectionConfig, monitor: Monitor, clip: ClipContext) -> "ClassicalRun":
        return ClassicalRun(config, monitor, clip.n_frames)


class ClassicalRun:
    """The judgement of one clip; keeps the signals around the windows that are still open."""

    def __init__(self, config: DetectionConfig, monitor: Monitor, n_frames: int) -> None:
        self._monitor = monitor
        self._n_expected, self._n_measured = n_frames, 0
        self._axis = offset_axis(config.range_s)
        self._schedule = WindowSchedule(config.hop_segments)
        self._motion_meter, self._audio_meter = MotionMeter(), AudioMeter()
        self._cells, self._quads, self._jolt, self._change = (Series() for _ in range(4))
        self._seen = Series()
        self._onsets, self._level, self._heard = Series(), Series(), Series()
        self._pending: list[Window] = []
        self._n_frames = 0
        self._is_begun = False
        self._reach_frames = math.ceil((config.range_s + TREND_S) * VIDEO_FPS) + 2

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Measure the next piece; return evidence of the windows whose surroundings are known."""
        self._monitor.check()
        if not self._is_begun:
            self._begin(chunk.first_frame)
        for series in self._seen_series:
            series.end = chunk.first_frame
        if not chunk.is_margin:
            self._append_motion(self._motion_meter.measure(chunk))
            self._n_measured += len(chunk.frames)
        self._heard.append(np.repeat(chunk.has_audio, TICKS_PER_FRAME).astype(np.float32))
        self._append_audio(self._audio_meter.measure(chunk.waveform))
        self._n_frames = chunk.first_frame + len(chunk.frames)
        self._pending += self._schedule.extend(chunk.first_frame, chunk.has_video & chunk.has_audio)
        n_ready = sum(w.end_frame + self._reach_frames <= self._n_frames for w in self._pending)
        evidence = [self._evidence_of(window) for window in self._pending[:n_ready]]
        del self._pending[:n_ready]
        self._forget()
        self._monitor.report(analysis_progress(self._n_measured, self._n_expected))
        return evidence

    def finish(self) -> Sequence[OffsetEvidence]:
        """Judge the remaining windows."""
        self._append_audio(self._audio_meter.flush())
        self._pending += self._schedule.finish()
        evidence = []
        for window in self._pending:
            self._monitor.check()
            evidence.append(self._evidence_of(window))
        self._pending.clear()
        return evidence

    @property
    def _seen_series(self) -> tuple[Series, ...]:
        return self._cells, self._quads, self._jolt, self._change, self._seen

    @property
    def _heard_series(self) -> tuple[Series, ...]:
        return self._onsets, self._level, self._heard

    def _begin(self, first_frame: int) -> None:
        self._is_begun = True
        for series in self._heard_series:
            series.end = first_frame * TICKS_PER_FRAME

    def _append_motion(self, motion: Motion) -> None:
        self._cells.append(motion.cells)
        self._quads.append(motion.quads)
        self._jolt.append(motion.jolt)
        self._change.append(motion.change)
        self._seen.append(motion.seen.astype(np.float32))

    def _append_audio(self, measured: tuple[NDArray[np.float32], ...]) -> None:
        self._onsets.append(measured[0])
        self._level.append(measured[1])

    def _forget(self) -> None:
        """Let go of what no window, pending or yet to come, can need."""
        spans = self._schedule.still_needed(self._pending, self._n_frames)
        for all_series, reach, n_values in (
            (self._seen_series, TREND_FRAMES, 1),
            (self._heard_series, self._reach_frames, TICKS_PER_FRAME),
        ):
            kept = [((begin - reach) * n_values, (end + reach) * n_values) for begin, end in spans]
            for series in all_series:
                series.keep(*kept)

    def _evidence_of(self, window: Window) -> OffsetEvidence:
        span = (window.first_frame, window.end_frame)
        # A change lies half a frame before its frame, a jolt a whole one.
        jolts = self._audio_of(window, TICKS_PER_FRAME)
        changes = self._audio_of(window, TICKS_PER_FRAME // 2)
        cells_prior = (1 - 2 * WHOLE_PRIOR) / 2
        mixture = pooled([
            (cells_prior, jolts.log_likelihood(self._liveliest(self._cells, *span))),
            (cells_prior, jolts.log_likelihood(self._liveliest(self._quads, *span))),
            (WHOLE_PRIOR, jolts.log_likelihood(self._liveliest(self._jolt, *span))),
            (WHOLE_PRIOR, changes.log_likelihood(self._liveliest(self._change, *span))),
        ])  # fmt: skip
        return OffsetEvidence(
            window=window,
            axis_s=self._axis,
            log_likelihood=_with_jitter(np.logaddexp(mixture, UNRELATED_LOG_ODDS)),
            resolution_s=RESOLUTION_S,
        )

    def _audio_of(self, window: Window, lead_ticks: int) -> LaggedAudio:
        """Lay the sound against motion that belongs `lead_ticks` before its frame."""
        n_frames = window.end_frame - window.first_frame
        reach = len(self._axis) // 2
        begin = window.first_frame * TICKS_PER_FRAME - lead_ticks - reach
        n_ticks = (n_frames - 1) * TICKS_PER_FRAME + 1 + 2 * reach
        span = (begin - TREND_TICKS, begin + n_ticks + TREND_TICKS)
        heard = self._heard.get(*span) > 0
        sounds, usable = prepared_audio(self._onsets.get(*span), self._level.get(*span), heard)
        return LaggedAudio(sounds, usable, n_frames)

    def _liveliest(self, series: Series, begin: int, end: int) -> NDArray[np.float32]:
        """Return (C, T): the motions of a window that vary most, without cuts and trend."""
        span = (begin - TREND_FRAMES, end + TREND_FRAMES)
        motion = prepared_motion(series.get(*span), self._seen.get(*span) > 0)
        n_kept = min(LIVELIEST, motion.shape[1])
        kept = np.argpartition(motion.var(axis=0), -n_kept)[-n_kept:]
        return np.ascontiguousarray(motion[:, kept].T, np.float32)


def _with_jitter(log_likelihood: NDArray[np.float64]) -> NDArray[np.float32]:
    """Blur the likelihood by the time between a movement and its sound."""
    sigma = JITTER_S / AXIS_STEP_S
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    padded = np.pad(likelihood, reach, mode="edge")
    blurred = np.convolve(padded, kernel / kernel.sum(), "valid")
    return np.log(np.maximum(blurred, 1e-30)).astype(np.float32)
