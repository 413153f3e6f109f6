"""Synchformer over a whole clip: each segment encoded once and shared by all its windows."""

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.engine import ClipContext, judged
from core.detection.evidence import OffsetEvidence, WindowPosterior, evidence_from_classes
from core.detection.squares import cut_squares
from core.detection.windows import Window, WindowSchedule
from core.errors import DetectionError
from core.media.decode import ClipChunk
from core.model.config import (
    CROP_FRAMES,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    WINDOW_FRAMES,
    WINDOW_SEGMENTS,
)
from core.model.grid import MAX_OFFSET_S
from core.model.inputs import audio_input, video_input
from core.model.synchformer import Synchformer
from core.progress import Monitor
from core.timing import SAMPLES_PER_FRAME

log = logging.getLogger(__name__)

_KEPT_FRAMES = CROP_FRAMES + SEGMENT_FRAMES
"""Pictures kept before the newest and before the last usable one: any window that can still be
asked for lies within them."""


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Raw input of one segment: (16, 224, 224, 3) uint8 and (10240,) float32."""

    start: int
    frames: NDArray[np.uint8]
    samples: NDArray[np.float32]


@dataclass(frozen=True, slots=True, eq=False)
class _Features:
    """Of one segment, float32 on the CPU: visual (8, D), audio (6, D)."""

    visual: torch.Tensor
    audio: torch.Tensor


class SynchformerEngine:
    """Judges by a synchronization network.

    Attributes:
        n_visual_encoded: Segments that went through the visual tower, over all clips so far.
        n_audio_encoded: Likewise, the audio tower.
        batch_size: Segments per call; halved when the device runs out of memory.
    """

    max_range_s = MAX_OFFSET_S
    sees_square = True
    confidence_rule = None

    def __init__(
        self,
        model: Synchformer,
        name: str,
        id: str,  # noqa: A002
        device: torch.device,
        dtype: torch.dtype,
        batch_size: int,
    ) -> None:
        self.name, self.id = name, id
        self.device, self.dtype, self.batch_size = device, dtype, batch_size
        self.n_visual_encoded = self.n_audio_encoded = 0
        self._model = model

    def start(
        self, config: DetectionConfig, monitor: Monitor, clip: ClipContext
    ) -> "SynchformerRun":
        return SynchformerRun(self, config, monitor, clip)

    @torch.inference_mode()
    def encode(self, segments: Sequence[_Segment]) -> list[_Features]:
        """Encode segments, at most `batch_size` at a time.

        Raises:
            DetectionError: The device has too little memory for even one segment.
        """
        features: list[_Features] = []
        while len(features) < len(segments):
            batch = segments[len(features) : len(features) + self.batch_size]
            try:
                features += self._encode_batch(batch)
            except torch.OutOfMemoryError as error:
                if self.batch_size == 1:
                    raise DetectionError(
                        f"{self.device} has too little free memory for {self.name}; close other"
                        " programs that use it, or choose the device cpu.",
                        details=str(error),
                    ) from error
                self.batch_size = max(1, self.batch_size // 2)
                log.warning("out of memory on %s; %d segments a call", self.device, self.batch_size)
                torch.cuda.empty_cache()
        return features

    def _encode_batch(self, batch: Sequence[_Segment]) -> list[_Features]:
        frames = torch.from_numpy(np.stack([segment.frames for segment in batch]))
        samples = torch.from_numpy(np.stack([segment.samples for segment in batch]))
        video = video_input(frames.to(self.device))[:, None]  # (B, 1, 16, 3, 224, 224)
        mel = audio_input(samples.to(self.device))[:, None]  # (B, 1, 1, 128, 66)
        visual = self._model.encode_video(video)[:, 0].float().cpu()  # (B, 8, D)
        audio = self._model.encode_audio(mel)[:, 0].float().cpu()  # (B, 6, D)
        self.n_visual_encoded += len(batch)
        self.n_audio_encoded += len(batch)
        return [_Features(v, a) for v, a in zip(visual, audio, strict=True)]

    @torch.inference_mode()
    def fuse(self, features: Sequence[_Features]) -> NDArray[np.float32]:
        """Return the (21,) logits of a window from the features of its 14 segments."""
        visual = torch.stack([f.visual for f in features])[None].to(self.device)  # (1, 14, 8, D)
        audio = torch.stack([f.audio for f in features])[None].to(self.device)  # (1, 14, 6, D)
        logits: NDArray[np.float32] = self._model.fuse(visual, audio)[0].float().cpu().numpy()
        return logits


class SynchformerRun:
    """The judgement of one clip; what it keeps does not grow with the clip."""

    def __init__(
        self,
        engine: SynchformerEngine,
        config: DetectionConfig,
        monitor: Monitor,
        clip: ClipContext,
    ) -> None:
        self._engine, self._config, self._monitor = engine, config, monitor
        self._clip, self._n_encoded = clip, 0
        self._schedule = WindowSchedule(config.hop_segments)
        self._frames: dict[int, NDArray[np.uint8]] = {}
        self._sounds: dict[int, NDArray[np.float32]] = {}
        self._waiting: deque[_Segment] = deque()
        self._cut: set[int] = set()
        self._features: dict[int, _Features] = {}
        self._open: deque[Window] = deque()

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Cut the segments of the windows that the piece completes; encode full batches."""
        pictures = cut_squares(chunk.frames, chunk.first_frame, self._clip.crops)
        sounds = chunk.waveform.reshape(-1, SAMPLES_PER_FRAME)
        usable = chunk.has_video & chunk.has_audio
        evidence: list[OffsetEvidence] = []
        # A window at a time, so that a long piece neither waits for its end nor fills the memory.
        for index, frame in enumerate(range(chunk.first_frame, chunk.first_frame + len(pictures))):
            self._frames[frame], self._sounds[frame] = pictures[index].copy(), sounds[index].copy()
            for window in self._schedule.extend(frame, usable[index : index + 1]):
                evidence += self._admit(window)
            self._forget(frame)
        return evidence

    def finish(self) -> Sequence[OffsetEvidence]:
        """Judge the remaining windows."""
        evidence: list[OffsetEvidence] = []
        for window in self._schedule.finish():
            evidence += self._admit(window)
        return [*evidence, *self._encode(at_least=1)]

    def _admit(self, window: Window) -> list[OffsetEvidence]:
        self._open.append(window)
        for index in range(WINDOW_SEGMENTS):
            start = window.first_frame + SEGMENT_HOP_FRAMES * index
            if start not in self._cut:
                self._cut.add(start)
                self._waiting.append(self._segment(start, window))
        return self._encode(at_least=self._engine.batch_size)

    def _segment(self, start: int, window: Window) -> _Segment:
        frames, samples = [], []
        held = self._frames[window.end_frame - 1]
        for frame in range(start, start + SEGMENT_FRAMES):
            is_padding = frame >= window.end_frame
            frames.append(held if is_padding else self._frames[frame])
            silence = np.zeros(SAMPLES_PER_FRAME, np.float32)
            samples.append(silence if is_padding else self._sounds[frame])
        return _Segment(start, np.stack(frames), np.concatenate(samples))

    def _encode(self, at_least: int) -> list[OffsetEvidence]:
        """Encode what waits while that is at least so many segments; judge completed windows."""
        evidence: list[OffsetEvidence] = []
        while self._waiting and len(self._waiting) >= at_least:
            self._monitor.check()
            n_taken = min(len(self._waiting), self._engine.batch_size)
            batch = [self._waiting.popleft() for _ in range(n_taken)]
            for segment, features in zip(batch, self._engine.encode(batch), strict=True):
                self._features[segment.start] = features
            self._n_encoded += n_taken * SEGMENT_HOP_FRAMES
            self._monitor.report(judged(self._n_encoded, self._clip.n_frames))
        while self._open and self._is_encoded(self._open[0]):
            evidence.append(self._judge(self._open.popleft()))
        return evidence

    def _is_encoded(self, window: Window) -> bool:
        return window.first_frame + WINDOW_FRAMES - SEGMENT_FRAMES in self._features

    def _judge(self, window: Window) -> OffsetEvidence:
        starts = range(
            window.first_frame,
            window.first_frame + WINDOW_FRAMES - SEGMENT_HOP_FRAMES,
            SEGMENT_HOP_FRAMES,
        )
        logits = self._engine.fuse([self._features[start] for start in starts])
        posterior = WindowPosterior(window, 0.0, logits)
        return evidence_from_classes(posterior, self._config.range_s)

    def _forget(self, newest: int) -> None:
        """Let go of what no later window can contain."""
        last_usable = self._schedule.last_usable
        for frame in list(self._frames):
            is_near_end = last_usable - _KEPT_FRAMES <= frame <= last_usable
            if frame >= newest - _KEPT_FRAMES or is_near_end:
                continue
            del self._frames[frame], self._sounds[frame]
        oldest = min([last_usable - _KEPT_FRAMES, *(w.first_frame for w in self._open)])
        for start in [start for start in self._features if start < oldest]:
            del self._features[start]
            self._cut.discard(start)
