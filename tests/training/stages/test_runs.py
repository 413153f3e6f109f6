from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.errors import CheckpointError
from core.progress import SILENT
from training.config import ModelConfig, RunConfig, StartConfig, read_config
from training.data.sets.data_set import DataConfig
from training.data.synthetic.salient import SalientStyle, write_salient_clips
from training.distributed import SINGLE
from training.loop_config import LoopConfig
from training.stages.caching import CacheConfig
from training.stages.runs import run_windows


@pytest.fixture
def config(tmp_path: Path) -> RunConfig:
    """A short run on one clip."""
    for split in ("train", "valid"):
        write_salient_clips(tmp_path / "clips" / split, 1, style=SalientStyle(is_single=True))
    return RunConfig(
        stage="sync",
        model=ModelConfig(width=24, depth=1),
        data=DataConfig(root=tmp_path / "clips"),
        loop=LoopConfig(n_steps=2, batch_size=2, seed=5),
        start=StartConfig(small=True),
        cache=CacheConfig(n_views=1),
    )


def test_the_same_seed_gives_the_same_network(config: RunConfig, tmp_path: Path) -> None:
    weights = []
    for name in ("one", "other"):
        out = tmp_path / name
        # Towers of other weights would be refused by the features that are there already.
        metrics = run_windows(config, "sync", out, SINGLE, SILENT, 0, tmp_path / "cache")
        assert set(metrics) == {"loss", "accuracy", "within_one"}
        weights.append(torch.load(out / "latest.pt", weights_only=True)["model"])
    assert all(weight.equal(weights[1][name]) for name, weight in weights[0].items())


def test_a_folder_keeps_the_configuration_of_its_run_when_another_is_refused(
    config: RunConfig, tmp_path: Path
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    run_windows(config, "sync", out, SINGLE, SILENT, 0, cache)
    other = replace(config, loop=replace(config.loop, learning_rate=0.5))
    with pytest.raises(CheckpointError, match="learning_rate"):
        run_windows(other, "sync", out, SINGLE, SILENT, 0, cache)
    assert read_config(out / "config.toml", []) == config
