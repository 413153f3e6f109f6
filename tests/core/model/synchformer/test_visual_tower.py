import numpy as np
import pytest
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from core.model.synchformer.visual_tower import DividedAttention, VisualTower
from tests.core.model.conftest import Window

N_STEPS, N_PLACES = 8, 5


@pytest.mark.golden
def test_features_of_a_segment_are_the_published_ones(
    visual_tower: VisualTower, synthetic_window: Window, goldens: dict[str, NDArray[np.float32]]
) -> None:
    with torch.inference_mode():
        features = visual_tower(synthetic_window.video[:1])
    expected = torch.from_numpy(goldens["synthetic/visual_features"][:1])
    torch.testing.assert_close(features, expected, rtol=0, atol=5e-5)
    assert (features - expected).norm() / expected.norm() < 5e-6


@pytest.mark.parametrize("axis", ["time", "space"])
def test_divided_attention_is_full_attention_within_a_mask(axis: str) -> None:
    torch.manual_seed(0)
    attention = DividedAttention(axis, width=24, n_heads=4)  # type: ignore[arg-type]
    x = torch.randn(2, 1 + N_STEPS * N_PLACES, 24)
    step, place = np.divmod(np.arange(N_STEPS * N_PLACES), N_PLACES)
    member = torch.from_numpy(place if axis == "time" else step)
    mask = torch.ones(x.shape[1], x.shape[1], dtype=torch.bool)
    mask[1:, 1:] = member[:, None] == member
    q, k, v = attention.qkv(x).unflatten(-1, (3, 4, 6)).permute(2, 0, 3, 1, 4)
    attended = F.scaled_dot_product_attention(q, k, v, attn_mask=mask)
    expected = attention.proj(attended.transpose(1, 2).flatten(2))
    torch.testing.assert_close(attention(x), expected, rtol=0, atol=1e-6)


def test_stochastic_depth_grows_from_block_to_block() -> None:
    tower = VisualTower(width=24, depth=3, stochastic_depth=0.2)
    assert [block.drop_path.rate for block in tower.blocks] == pytest.approx([0, 0.1, 0.2])  # type: ignore[union-attr]


def test_unused_image_embedding_is_not_trained() -> None:
    tower = VisualTower(width=24, depth=1)
    frozen = [name for name, p in tower.named_parameters() if not p.requires_grad]
    assert frozen == ["patch_embed.proj.weight", "patch_embed.proj.bias"]
