"""The built-in engine: the lag network over a clip.

Each frame is encoded once. For each window the network compares the encoded cells with the audio
around the window and returns one logit per lag.
"""

import math
from collections.abc import Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.detection.answer.confidence import ConfidenceRule
from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext, analysis_progress
from core.detection.evidence import ClassLogits, OffsetEvidence, offset_axis
from core.detection.signals.ring_buffer import Series
from core.detection.windows import Window, WindowSchedule
from core.media.decoder import ClipChunk
from core.model.builtin.file import BuiltinModel
from core.model.builtin.inputs import grey_half, log_mel
from core.model.builtin.lag_net import LAG_STEP_S, LEAD_FRAMES, TOKENS_PER_FRAME, EncodedVideo
from core.model.synchformer.offset_classes import OFFSET_GRID_S, STEP_S
from core.progress import Monitor
from core.timing import SAMPLES_PER_FRAME

NAME = "built-in model"
ID = "builtin"

TRAINED_REACH_TOKENS = 120
"""Number of lags either way in training. The network never gets fewer: "unrelated" was learned in
competition with all of them."""

_TOKEN_SAMPLES = SAMPLES_PER_FRAME // TOKENS_PER_FRAME
_LOG_UNRELATED = -math.log(2 * TRAINED_REACH_TOKENS + 1)
"""Log-likelihood of unrelated audio and video, uniform over the lags."""


class LagEngine:
    """Engine by the built-in lag network, on the CPU.

    Attributes:
        model: Network and calibration.
        confidence_rule: Rule of the calibration, None without one.
    """

    name = NAME
    id = ID
    max_range_s = 30.0
    sees_square = False
    is_slow = False

    def __init__(self, model: BuiltinModel) -> None:
        self.model = model
        weights = model.calibration.confidence
        self.confidence_rule = ConfidenceRule(*weights) if weights else None

    def start(self, config: DetectionConfig, monitor: Monitor, clip: ClipContext) -> "LagRun":
        return LagRun(self.model, config, monitor, clip.n_frames)


