from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import CheckpointError
from core.model.synchformer.synchformer import Synchformer
from training.stages.contrastive import ContrastiveModel
from training.stages.synchability import start_from_sync

TINY: dict[str, Any] = {"width": 24, "depth": 1}


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


def test_towers_alone_are_refused() -> None:
    network = Synchformer(**TINY, head="synchability")
    with pytest.raises(CheckpointError, match=r"stage-1\.pt holds no synchronization model"):
        start_from_sync(network, ContrastiveModel(**TINY).state_dict(), Path("stage-1.pt"))


def test_a_shorter_table_of_positions_is_refused_with_both_lengths() -> None:
    weights = Synchformer(**TINY).state_dict()
    weights["transformer.pos_emb_cfg.pos_emb"] = torch.zeros(1, 100, 24)
    with pytest.raises(CheckpointError, match="100 positions, but 184"):
        start_from_sync(Synchformer(**TINY, head="synchability"), weights, Path("short.pt"))
