"""The Synchformer engine: a loaded network, and its run over a clip.

Each segment is encoded once for all windows and audio shifts.
"""

import logging
import math
from collections import deque
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.crop.cut import cut_squares
from core.detection.crop_plan import CropPlan
from core.detection.engines.base import ClipContext, analysis_progress
from core.detection.engines.synchformer.class_response import (
    DEFAULT_RESPONSE,
    ClassResponse,
    coarse_shifts,
    fused_likelihood,
    sub_grid,
)
from core.detection.evidence import (
    ClassLogits,
    OffsetEvidence,
    evidence_from_classes,
    offset_axis,
)
from core.detection.signals.ring_buffer import Series
from core.detection.windows import Window, WindowSchedule
from core.errors import DetectionError
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import (
    CROP_FRAMES,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    SEGMENT_SAMPLES,
    WINDOW_SEGMENTS,
)
from core.model.synchformer.inputs import audio_input, video_input
from core.model.synchformer.synchformer import Synchformer
from core.progress import Monitor
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME

log = logging.getLogger(__name__)

_FUSED_TOGETHER = 8
"""Audio shifts of a window fused in one call; larger calls gain nothing."""

_KEPT_FRAMES = CROP_FRAMES + SEGMENT_FRAMES
"""Frames kept before the newest one and before the last usable one; they cover all windows to
come."""

_HOP_SAMPLES = SEGMENT_HOP_FRAMES * SAMPLES_PER_FRAME

_LEAST_AUDIO = 0.5
"""Least share of a window with audio for the evaluation of a coarse shift."""

_AudioKey = tuple[int, int]
"""First audio sample of the analysis clock, and the one after the last; silence follows."""


class SynchformerEngine:
    """Engine of a synchronization network.

    Attributes:
        response: Response of the network to offsets.
        audio_lead_s: Shift in seconds to make the audio early before it is encoded: its lead in the
            training clips less the measured bias.
        n_visual_encoded: Number of segments encoded by the visual tower, over all clips.
        n_audio_encoded: Number of segments encoded by the audio tower, over all clips.
        n_fused: Number of windows fused, counting each audio shift.
        is_slow: True on a CPU, which encodes visual segments slower than they play.
        batch_size: Segments per call; halved when the device runs out of memory.
    """

    max_range_s = 30.0
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
        *,
        response: ClassResponse = DEFAULT_RESPONSE,
        audio_lead_s: float = 0.0,
    ) -> None:
        self.name, self.id = name, id
        self.device, self.dtype, self.batch_size = device, dtype, batch_size
        self.response, self.audio_lead_s = response, audio_lead_s
        self.n_visual_encoded = self.n_audio_encoded = self.n_fused = 0
        self.is_slow = device.type == "cpu"
        self._model = model

    def start(
        self, config: DetectionConfig, monitor: Monitor, clip: ClipContext
    ) -> "SynchformerRun":
        return SynchformerRun(self, config, monitor, clip)

    def encode_video(self, segments: Sequence[NDArray[np.uint8]]) -> list[torch.Tensor]:
        """Encode segments of (16, 224, 224, 3) uint8 to (8, D) float32 on the CPU.

        Raises:
            DetectionError: The device has too little memory for even one segment.
        """
        self.n_visual_encoded += len(segments)
        return self._in_batches(
            segments, lambda x: self._model.encode_video(video_input(x)[:, None])
        )

    def encode_audio(self, segments: Sequence[NDArray[np.float32]]) -> list[torch.Tensor]:
        """Encode segments of (10240,) float32 to (6, D) float32 on the CPU.

        Raises:
            DetectionError: The device has too little memory for even one segment.
        """
        self.n_audio_encoded += len(segments)
        return self._in_batches(
            segments, lambda x: self._model.encode_audio(audio_input(x)[:, None])
        )

    @torch.inference_mode()
    def fuse(self, visual: torch.Tensor, audio: torch.Tensor) -> NDArray[np.float32]:
        """Compute the (B, 21) logits of one window for B shifts of its audio.

        Args:
            visual: (14, 8, D)
            audio: (B, 14, 6, D)
        """
        found = []
        for first in range(0, len(audio), _FUSED_TOGETHER):
            part = audio[first : first + _FUSED_TOGETHER]
            seen = visual[None].expand(len(part), -1, -1, -1).to(self.device)
            found.append(self._model.fuse(seen, part.to(self.device)).float().cpu())
        self.n_fused += len(audio)
        logits: NDArray[np.float32] = torch.cat(found).numpy()
        return logits

    @torch.inference_mode()
    def _in_batches(
        self,
        segments: Sequence[NDArray[np.uint8]] | Sequence[NDArray[np.float32]],
        encode: Callable[[torch.Tensor], torch.Tensor],
    ) -> list[torch.Tensor]:
        found: list[torch.Tensor] = []
        while len(found) < len(segments):
            batch = segments[len(found) : len(found) + self.batch_size]
            try:
                encoded = encode(torch.from_numpy(np.stack(batch)).to(self.device))
                found += encoded[:, 0].float().cpu()
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
        return found


