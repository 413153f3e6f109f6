from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file
from torch import nn

from core.errors import CheckpointError
from core.model.synchformer.audio_tower import AudioTower
from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.model.synchformer.visual_tower import VisualTower
from training.stages.contrastive import ContrastiveModel
from training.stages.sync import build_learner
from training.weights import (
    begin_small,
    network_of,
    read_weights,
    start_audio_tower,
    start_from_sync,
    start_towers,
    start_visual_tower,
)

TWO_BLOCKS: dict[str, Any] = {"width": 24, "depth": 2}

N_AST_POSITIONS = 2 + 12 * 101

TINY: dict[str, Any] = {"width": 24, "depth": 1}


@pytest.mark.parametrize("key", ["model", "state_dict", ""])
def test_checkpoints_of_all_layouts_are_read(key: str, tmp_path: Path) -> None:
    weights = Synchformer(**TWO_BLOCKS).state_dict()
    path = tmp_path / "any.pt"
    torch.save({key: weights, "step": 3} if key else weights, path)
    found = read_weights(path)
    assert set(found) == set(weights)
    network = network_of(found, path)
    assert network.vproj.weight.equal(weights["vproj.weight"])
    assert len(network.vfeat_extractor.blocks) == 2
    assert not network.training


def test_a_distributed_first_stage_gives_towers(tmp_path: Path) -> None:
    model = ContrastiveModel(**TWO_BLOCKS)
    path = tmp_path / "epoch_best.pt"
    torch.save({"state_dict": {f"module.{n}": w for n, w in model.state_dict().items()}}, path)
    network = network_of(read_weights(path), path)
    assert network.vfeat_extractor.cls_token.equal(model.v_encoder.cls_token)
    assert network.afeat_extractor.ast.layernorm.weight.equal(model.a_encoder.ast.layernorm.weight)


def test_the_head_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "sync.safetensors"
    save_file(Synchformer(**TWO_BLOCKS, head="synchability").state_dict(), path)
    assert network_of(read_weights(path), path).transformer.head == "synchability"


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"layer.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"other\.pt does not hold weights"):
        read_weights(path)


def test_half_a_network_is_refused() -> None:
    weights = Synchformer(**TWO_BLOCKS).state_dict()
    half = {name: w for name, w in weights.items() if not name.startswith("afeat_extractor.")}
    with pytest.raises(CheckpointError, match="not hold a complete network"):
        network_of(half, Path("half.pt"))


def renumbered(network: nn.Module) -> dict[str, torch.Tensor]:
    """Return weights that are all different, so that none is mistaken for another."""
    return {
        name: torch.full_like(weight, number + 1)
        for number, (name, weight) in enumerate(network.state_dict().items())
    }


@pytest.fixture
def motionformer_file(tmp_path: Path) -> Path:
    """A file laid out like the published one: trunk and classifier, among other things."""
    trunk = renumbered(VisualTower(**TINY))
    weights = {n: w for n, w in trunk.items() if not n.startswith("spatial_attn_agg.")}
    weights |= {"head.weight": torch.zeros(174, 24), "head.bias": torch.zeros(174)}
    path = tmp_path / "ssv2_divided_224_16x4.pyth"
    torch.save({"epoch": 34, "model_state": weights, "cfg": "TRAIN: 1"}, path)
    return path


@pytest.fixture
def ast_file(tmp_path: Path) -> Path:
    trunk = renumbered(AudioTower(**TINY).ast)
    positions = torch.arange(N_AST_POSITIONS * 24.0).reshape(1, N_AST_POSITIONS, 24)
    trunk["embeddings.position_embeddings"] = positions
    weights = {f"audio_spectrogram_transformer.{name}": w for name, w in trunk.items()}
    path = tmp_path / "model.safetensors"
    save_file(weights | {"classifier.dense.weight": torch.zeros(527, 24)}, path)
    return path


def test_the_visual_tower_takes_all_but_its_aggregator(motionformer_file: Path) -> None:
    tower = VisualTower(**TINY)
    before = tower.spatial_attn_agg.cls_token.clone()
    expected = renumbered(tower)
    loaded = start_visual_tower(tower, motionformer_file)
    for name, weight in tower.state_dict().items():
        if not name.startswith("spatial_attn_agg."):
            assert weight.equal(expected[name]), name
    assert tower.spatial_attn_agg.cls_token.equal(before)
    assert set(loaded.unused) == {"head.weight", "head.bias"}
    assert all(name.startswith("spatial_attn_agg.") for name in loaded.left_new)


