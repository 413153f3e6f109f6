"""Equal answers of bfloat16 and float32, the reason for bfloat16 in `choose_precision`.

Tested on one window here, on real clips in tests/golden/test_real_windows.py.
"""

import copy

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.model.device import choose_precision
from core.model.synchformer.audio_tower import AudioTower
from core.model.synchformer.synchformer import Synchformer
from core.model.synchformer.visual_tower import VisualTower
from tests.core.model.conftest import Window

AUTO = choose_precision("auto", torch.device("cpu"))

# Single features of about 1 differ by up to 5e-2, all features together by 1e-2 of their norm.
FEATURES_RELATIVE = 2e-2
PROBABILITY_ABSOLUTE = 1e-2


def relative_error(features: torch.Tensor, expected: torch.Tensor) -> float:
    return float((features - expected).norm() / expected.norm())


@pytest.mark.golden
@pytest.mark.skipif(AUTO is torch.float32, reason="auto does not reduce the precision here")
def test_automatic_precision_gives_the_published_answer(
    visual_tower: VisualTower,
    audio_tower: AudioTower,
    offset_fusion: Synchformer,
    synthetic_window: Window,
    goldens: dict[str, NDArray[np.float32]],
) -> None:
    model = copy.copy(offset_fusion)
    model._modules = dict(
        offset_fusion._modules,
        vfeat_extractor=copy.deepcopy(visual_tower).to(AUTO),
        afeat_extractor=copy.deepcopy(audio_tower).to(AUTO),
    )
    with torch.inference_mode():
        visual = model.encode_video(synthetic_window.video[None, :2])
        audio = model.encode_audio(synthetic_window.mel[None])
        # The recorded logits belong to two visual segments in alternation.
        logits = model.fuse(visual.repeat(1, 7, 1, 1), audio)[0]
    expected = torch.from_numpy(goldens["synthetic/logits"])
    recorded_visual = torch.from_numpy(goldens["synthetic/visual_features"])
    recorded_audio = torch.from_numpy(goldens["synthetic/audio_features"])
    assert relative_error(visual[0], recorded_visual) < FEATURES_RELATIVE
    assert relative_error(audio[0], recorded_audio) < FEATURES_RELATIVE
    assert logits.argmax() == expected.argmax()
    top = expected.argmax()
    assert abs(logits.softmax(0)[top] - expected.softmax(0)[top]) < PROBABILITY_ABSOLUTE