@dataclass(frozen=True, slots=True, eq=False)
class _Segment:
    """Frames of one segment, (16, 224, 224, 3) uint8; `is_whole` if none of them is padding."""

    start: int
    frames: NDArray[np.uint8]
    is_whole: bool


class SynchformerRun:
    """Analysis of one clip; its memory does not grow with the clip.

    Within the reach of the classes, a window is evaluated at every shift of the sub-grid. Beyond,
    it is evaluated at coarse shifts, then at those of the sub-grid around the likeliest offset.
    """

    def __init__(
        self,
        engine: SynchformerEngine,
        config: DetectionConfig,
        monitor: Monitor,
        clip: ClipContext,
    ) -> None:
        self._engine, self._config, self._monitor, self._clip = engine, config, monitor, clip
        self._n_encoded = 0
        self._schedule = WindowSchedule(config.hop_segments)
        self._lead = round(engine.audio_lead_s * AUDIO_RATE_HZ)
        self._fine = [round(shift * AUDIO_RATE_HZ) for shift in sub_grid(config.shift_step_s)]
        self._bases = [round(shift * AUDIO_RATE_HZ) for shift in coarse_shifts(config.range_s)]
        reach_s = config.range_s + 1 if len(self._bases) > 1 else 0.0
        self._reach = (
            math.ceil(reach_s * AUDIO_RATE_HZ) + max(map(abs, self._fine)) + abs(self._lead)
        )
        self._frames: dict[int, NDArray[np.uint8]] = {}
        self._samples, self._has_audio = Series(), Series()
        self._waiting: deque[_Segment] = deque()
        self._admitted: set[int] = set()
        self._visual: dict[int, torch.Tensor] = {}
        self._audio: dict[_AudioKey, torch.Tensor] = {}
        self._open: deque[Window] = deque()

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        """Cut the segments of completed windows; encode full batches."""
        self._samples.end = chunk.first_frame * SAMPLES_PER_FRAME
        self._has_audio.end = chunk.first_frame
        self._samples.append(chunk.waveform)
        self._has_audio.append(chunk.has_audio.astype(np.float32))
        usable = chunk.has_video & chunk.has_audio
        frames = None
        if not chunk.is_margin:
            frames = cut_squares(chunk.frames, chunk.first_frame, self._clip.crops)
        evidence: list[OffsetEvidence] = []
        # A window at a time, so that a long piece neither waits for its end nor fills the memory.
        for index, frame in enumerate(range(chunk.first_frame, chunk.first_frame + len(usable))):
            if frames is not None:
                self._frames[frame] = frames[index].copy()
            for window in self._schedule.extend(frame, usable[index : index + 1]):
                self._admit(window)
                evidence += self._advance(self._engine.batch_size, self._samples.end - self._reach)
            self._forget(frame)
        evidence += self._advance(self._engine.batch_size, self._samples.end - self._reach)
        self._forget_audio()
        return evidence

    def finish(self) -> Sequence[OffsetEvidence]:
        """Analyze the remaining windows."""
        for window in self._schedule.finish():
            self._admit(window)
        return self._advance(at_least=1, audio_end=None)

    def _admit(self, window: Window) -> None:
        self._open.append(window)
        for start in _starts(window):
            if start in self._admitted:
                continue
            self._admitted.add(start)
            is_whole = start + SEGMENT_FRAMES <= window.end_frame
            if is_whole and self._is_kept(start):
                continue
            frames = [
                self._frames[min(frame, window.end_frame - 1)]
                for frame in range(start, start + SEGMENT_FRAMES)
            ]
            self._waiting.append(_Segment(start, np.stack(frames), is_whole))

    def _is_kept(self, start: int) -> bool:
        """Take the features of a whole segment if kept; True if so."""
        if self._clip.features is None or not self._has_one_square(start):
            return False
        kept = self._clip.features.get(start, self._clip.crops.square_at(start))
        if kept is not None:
            self._visual[start] = torch.from_numpy(kept)
            self._n_encoded += 1
        return kept is not None

    def _has_one_square(self, start: int) -> bool:
        crops = self._clip.crops
        return len({crops.square_at(frame) for frame in range(start, start + SEGMENT_FRAMES)}) == 1

    def _advance(self, at_least: int, audio_end: int | None) -> list[OffsetEvidence]:
        """Encode waiting segments; evaluate the completed windows.

        Args:
            at_least: Encode frames while at least this many segments wait.
            audio_end: Last audio sample of the windows to evaluate; None for all.
        """
        while self._waiting and len(self._waiting) >= at_least:
            self._encode_waiting()
        ready: list[Window] = []
        while self._open and all(start in self._visual for start in _starts(self._open[0])):
            end = self._open[0].end_frame * SAMPLES_PER_FRAME
            if audio_end is not None and end > audio_end:
                break
            ready.append(self._open.popleft())
        shared = self._clip.evidence
        pending = [window for window in ready if self._key(window) not in shared]
        self._encode_audio(
            (window, shift) for window in pending for shift in self._first_shifts(window)
        )
        for window in pending:
            shared[self._key(window)] = self._evidence_of(window)
        return [shared[self._key(window)] for window in ready]

    def _key(self, window: Window) -> tuple[int, int, CropPlan]:
        span = window.first_frame, window.end_frame
        return (*span, self._clip.crops.between(*span))

    def _encode_waiting(self) -> None:
        self._monitor.check()
        batch: list[_Segment] = []
        while self._waiting and len(batch) < self._engine.batch_size:
            segment = self._waiting.popleft()
            # A run with the same square may have encoded it since.
            if not (segment.is_whole and self._is_kept(segment.start)):
                batch.append(segment)
        encoded = self._engine.encode_video([segment.frames for segment in batch])
        kept = self._clip.features
        for segment, features in zip(batch, encoded, strict=True):
            self._visual[segment.start] = features
            if kept is not None and segment.is_whole and self._has_one_square(segment.start):
                square = self._clip.crops.square_at(segment.start)
                kept.put(segment.start, square, features.numpy())
        self._n_encoded += len(batch)
        self._monitor.report(
            analysis_progress(self._n_encoded * SEGMENT_HOP_FRAMES, self._clip.n_frames)
        )

    def _first_shifts(self, window: Window) -> list[int]:
        """First audio shifts at which a window is evaluated, in samples."""
        if len(self._bases) == 1:
            return self._fine
        return [base for base in self._bases if not base or self._has_enough_audio(window, base)]

    def _has_enough_audio(self, window: Window, shift: int) -> bool:
        first = window.first_frame + shift // SAMPLES_PER_FRAME
        has_audio = self._has_audio.get(first, first + window.end_frame - window.first_frame)
        return float(has_audio.mean()) >= _LEAST_AUDIO

    def _encode_audio(self, requests: Iterable[tuple[Window, int]]) -> None:
        """Encode the audio of windows at shifts in samples, unless already encoded."""
        keys = (key for window, shift in requests for key in self._audio_keys(window, shift))
        missing = [key for key in dict.fromkeys(keys) if key not in self._audio]
        for first in range(0, len(missing), self._engine.batch_size):
            self._monitor.check()
            batch = missing[first : first + self._engine.batch_size]
            segments = []
            for start, stop in batch:
                samples = np.zeros(SEGMENT_SAMPLES, np.float32)
                samples[: stop - start] = self._samples.get(start, stop)
                segments.append(samples)
            self._audio.update(zip(batch, self._engine.encode_audio(segments), strict=True))

    def _audio_keys(self, window: Window, shift: int) -> list[_AudioKey]:
        """Audio samples of the 14 segments; a padded window ends in silence."""
        end = window.end_frame * SAMPLES_PER_FRAME + shift + self._lead
        starts = [s * SAMPLES_PER_FRAME + shift + self._lead for s in _starts(window)]
        return [(start, max(start, min(start + SEGMENT_SAMPLES, end))) for start in starts]

    def _evidence_of(self, window: Window) -> OffsetEvidence:
        shifts = self._first_shifts(window)
        answers = self._evaluate(window, shifts)
        is_far = len(self._bases) > 1
        unshifted = next(answer for answer in answers if not answer.audio_shift_s)
        posterior = ClassLogits(self._lead / AUDIO_RATE_HZ, unshifted.logits)
        range_s, response = self._config.range_s, self._engine.response
        if not is_far and len(self._fine) == 1:
            return evidence_from_classes(window, posterior, range_s)
        if is_far and len(self._fine) > 1:
            best = int(fused_likelihood(answers, response, range_s).argmax())
            likeliest = float(offset_axis(range_s)[best]) * AUDIO_RATE_HZ
            centre = round(likeliest / _HOP_SAMPLES) * _HOP_SAMPLES
            around = [fine - centre for fine in self._fine if fine - centre not in shifts]
            more = [shift for shift in around if self._has_enough_audio(window, shift)]
            self._encode_audio((window, shift) for shift in more)
            answers += self._evaluate(window, more)
        return OffsetEvidence(
            window=window,
            axis_s=offset_axis(range_s),
            log_likelihood=fused_likelihood(answers, response, range_s),
            resolution_s=max(response.resolution_s, self._config.shift_step_s / 2),
            posterior=posterior,
            evaluations=tuple(answers),
        )

    def _evaluate(self, window: Window, shifts: Sequence[int]) -> list[ClassLogits]:
        if not shifts:
            return []
        self._monitor.check()
        visual = torch.stack([self._visual[start] for start in _starts(window)])
        keys = [self._audio_keys(window, shift) for shift in shifts]
        audio = torch.stack([torch.stack([self._audio[key] for key in row]) for row in keys])
        logits = self._engine.fuse(visual, audio)
        return [ClassLogits(s / AUDIO_RATE_HZ, row) for s, row in zip(shifts, logits, strict=True)]

    def _forget(self, newest: int) -> None:
        """Drop the frames and features no later window can contain."""
        last_usable = self._schedule.last_usable
        for frame in list(self._frames):
            is_near_end = last_usable - _KEPT_FRAMES <= frame <= last_usable
            if frame < newest - _KEPT_FRAMES and not is_near_end:
                del self._frames[frame]
        oldest = min([last_usable - _KEPT_FRAMES, *(w.first_frame for w in self._open)])
        for start in [start for start in self._visual if start < oldest]:
            del self._visual[start]
            self._admitted.discard(start)
        oldest_sample = oldest * SAMPLES_PER_FRAME - self._reach
        for key in [key for key in self._audio if key[0] < oldest_sample]:
            del self._audio[key]

    def _forget_audio(self) -> None:
        """Drop the audio no window can need, pending or yet to come."""
        end = self._samples.end // SAMPLES_PER_FRAME
        lead = self._reach // SAMPLES_PER_FRAME + 1
        needed = self._schedule.still_needed(self._open, end)
        spans = [(first - lead, last + lead) for first, last in needed]
        self._has_audio.keep(*spans)
        self._samples.keep(*((a * SAMPLES_PER_FRAME, b * SAMPLES_PER_FRAME) for a, b in spans))


def _starts(window: Window) -> range:
    """First frames of the 14 segments of a window, including padding."""
    first = window.first_frame
    return range(first, first + WINDOW_SEGMENTS * SEGMENT_HOP_FRAMES, SEGMENT_HOP_FRAMES)
