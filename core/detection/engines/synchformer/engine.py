"""Engine of a loaded synchronization network: encodes segments and fuses windows."""

import logging
from collections.abc import Callable, Sequence

import numpy as np
import torch
from numpy.typing import NDArray

from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext
from core.detection.engines.synchformer.class_response import DEFAULT_RESPONSE, ClassResponse
from core.detection.engines.synchformer.run import SynchformerRun
from core.errors import DetectionError
from core.model.synchformer.inputs import audio_input, video_input
from core.model.synchformer.synchformer import Synchformer
from core.progress import Monitor

log = logging.getLogger(__name__)

_FUSED_TOGETHER = 8
"""Audio shifts of a window fused in one call; larger calls gain nothing."""


class SynchformerEngine:
    """Engine of a synchronization network.

    Attributes:
        response: Response of the network to offsets.
        lead_s: Shift that makes the audio early before it is encoded, in seconds: the lead of the
            audio in the training clips less the measured bias.
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
        lead_s: float = 0.0,
    ) -> None:
        self.name, self.id = name, id
        self.device, self.dtype, self.batch_size = device, dtype, batch_size
        self.response, self.lead_s = response, lead_s
        self.n_visual_encoded = self.n_audio_encoded = self.n_fused = 0
        self.is_slow = device.type == "cpu"
        self._model = model

    def start(self, config: DetectionConfig, monitor: Monitor, clip: ClipContext) -> SynchformerRun:
        return SynchformerRun(self, config, monitor, clip)

    def encode_video(self, segments: Sequence[NDArray[np.uint8]]) -> list[torch.Tensor]:
        """Encode segments of (16, 224, 224, 3) uint8 to (8, D) float32 on the CPU.

        Raises:
            DetectionError: The device has too little memory for even one segment.
        """
        found = self._in_batches(
            segments, lambda x: self._model.encode_video(video_input(x)[:, None])
        )
        self.n_visual_encoded += len(found)
        return found

    def encode_audio(self, segments: Sequence[NDArray[np.float32]]) -> list[torch.Tensor]:
        """Encode segments of (10240,) float32 to (6, D) float32 on the CPU.

        Raises:
            DetectionError: The device has too little memory for even one segment.
        """
        found = self._in_batches(
            segments, lambda x: self._model.encode_audio(audio_input(x)[:, None])
        )
        self.n_audio_encoded += len(found)
        return found

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