def test_the_audio_tower_takes_the_first_positions(ast_file: Path) -> None:
    tower = AudioTower(**TINY)
    loaded = start_audio_tower(tower, ast_file)
    positions = tower.ast.embeddings.position_embeddings
    assert positions.equal(torch.arange(74 * 24.0).reshape(1, 74, 24))
    assert all(name.startswith("freq_attn_agg.") for name in loaded.left_new)
    query = tower.state_dict()["ast.encoder.layer.0.attention.attention.query.weight"]
    assert query.std() == 0
    assert query.mean() > 1


def test_joint_attention_is_refused_with_the_address_of_the_right_file(tmp_path: Path) -> None:
    path = tmp_path / "ssv2_joint_224_16x4.pyth"
    torch.save({"model_state": {"blocks.0.attn.qkv.weight": torch.zeros(72, 24)}}, path)
    with pytest.raises(CheckpointError, match=r"ssv2_joint.*divided attention; download https://"):
        start_visual_tower(VisualTower(**TINY), path)


def test_another_audio_network_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"encoder.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"other\.safetensors does not hold"):
        start_audio_tower(AudioTower(**TINY), path)


def test_another_width_is_refused_with_both_sizes(ast_file: Path) -> None:
    with pytest.raises(CheckpointError, match=r"\(1, 1, 24\) instead of \(1, 1, 48\)"):
        start_audio_tower(AudioTower(width=48, depth=1), ast_file)


def test_a_missing_file_is_named(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match=r"none\.pt cannot be read"):
        start_visual_tower(VisualTower(**TINY), tmp_path / "none.pt")


def test_towers_pass_from_stage_to_stage(tmp_path: Path) -> None:
    contrastive, sync = ContrastiveModel(**TINY), Synchformer(**TINY)
    start_towers(sync, contrastive.state_dict(), tmp_path)
    again = ContrastiveModel(**TINY)
    start_towers(again, sync.state_dict(), tmp_path)
    for name, weight in contrastive.state_dict().items():
        if name != "logit_scale":
            assert again.state_dict()[name].equal(weight), name


def test_an_incomplete_tower_is_refused(tmp_path: Path) -> None:
    weights = ContrastiveModel(**TINY).state_dict()
    del weights["v_encoder.norm.weight"]
    with pytest.raises(CheckpointError, match=r"vfeat_extractor\.norm\.weight is missing"):
        start_towers(Synchformer(**TINY), weights, tmp_path / "half.pt")


def test_all_but_the_head_goes_on_from_the_second_stage() -> None:
    sync, network = Synchformer(**TINY), Synchformer(**TINY, head="synchability")
    before = network.transformer.sync_head.weight.clone()
    loaded = start_from_sync(network, sync.state_dict(), Path("sync.pt"))
    weights = sync.state_dict()
    for name, weight in network.state_dict().items():
        if name == "transformer.pos_emb_cfg.pos_emb":
            assert weight.shape == (1, 184, 24)
            assert weight.equal(weights[name][:, :184])
        elif not name.startswith("transformer.sync_head."):
            assert weight.equal(weights[name]), name
    assert network.transformer.sync_head.weight.equal(before)
    assert set(loaded.left_new) == {f"transformer.sync_head.{x}" for x in ("weight", "bias")}


def test_towers_alone_are_no_start_for_the_third_stage() -> None:
    network = Synchformer(**TINY, head="synchability")
    with pytest.raises(CheckpointError, match=r"stage-1\.pt holds no synchronization model"):
        start_from_sync(network, ContrastiveModel(**TINY).state_dict(), Path("stage-1.pt"))


def test_a_shorter_table_of_positions_is_refused_with_both_lengths() -> None:
    weights = Synchformer(**TINY).state_dict()
    weights["transformer.pos_emb_cfg.pos_emb"] = torch.zeros(1, 100, 24)
    with pytest.raises(CheckpointError, match="100 positions, but 184"):
        start_from_sync(Synchformer(**TINY, head="synchability"), weights, Path("short.pt"))


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
