"""The first stage's loss and windows, computed from all recorded embeddings.

Needs the full set of numbers beside the repository; README.md says more.
"""

from pathlib import Path

import numpy as np
import pytest
import torch

from training.stages.contrastive import compare_windows, contrastive_loss

SHARED = Path(__file__).parents[3] / "shared"

pytestmark = [
    pytest.mark.golden,
    pytest.mark.slow,
    pytest.mark.skipif(not (SHARED / "parity").is_dir(), reason="full goldens are not here"),
]


def test_embeddings_have_the_recorded_loss_and_find_the_recorded_windows() -> None:
    with np.load(SHARED / "parity" / "goldens_public.npz") as arrays:
        recorded = {
            name.removeprefix("stage1/"): torch.from_numpy(arrays[name])
            for name in arrays.files
            if name.startswith("stage1/")
        }
    visual, audio = recorded["visual_embeddings"], recorded["audio_embeddings"]
    temperature = recorded["temperature"]
    similarity = visual @ audio.T / temperature
    torch.testing.assert_close(similarity, recorded["similarity_v2a"], rtol=0, atol=1e-4)
    loss = contrastive_loss(visual, audio, temperature)
    torch.testing.assert_close(loss, recorded["loss"], rtol=0, atol=1e-5)
    found = compare_windows(visual.reshape(2, 14, -1), audio.reshape(2, 14, -1))
    assert found.audio_of_visual.equal(recorded["shift_predictions_audio"])
    assert found.visual_of_audio.equal(recorded["shift_predictions_visual"])
    torch.testing.assert_close(found.precision, recorded["shift_precision"])
