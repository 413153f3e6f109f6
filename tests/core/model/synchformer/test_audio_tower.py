import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from core.model.synchformer.audio_tower import AudioEmbeddings, AudioTower
from tests.core.model.conftest import Window


@pytest.mark.golden
def test_features_of_segments_are_the_published_ones(
    audio_tower: AudioTower, synthetic_window: Window, goldens: dict[str, NDArray[np.float32]]
) -> None:
    with torch.inference_mode():
        features = audio_tower(synthetic_window.mel[:2])
    expected = torch.from_numpy(goldens["synthetic/audio_features"][:2])
    torch.testing.assert_close(features, expected, rtol=0, atol=5e-5)
    assert (features - expected).norm() / expected.norm() < 5e-6


def test_tokens_are_ordered_by_frequency_before_time() -> None:
    embeddings = AudioEmbeddings(width=24)
    silent = embeddings(torch.zeros(1, 1, 128, 66))
    loud = torch.zeros(1, 1, 128, 66)
    loud[..., 20:30, 60:66] = 1  # of the patches every 10 rows and columns, the last in time
    changed = (embeddings(loud) != silent).any(dim=-1)[0].nonzero()[:, 0]
    assert changed.tolist() == [2 + 6 * band + 5 for band in (1, 2)]
