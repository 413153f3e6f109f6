import pytest
import torch

from core.model.synchformer.sync_transformer import Head
from training.stages.small_init import begin_small
from training.stages.sync import build_learner


@pytest.mark.parametrize(("head", "n_segments"), [("sync", 14), ("synchability", 13)])
def test_positions_of_the_same_time_are_alike_in_picture_and_sound(
    head: Head, n_segments: int
) -> None:
    network = build_learner(head, width=48, depth=1)
    begin_small(network)
    table = network.transformer.pos_emb_cfg.pos_emb[0].detach()
    visual = table[1 : 1 + 8 * n_segments].reshape(n_segments, 8, -1)
    audio = table[2 + 8 * n_segments :].reshape(n_segments, 6, -1)
    # The middle of a segment is between the fourth and fifth eighth, the third and fourth sixth.
    seen, heard = visual[:, 3:5].mean(dim=1), audio[:, 2:4].mean(dim=1)
    nearest = torch.cdist(seen, heard).argmin(dim=1)
    assert nearest.equal(torch.arange(n_segments))
    assert table.square().mean().sqrt() == pytest.approx(0.5, abs=0.05)


def test_narrow_layers_get_larger_weights() -> None:
    spreads = []
    for width in (48, 192):
        network = build_learner("sync", width=width, depth=1)
        begin_small(network)
        spreads.append(network.transformer.state_dict()["blocks.0.mlp.0.weight"].std().item())
        assert network.vproj.bias.abs().max() == 0
    assert spreads[0] == pytest.approx(0.08, rel=0.05)
    assert spreads[1] == pytest.approx(0.04, rel=0.05)
