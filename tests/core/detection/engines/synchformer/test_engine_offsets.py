from typing import cast

import numpy as np
import pytest
import torch

from core.detection.answer.estimate import estimate_offset
from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext
from core.detection.engines.synchformer.engine import SynchformerEngine
from core.media.decoder import ClipChunk
from core.model.synchformer.inputs import LOG_MEL_MEAN, LOG_MEL_STD
from core.model.synchformer.offset_classes import OFFSET_GRID_S
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS

LOUDER = 0.3
"""Growth of the logarithm of the tone's amplitude, per second."""

N_FRAMES = 375


class ClockNetwork:
    """Reads the time from how bright the picture and how loud the sound is; knows 21 classes.

    Far from all classes it recognises nothing, so none of its logits is high.
    """

    def encode_video(self, video: torch.Tensor) -> torch.Tensor:
        frame = (video[..., 0, 0, 0].mean(dim=2) / 2 + 0.5) * 255 * 2
        return (frame / VIDEO_FPS)[:, :, None, None].repeat(1, 1, 8, 4)

    def encode_audio(self, mel: torch.Tensor) -> torch.Tensor:
        power = mel[..., 10:55].amax(dim=3).mean(dim=(2, 3)) * 2 * LOG_MEL_STD + LOG_MEL_MEAN
        return (power / 2 / LOUDER)[:, :, None, None].repeat(1, 1, 6, 4)

    def fuse(self, visual: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        offset_s = (audio.mean(dim=(2, 3)) - visual.mean(dim=(2, 3))).median(dim=1).values
        distance = torch.from_numpy(OFFSET_GRID_S) - offset_s[:, None]
        return -((distance / 0.12) ** 2).clamp(max=30)


def _clip(offset_s: float) -> ClipChunk:
    level = (np.arange(N_FRAMES) / 2).astype(np.uint8)
    frames = np.broadcast_to(level[:, None, None, None], (N_FRAMES, 224, 224, 3))
    time_s = np.arange(N_FRAMES * SAMPLES_PER_FRAME) / AUDIO_RATE_HZ + offset_s
    # So loud that at the start of a clip the loudest band has power e^0.
    wave = 0.01 * np.exp(LOUDER * time_s) * np.sin(2 * np.pi * 1000 * time_s)
    there = np.ones(N_FRAMES, dtype=bool)
    return ClipChunk(0, frames, wave.astype(np.float32), there, there)


def _answer(offset_s: float, config: DetectionConfig) -> float:
    model = cast(Synchformer, ClockNetwork())
    engine = SynchformerEngine(model, "clock", "clock", torch.device("cpu"), torch.float32, 14)
    run = engine.start(config, SILENT, ClipContext(N_FRAMES))
    evidence = [*run.consume(_clip(offset_s)), *run.finish()]
    return estimate_offset(evidence, config).offset_s


@pytest.fixture(scope="module")
def constant_s() -> float:
    """What the clock network says of a clip in sync: picture and sound start their clocks apart."""
    return _answer(0.0, DetectionConfig(hop_s=2.4))


@pytest.mark.parametrize(("offset_s", "range_s"), [(0.57, 2.0), (-1.13, 2.0), (6.0, 8.0)])
def test_the_offset_is_found(offset_s: float, range_s: float, constant_s: float) -> None:
    answer = _answer(offset_s, DetectionConfig(range_s=range_s, hop_s=2.4))
    assert answer - constant_s == pytest.approx(offset_s, abs=0.045)
