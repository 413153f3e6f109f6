import json
import os
import shutil
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.errors import CheckpointError
from core.progress import SILENT
from training.config import (
    ModelConfig,
    RunConfig,
    Stage,
    StartConfig,
    read_config,
    save_config,
)
from training.data.sample_config import CacheConfig
from training.data.sets.data_set import DataConfig, DataSet
from training.data.synthetic.salient import SalientStyle, write_salient_clips
from training.features.feature_files import read_features
from training.loop.config import LoopConfig
from training.loop.distributed import SINGLE
from training.loop.run_log import LOG
from training.stages import runs
from training.stages.runs import run_stage

ROOT = Path(__file__).resolve().parents[3]


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
        metrics = run_stage(config, out, SINGLE, SILENT, 0, tmp_path / "cache")
        assert set(metrics) == {"loss", "accuracy", "within_one"}
        weights.append(torch.load(out / "latest.pt", weights_only=True)["model"])
    assert all(weight.equal(weights[1][name]) for name, weight in weights[0].items())


@pytest.mark.parametrize("stage", ["contrastive", "sync", "synchability"])
def test_missing_given_windows_are_told_where_offsets_are_asked_and_equal_notes_once(
    stage: Stage, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    opened = DataSet("clips", (), notes=("None is left out.",), window_notes=("None is given.",))
    monkeypatch.setattr(runs, "open_data_set", lambda *_: opened)
    runs._open_sets(RunConfig(stage=stage), SINGLE)
    expected = ["None is left out.", "None is given."]
    assert caplog.messages == (expected if stage == "sync" else expected[:1])


def test_a_folder_keeps_the_configuration_of_its_run_when_another_is_refused(
    config: RunConfig, tmp_path: Path
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    run_stage(config, out, SINGLE, SILENT, 0, cache)
    other = replace(config, loop=replace(config.loop, learning_rate=0.5))
    with pytest.raises(CheckpointError, match="learning_rate"):
        run_stage(other, out, SINGLE, SILENT, 0, cache)
    assert read_config(out / "config.toml", []) == config


def test_a_run_goes_on_with_the_same_clips_and_as_it_began(
    config: RunConfig, tmp_path: Path
) -> None:
    out, cache = tmp_path / "out", tmp_path / "cache"
    run_stage(config, out, SINGLE, SILENT, 0, cache)
    with pytest.raises(CheckpointError, match=r"cache_features = True and not False"):
        run_stage(config, out, SINGLE, SILENT, 0)

    (clip,) = (tmp_path / "clips" / "train").iterdir()
    shutil.copy(clip, clip.with_name("more.mp4"))
    others = r"clips\.train = '1 clips, \w{12}' and not '2 clips, \w{12}'\.$"
    with pytest.raises(CheckpointError, match=others):
        run_stage(config, out, SINGLE, SILENT, 0, cache)


@pytest.mark.slow
def test_two_processes_learn_from_features_what_one_learns_from_twice_as_many(
    config: RunConfig, tmp_path: Path
) -> None:
    for split, n in (("train", 5), ("valid", 3)):
        write_salient_clips(tmp_path / "clips" / split, n, style=SalientStyle(is_single=True))
    loop = replace(config.loop, n_steps=6, validate_every=3, log_every=1)
    model = replace(config.model, dropout=0.0)
    one = replace(config, model=model, loop=replace(loop, batch_size=4))
    run_stage(one, tmp_path / "one", SINGLE, SILENT, 0, tmp_path / "cache-one")
    preset = save_config(replace(one, loop=loop), tmp_path / "preset")
    ended = subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", "2", "-m", "training", "sync", "--preset", preset),
            *("--out", tmp_path / "two", "--cache-features", tmp_path / "cache-two"),
            *("--device", "cpu"),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        cwd=tmp_path,
        capture_output=True,
        text=True,
        timeout=600,
        check=False,
    )
    assert ended.returncode == 0, ended.stderr

    made, of_one = (
        {path.relative_to(folder): read_features(path) for path in folder.rglob("*.safetensors")}
        for folder in (tmp_path / "cache-two", tmp_path / "cache-one")
    )
    assert len(made) == 8
    assert made.keys() == of_one.keys()
    for path, features in of_one.items():
        for name, value in features.items():
            torch.testing.assert_close(made[path][name], value, rtol=1e-2, atol=1e-2)
    logs = [
        [json.loads(line) for line in (tmp_path / name / LOG).read_text().splitlines()]
        for name in ("two", "one")
    ]
    for key in ("loss", "accuracy"):
        two, alone = ([line[key] for line in log if key in line] for log in logs)
        assert len(alone) == 6
        assert two == pytest.approx(alone, rel=1e-3)
    two, alone = ([line["validation"] for line in log if "validation" in line] for log in logs)
    assert len(alone) == 2
    for found, expected in zip(two, alone, strict=True):
        assert found == pytest.approx(expected, rel=1e-3)
    weights, expected = (
        torch.load(tmp_path / name / "latest.pt", weights_only=True)["model"]
        for name in ("two", "one")
    )
    for name, weight in expected.items():
        torch.testing.assert_close(weights[name], weight, rtol=1e-3, atol=1e-4)
