from pathlib import Path

import torch

from core.progress import SILENT
from training.config import ModelConfig, RunConfig, StartConfig
from training.data.sets.data_set import DataConfig
from training.data.synthetic.salient import SalientStyle, write_salient_clips
from training.distributed import SINGLE
from training.loop_config import LoopConfig
from training.stages.caching import CacheConfig
from training.stages.runs import run_windows


def test_the_same_seed_gives_the_same_network(tmp_path: Path) -> None:
    for split in ("train", "valid"):
        write_salient_clips(tmp_path / "clips" / split, 1, style=SalientStyle(is_single=True))
    config = RunConfig(
        stage="sync",
        model=ModelConfig(width=24, depth=1),
        data=DataConfig(root=tmp_path / "clips"),
        loop=LoopConfig(n_steps=2, batch_size=2, seed=5),
        start=StartConfig(small=True),
        cache=CacheConfig(n_views=1),
    )
    weights = []
    for name in ("one", "other"):
        out = tmp_path / name
        # Towers of other weights would be refused by the features that are there already.
        metrics = run_windows(config, "sync", out, SINGLE, SILENT, 0, tmp_path / "cache")
        assert set(metrics) == {"loss", "accuracy", "within_one"}
        weights.append(torch.load(out / "latest.pt", weights_only=True)["model"])
    assert all(weight.equal(weights[1][name]) for name, weight in weights[0].items())
