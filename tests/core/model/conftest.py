"""Numbers recorded from the reference implementation, and the clip and weights behind them."""

from dataclasses import dataclass

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.model.synchformer.audio_tower import AudioTower
from core.model.synchformer.inputs import audio_input, centre_crop, video_input
from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.model.synchformer.visual_tower import VisualTower
from tests.golden.stand_in import GOLDEN_FOLDER, published_shapes, stand_in_weights

FUSION_PREFIXES = ("vproj.", "aproj.", "transformer.")


@dataclass(frozen=True)
class Window:
    frames: NDArray[np.uint8]  # (14, 16, 224, 224, 3)
    samples: NDArray[np.float32]  # (14, 10240)
    video: torch.Tensor
    mel: torch.Tensor


@pytest.fixture(scope="session")
def goldens() -> dict[str, NDArray[np.float32]]:
    with np.load(GOLDEN_FOLDER / "goldens.npz") as arrays:
        return dict(arrays)


@pytest.fixture(scope="session")
def synthetic_window() -> Window:
    """The window at 1.16 s with 0.6 s of offset in a clip of integer arithmetic.

    Frames start at int(1.16 * 25) == 28, samples at int((1.16 + 0.6) * 16000); a window begins two
    frames into its crop.
    """
    t, y, x, c = np.ogrid[:200, :256, :301, :3]
    clip = (3 * y * (c + 1) + 2 * x * (t % 5 + 1) + 11 * t + (y * x) // 7) % 256
    i = np.arange(129000, dtype=np.int64)
    saw = (i * i // 640 + 97 * i + (i // 4000) * (i % 37) * 13) % 2001 - 1000
    waveform = saw.astype(np.float32) / np.float32(1000)
    cropped = centre_crop(clip[30:150].astype(np.uint8))
    first = int((1.16 + 0.6) * 16000) + 1280
    frames = np.stack([cropped[8 * i : 8 * i + 16] for i in range(14)])
    samples = np.stack([waveform[first + 5120 * i :][:10240] for i in range(14)])
    return Window(frames, samples, video_input(frames), audio_input(samples))


@pytest.fixture(scope="session")
def visual_tower() -> VisualTower:
    return stand_in_model("sync", "vfeat_extractor.").vfeat_extractor


@pytest.fixture(scope="session")
def audio_tower() -> AudioTower:
    return stand_in_model("sync", "afeat_extractor.").afeat_extractor


@pytest.fixture(scope="session")
def offset_fusion() -> Synchformer:
    return stand_in_model("sync", *FUSION_PREFIXES)


@pytest.fixture(scope="session")
def synchability_fusion() -> Synchformer:
    return stand_in_model("synchability", *FUSION_PREFIXES)


def stand_in_model(head: Head, *prefixes: str) -> Synchformer:
    """A network with memory for the parts under the prefixes only."""
    with torch.device("meta"):
        model = Synchformer(head=head)
    shapes = published_shapes(head)
    for prefix in prefixes:
        loaded = model.load_state_dict(stand_in_weights(shapes, prefix), strict=False, assign=True)
        assert not loaded.unexpected_keys
        assert not [name for name in loaded.missing_keys if name.startswith(prefix)]
    return model.eval().requires_grad_(False)
