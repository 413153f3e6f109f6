"""The classical estimate: when the picture moves most against when the sound sets in.

Needs no network. Motion of the strongest-moving pixels is correlated with the onsets and with the
level of the sound at every offset; both correlations become log-likelihoods and are added.
"""

import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.engine import judged
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence, offset_axis
from core.detection.signals import TICKS_PER_FRAME, MotionMeter, SoundMeter
from core.detection.windows import Window, WindowSchedule
from core.media.decode import ClipChunk
from core.model.config import WINDOW_FRAMES
from core.progress import Monitor
from core.timing import VIDEO_FPS

RESOLUTION_S = 0.07
"""Half-width that the margin never falls below: what moves is often seen a frame or two before or
after it is heard, all through a clip (tests/benchmarks/classical_accuracy.py)."""

EFFECTIVE_SAMPLES = 40.0
"""A full window of 120 values counts as this many independent ones, for each correlation."""

UNRELATED_LOG_ODDS = 2.0
"""Log-likelihood, at each offset, of "what is heard is not what is seen moving"; 0 is that of no
correlation. Keeps windows with nothing in common flat."""

JITTER_S = 0.03
"""Standard deviation of the time between a movement and its sound."""

TREND_S = 2.0
"""Changes slower than this say nothing about sync and are removed."""

MIN_OVERLAP = 0.25
"""Share of a window that needs sound at an offset for the offset to be judged."""

_TREND_FRAMES = round(TREND_S * VIDEO_FPS)
_TREND_TICKS = _TREND_FRAMES * TICKS_PER_FRAME
_EDGE_TICKS = 4
_BOX = np.array([0.125, 0.25, 0.25, 0.25, 0.125])


@dataclass(frozen=True, slots=True)
class ClassicalEngine:
    """Judges by cross-correlation alone."""

    name: str = "classical estimate"
    id: str = "classical"
    max_range_s: float = 30.0

    def start(self, config: DetectionConfig, monitor: Monitor, n_frames: int) -> "ClassicalRun":
        return ClassicalRun(config, monitor, n_frames)


class ClassicalRun:
    """The judgement of one clip; keeps the signals around the windows that are still open."""

    def __init__(self, config: DetectionConfig, monitor: Monitor, n_frames: int) -> None:
        self._monitor = monitor
        self._n_expected, self._n_measured = n_frames, 0
        self._axis = offset_axis(config.range_s)
        self._schedule = WindowSchedule(config.hop_segments)
        self._motion_meter, self._sound_meter = MotionMeter(), SoundMeter()
        self._motion = _Series()
        self._onsets, self._level, self._heard = _Series(), _Series(), _Series()
        self._pending: list[Window] = []
        self._n_frames = 0
        self._is_begun = False
        self._reach_frames = math.ceil((config.range_s + TREND_S) * VIDEO_FPS) + 2

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Measure the next piece; return evidence of the windows whose surroundings are known."""
        self._monitor.check()
        if not self._is_begun:
            self._begin(chunk.first_frame)
        self._motion.append(self._motion_meter.measure(chunk))
        self._heard.append(np.repeat(chunk.has_audio, TICKS_PER_FRAME).astype(np.float32))
        self._append_sound(self._sound_meter.measure(chunk.waveform))
        self._n_frames = chunk.first_frame + len(chunk.frames)
        self._pending += self._schedule.extend(chunk.first_frame, chunk.has_video & chunk.has_audio)
        n_ready = sum(w.end_frame + self._reach_frames <= self._n_frames for w in self._pending)
        evidence = [self._judge(window) for window in self._pending[:n_ready]]
        del self._pending[:n_ready]
        self._forget()
        self._n_measured += len(chunk.frames)
        self._monitor.report(judged(self._n_measured, self._n_expected))
        return evidence

    def finish(self) -> Sequence[OffsetEvidence]:
        """Judge the remaining windows."""
        self._append_sound(self._sound_meter.flush())
        self._pending += self._schedule.finish()
        evidence = []
        for window in self._pending:
            self._monitor.check()
            evidence.append(self._judge(window))
        self._pending.clear()
        return evidence

    def _begin(self, first_frame: int) -> None:
        self._is_begun = True
        self._motion.start = first_frame
        for series in (self._onsets, self._level, self._heard):
            series.start = first_frame * TICKS_PER_FRAME

    def _append_sound(self, measured: tuple[NDArray[np.float32], ...]) -> None:
        self._onsets.append(measured[0])
        self._level.append(measured[1])

    def _forget(self) -> None:
        tail = max(self._schedule.last_usable, 0) - 2 * WINDOW_FRAMES
        oldest = min([tail, *(window.first_frame for window in self._pending)])
        self._motion.forget(oldest - self._reach_frames)
        for series in (self._onsets, self._level, self._heard):
            series.forget((oldest - self._reach_frames) * TICKS_PER_FRAME)

    def _judge(self, window: Window) -> OffsetEvidence:
        first, n_frames = window.first_frame, window.end_frame - window.first_frame
        motion = self._window_motion(first, n_frames)
        # Frame pair k belongs to tick 4 k - 2, and offset o hears it at that tick minus o.
        reach = len(self._axis) // 2
        begin = first * TICKS_PER_FRAME - TICKS_PER_FRAME // 2 - reach
        n_ticks = (n_frames - 1) * TICKS_PER_FRAME + 1 + 2 * reach
        margin = _TREND_TICKS
        span = (begin - margin, begin + n_ticks + margin)
        heard = _erode(self._heard.get(*span) > 0)
        onsets = np.convolve(self._onsets.get(*span), _BOX, "same")
        level = _without_trend(
            np.convolve(self._level.get(*span), _BOX, "same"), heard, _TREND_TICKS
        )
        inner = slice(margin, margin + n_ticks)
        log_likelihood = np.zeros(len(self._axis))
        for signal in (onsets[inner], level[inner]):
            log_likelihood += _log_likelihood(motion, signal, heard[inner])
        return OffsetEvidence(
            window=window,
            axis_s=self._axis,
            log_likelihood=_with_jitter(np.logaddexp(log_likelihood, UNRELATED_LOG_ODDS)),
            resolution_s=RESOLUTION_S,
        )

    def _window_motion(self, first: int, n_frames: int) -> NDArray[np.float64]:
        # The square root keeps a camera cut from outweighing everything else.
        span = (first - _TREND_FRAMES, first + n_frames + _TREND_FRAMES)
        seen = self._motion.known(*span)
        motion = _without_trend(np.sqrt(self._motion.get(*span)), seen, _TREND_FRAMES)
        inside = slice(_TREND_FRAMES, _TREND_FRAMES + n_frames)
        return np.where(self._motion.get(first, first + n_frames) > 0, motion[inside], 0.0)


class _Series:
    """A signal that grows at its end and is forgotten at its beginning."""

    def __init__(self) -> None:
        self.start = 0
        self._values = np.zeros(0, np.float32)

    def append(self, values: NDArray[np.float32]) -> None:
        self._values = np.concatenate([self._values, values])

    def forget(self, before: int) -> None:
        n_forgotten = min(max(before - self.start, 0), len(self._values))
        self._values = self._values[n_forgotten:]
        self.start += n_forgotten

    def known(self, begin: int, end: int) -> NDArray[np.bool_]:
        indices = np.arange(begin, end)
        known: NDArray[np.bool_] = (indices >= self.start) & (
            indices < self.start + len(self._values)
        )
        return known

    def get(self, begin: int, end: int) -> NDArray[np.float64]:
        """Return the values from `begin` to before `end`, 0 where there are none."""
        values = np.zeros(end - begin)
        low, high = max(begin, self.start), min(end, self.start + len(self._values))
        if low < high:
            values[low - begin : high - begin] = self._values[low - self.start : high - self.start]
        return values


def _erode(heard: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Drop the ticks next to missing sound, whose beginning and end look like events."""
    missing = np.convolve(~heard, np.ones(2 * _EDGE_TICKS + 1), "same")
    eroded: NDArray[np.bool_] = missing < 0.5
    return eroded


