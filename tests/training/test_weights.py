from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import save_file

from core.errors import CheckpointError
from core.model.synchformer.synchformer import Synchformer
from training.stages.contrastive import ContrastiveModel
from training.weights import network_of, read_weights

TINY: dict[str, Any] = {"width": 24, "depth": 2}


@pytest.mark.parametrize("key", ["model", "state_dict", ""])
def test_checkpoints_of_all_layouts_are_read(key: str, tmp_path: Path) -> None:
    weights = Synchformer(**TINY).state_dict()
    path = tmp_path / "any.pt"
    torch.save({key: weights, "step": 3} if key else weights, path)
    found = read_weights(path)
    assert set(found) == set(weights)
    network = network_of(found, path)
    assert network.vproj.weight.equal(weights["vproj.weight"])
    assert len(network.vfeat_extractor.blocks) == 2
    assert not network.training


def test_a_distributed_first_stage_gives_towers(tmp_path: Path) -> None:
    model = ContrastiveModel(**TINY)
    path = tmp_path / "epoch_best.pt"
    torch.save({"state_dict": {f"module.{n}": w for n, w in model.state_dict().items()}}, path)
    network = network_of(read_weights(path), path)
    assert network.vfeat_extractor.cls_token.equal(model.v_encoder.cls_token)
    assert network.afeat_extractor.ast.layernorm.weight.equal(model.a_encoder.ast.layernorm.weight)


def test_the_head_is_found_out(tmp_path: Path) -> None:
    path = tmp_path / "sync.safetensors"
    save_file(Synchformer(**TINY, head="synchability").state_dict(), path)
    assert network_of(read_weights(path), path).transformer.head == "synchability"


def test_other_weights_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.pt"
    torch.save({"layer.weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match=r"other\.pt does not hold weights"):
        read_weights(path)


def test_half_a_network_is_refused() -> None:
    weights = Synchformer(**TINY).state_dict()
    half = {name: w for name, w in weights.items() if not name.startswith("afeat_extractor.")}
    with pytest.raises(CheckpointError, match="not hold a complete network"):
        network_of(half, Path("half.pt"))
