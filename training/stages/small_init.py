"""Initial values for a small synchronization module, for training in minutes.

The published initialization suits a width of 768 and weeks of training. In a narrower network,
weights of the same spread have little effect, and a random table of positions must first learn the
order of time. Architecture and files stay the same.
"""

import numpy as np
import torch
from torch import nn

from core.model.synchformer.dimensions import (
    AUDIO_STEPS,
    SEGMENT_FRAMES,
    SEGMENT_HOP_FRAMES,
    VISUAL_STEPS,
    WIDTH,
)
from core.model.synchformer.synchformer import Synchformer
from core.timing import VIDEO_FPS

PUBLISHED_SPREAD = 0.02
"""Standard deviation of the published initialization."""

_STRENGTH = 0.5
_SHORTEST_S, _LONGEST_S = 0.3, 12.0


@torch.no_grad()
def begin_small(network: Synchformer) -> None:
    """Initialize all layers after the towers.

    Linear layers get a spread scaled from the published width to this one. The table of positions
    encodes the time within the window, alike for video and audio: sines and cosines with periods
    from 0.3 to 12 s.
    """
    fusion = network.transformer
    width = fusion.OFF_tok.shape[-1]
    spread = PUBLISHED_SPREAD * (WIDTH / width) ** 0.5
    for part in (network.vproj, network.aproj, fusion):
        for module in part.modules():
            if isinstance(module, nn.Linear):
                nn.init.normal_(module.weight, std=spread)
                nn.init.zeros_(module.bias)
    table = fusion.pos_emb_cfg.pos_emb
    n_segments = (table.shape[1] - 2) // (VISUAL_STEPS + AUDIO_STEPS)
    table.mul_(_STRENGTH)
    first_of_audio = 2 + n_segments * VISUAL_STEPS
    table[0, 1 : first_of_audio - 1] = _time_codes(n_segments, VISUAL_STEPS, width)
    table[0, first_of_audio:] = _time_codes(n_segments, AUDIO_STEPS, width)


def _time_codes(n_segments: int, n_steps: int, width: int) -> torch.Tensor:
    """Codes of the middle of each step: (n_segments * n_steps, width)."""
    segment_s, hop_s = SEGMENT_FRAMES / VIDEO_FPS, SEGMENT_HOP_FRAMES / VIDEO_FPS
    steps = (np.arange(n_steps) + 0.5) * segment_s / n_steps
    times_s = (hop_s * np.arange(n_segments)[:, None] + steps).ravel()
    angles = 2 * np.pi * times_s[:, None] / np.geomspace(_SHORTEST_S, _LONGEST_S, width // 2)
    codes = np.concatenate([np.sin(angles), np.cos(angles)], axis=1)
    return torch.from_numpy(_STRENGTH * 2**0.5 * codes).float()