class LagRun:
    """Analysis of one clip; buffers features and audio around the open windows."""

    def __init__(
        self, model: BuiltinModel, config: DetectionConfig, monitor: Monitor, n_frames: int
    ) -> None:
        self._model, self._monitor = model, monitor
        self._n_expected, self._n_done = n_frames, 0
        self._axis = offset_axis(config.range_s)
        self._reach = max(math.ceil(config.range_s / LAG_STEP_S), TRAINED_REACH_TOKENS)
        self._reach_frames = math.ceil(self._reach / TOKENS_PER_FRAME) + 1
        self._schedule = WindowSchedule(config.hop_segments)
        self._pending: list[Window] = []
        self._previous: NDArray[np.uint8] | None = None
        self._scales = torch.zeros(0, dtype=torch.long)
        self._cells, self._motion, self._is_valid = (Series() for _ in range(3))
        self._samples, self._has_audio = Series(), Series()
        self._video_series = (self._cells, self._motion, self._is_valid)
        self._audio_series = (self._samples, self._has_audio)

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Encode the next frames; return the evidence of windows with complete surroundings."""
        self._monitor.check()
        for series in (*self._video_series, *self._audio_series):
            series.end = chunk.first_frame
        if not chunk.is_margin:
            self._encode_video(chunk)
        self._samples.append(chunk.waveform.reshape(-1, SAMPLES_PER_FRAME))
        self._has_audio.append(chunk.has_audio.astype(np.float32))
        end = chunk.first_frame + len(chunk.frames)
        self._pending += self._schedule.extend(chunk.first_frame, chunk.has_video & chunk.has_audio)
        n_ready = sum(w.end_frame + self._reach_frames <= end for w in self._pending)
        evidence = [self._evidence_of(window) for window in self._pending[:n_ready]]
        del self._pending[:n_ready]
        self._forget(end)
        self._monitor.report(analysis_progress(self._n_done, self._n_expected))
        return evidence

    def finish(self) -> Sequence[OffsetEvidence]:
        """Analyze the remaining windows."""
        self._pending += self._schedule.finish()
        return [self._evidence_of(window) for window in self._pending]

    @torch.inference_mode()
    def _encode_video(self, chunk: ClipChunk) -> None:
        grey = grey_half(chunk.frames)
        is_valid = chunk.has_video.astype(np.float32)
        # A change needs one frame before it, an acceleration two.
        is_valid[: max(0, LEAD_FRAMES - self._n_done)] = 0
        if self._previous is None:
            self._previous = np.repeat(grey[:1], LEAD_FRAMES, axis=0)
        frames = np.concatenate([self._previous, grey])
        self._previous = frames[-LEAD_FRAMES:]
        seen = self._model.network.encode_video(torch.from_numpy(frames)[None])
        self._scales = seen.scales
        self._cells.append(seen.features[0].numpy())  # (T, width, C)
        self._motion.append(seen.motion[0].numpy())  # (T, 2, C)
        self._is_valid.append(is_valid)
        self._n_done += len(chunk.frames)

    def _forget(self, end: int) -> None:
        """Drop the signals outside of pending and future windows."""
        spans = self._schedule.still_needed(self._pending, end)
        for series in self._video_series:
            series.keep(*spans)
        reach = self._reach_frames
        for series in self._audio_series:
            series.keep(*((first - reach, last + reach) for first, last in spans))

    @torch.inference_mode()
    def _evidence_of(self, window: Window) -> OffsetEvidence:
        self._monitor.check()
        span = (window.first_frame, window.end_frame)
        cells, motion = (torch.from_numpy(s.get(*span))[None] for s in (self._cells, self._motion))
        is_valid = torch.from_numpy(self._is_valid.get(*span) > 0)[None]
        samples, has_audio = self._surrounding_audio(*span)
        network = self._model.network
        heard = network.encode_audio(log_mel(samples), has_audio)
        seen = EncodedVideo(cells, motion, self._scales)
        logits = network.compare(seen, heard, is_valid, has_audio)[0]
        curve = logits.double().numpy() / self._model.calibration.temperature
        lags = np.arange(-self._reach, self._reach + 1) * LAG_STEP_S
        fine = np.interp(self._axis, lags, curve)
        total = np.logaddexp.reduce(curve) - math.log(len(curve)) - _LOG_UNRELATED
        return OffsetEvidence(
            window=window,
            axis_s=self._axis,
            log_likelihood=np.logaddexp(fine, _LOG_UNRELATED).astype(np.float32),
            resolution_s=self._model.calibration.resolution_s,
            posterior=ClassLogits(0.0, _class_logits(lags, curve)),
            synchronizability=float(1 / (1 + np.exp(-total))),
        )

    def _surrounding_audio(self, first: int, end: int) -> tuple[torch.Tensor, torch.Tensor]:
        """Samples, (1, 320 N), and mask of the tokens with audio, (1, N), as for `compare`."""
        lead = self._reach_frames
        samples = self._samples.get(first - lead, end + lead).ravel()
        has_audio = self._has_audio.get(first - lead, end + lead) > 0
        skipped = lead * TOKENS_PER_FRAME - self._reach
        n_tokens = TOKENS_PER_FRAME * (end - first - 1) + 1 + 2 * self._reach
        tokens = slice(skipped, skipped + n_tokens)
        kept = slice(tokens.start * _TOKEN_SAMPLES, tokens.stop * _TOKEN_SAMPLES)
        return (
            torch.from_numpy(samples[kept])[None],
            torch.from_numpy(np.repeat(has_audio, TOKENS_PER_FRAME)[tokens])[None],
        )


def _class_logits(lags: NDArray[np.floating], curve: NDArray[np.floating]) -> NDArray[np.float32]:
    """Log probability, (21,), of the lags in the range of each class."""
    near = np.abs(lags - OFFSET_GRID_S[:, None]) <= STEP_S / 2 + 1e-6
    floor = np.full(len(lags), -np.inf)
    logits = np.array([np.logaddexp.reduce(np.where(row, curve, floor)) for row in near])
    kept: NDArray[np.float32] = np.maximum(logits, curve.min() - 1).astype(np.float32)
    return kept