def _without_trend(
    signal: NDArray[np.float64], known: NDArray[np.bool_], length: int
) -> NDArray[np.float64]:
    """Subtract the mean of the known values around each value."""
    box = np.ones(length + 1)
    counts = np.maximum(np.convolve(known, box, "same"), 1)
    trend: NDArray[np.float64] = np.convolve(np.where(known, signal, 0), box, "same") / counts
    return signal - trend


def _log_likelihood(
    motion: NDArray[np.float64], sound: NDArray[np.float64], heard: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Return the (M,) log-likelihood of each offset, 0 where nothing is in common.

    Motion is taken as a linear function of the sound with Gaussian noise; with r the correlation
    and n the effective number of samples, the best such function gains -n/2 log(1 - r^2) over none.
    Sound that goes with less motion explains nothing, so negative r counts as 0.

    Args:
        motion: (T,) at 25 Hz.
        sound: ((T - 1) * 4 + M,) every 10 ms, from the tick that belongs to the largest offset.
        heard: Likewise, whether there is sound.
    """
    n_values = len(motion)
    span = (n_values - 1) * TICKS_PER_FRAME + 1

    def at_offsets(signal: NDArray[np.float64]) -> NDArray[np.float64]:
        """Return (M, T), a row for each offset in rising order."""
        pieces = np.lib.stride_tricks.sliding_window_view(signal, span)
        return np.ascontiguousarray(pieces[::-1, ::TICKS_PER_FRAME])

    there = at_offsets(heard.astype(np.float64))
    sounds = at_offsets(np.where(heard, sound, 0))
    n = np.maximum(there.sum(1), 1)
    sum_motion, sum_sound = there @ motion, sounds.sum(1)
    covariance = sounds @ motion - sum_motion * sum_sound / n
    motion_power = there @ motion**2 - sum_motion**2 / n
    sound_power = np.einsum("mt,mt->m", sounds, sounds) - sum_sound**2 / n
    power = motion_power * sound_power
    is_judged = (power > 1e-9) & (n >= MIN_OVERLAP * n_values)
    r = np.clip(covariance / np.sqrt(np.where(is_judged, power, 1)), 0, 0.999)
    gain = -0.5 * EFFECTIVE_SAMPLES * n / WINDOW_FRAMES * np.log1p(-(r**2))
    return np.where(is_judged, gain, 0.0)


def _with_jitter(log_likelihood: NDArray[np.float64]) -> NDArray[np.float32]:
    """Blur the likelihood by the time between a movement and its sound."""
    sigma = JITTER_S / AXIS_STEP_S
    reach = math.ceil(4 * sigma)
    kernel = np.exp(-(np.arange(-reach, reach + 1) ** 2) / (2 * sigma**2))
    likelihood = np.exp(log_likelihood - log_likelihood.max())
    padded = np.pad(likelihood, reach, mode="edge")
    blurred = np.convolve(padded, kernel / kernel.sum(), "valid")
    return np.log(np.maximum(blurred, 1e-30)).astype(np.float32)
