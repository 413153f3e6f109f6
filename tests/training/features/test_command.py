import os
import re
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.model.synchformer.synchformer import Synchformer
from training.__main__ import EXIT_FAILED, EXIT_USAGE, main
from training.features.feature_files import read_features, towers_digest


@pytest.fixture
def weights(tmp_path: Path) -> Path:
    path = tmp_path / "latest.pt"
    torch.save({"model": Synchformer(width=24, depth=1).state_dict()}, path)
    return path


def test_clips_of_a_folder_become_files_of_features(
    tmp_path: Path,
    weights: Path,
    make_clip: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    clips = tmp_path / "clips"
    (clips / "sub").mkdir(parents=True)
    shutil.move(make_clip("one.mp4", duration_s=1.2), clips / "one.mp4")
    shutil.move(make_clip("mute.mp4", duration_s=1.2, audio=False), clips / "mute.mp4")
    shutil.move(make_clip("two.mp4", duration_s=0.4), clips / "sub" / "two.mp4")
    out = tmp_path / "features"
    command = ["features", str(clips), str(out), "--weights", str(weights)]
    assert main(command) == 0
    found = read_features(out / "one.safetensors")
    assert found["visual"].shape == (1, 2, 8, 24)
    assert found["audio"].shape == (2, 6, 24)
    said = capsys.readouterr()
    assert "Features of 1 clips" in said.out
    assert "mute.mp4" in said.err
    assert "two.mp4 is too short" in said.err

    before = (out / "one.safetensors").stat().st_mtime_ns
    assert main(command) == 0
    assert (out / "one.safetensors").stat().st_mtime_ns == before


def test_clips_of_one_name_and_clips_too_long_are_named(
    tmp_path: Path,
    weights: Path,
    make_clip: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("training.features.feature_files.MOST_S", 2)
    make_clip("one.mov", duration_s=1.2)
    make_clip("one.mp4", duration_s=1.2)
    make_clip("film.mp4", duration_s=4.0)
    command = ["features", str(tmp_path), str(tmp_path / "out"), "--weights", str(weights)]
    assert main(command) == 0
    said = capsys.readouterr()
    assert "Features of 1 clips" in said.out
    assert "one.mp4 is left out: its features would replace those of one.mov." in said.err
    assert "film.mp4 is longer than 2 s; cut it into pieces first." in said.err


@pytest.mark.parametrize(
    ("device", "code", "told"),
    [("gpu", EXIT_USAGE, "unknown device 'gpu'"), ("cuda:77", EXIT_FAILED, "cuda:77|no NVIDIA")],
)
def test_devices_that_are_not_there_are_refused(
    device: str,
    code: int,
    told: str,
    tmp_path: Path,
    weights: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    command = ["features", str(tmp_path), str(tmp_path / "out"), "--weights", str(weights)]
    assert main([*command, "--device", device]) == code
    assert re.search(told, capsys.readouterr().err)


def test_what_a_killed_run_left_over_is_deleted(
    tmp_path: Path, weights: Path, make_clip: Callable[..., Path]
) -> None:
    make_clip("one.mp4", duration_s=1.2)
    (tmp_path / "out").mkdir()
    partial = tmp_path / "out" / ".one.safetensors.0123abcd.partial~"
    partial.touch()
    os.utime(partial, (0, 0))
    command = ["features", str(tmp_path), str(tmp_path / "out"), "--weights", str(weights)]
    assert main(command) == 0
    assert not partial.exists()


def test_other_weights_do_not_mix_with_features_that_are_there(
    tmp_path: Path,
    weights: Path,
    make_clip: Callable[..., Path],
    capsys: pytest.CaptureFixture[str],
) -> None:
    make_clip("one.mp4", duration_s=1.2)
    command = ["features", str(tmp_path), str(tmp_path / "out"), "--weights", str(weights)]
    assert main(command) == 0
    torch.save({"model": Synchformer(width=24, depth=1).state_dict()}, weights)
    assert main(command) == EXIT_FAILED
    assert "other weights" in capsys.readouterr().err


def test_a_folder_without_clips_is_named(
    tmp_path: Path, weights: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    (tmp_path / "empty").mkdir()
    command = ["features", str(tmp_path / "empty"), str(tmp_path / "o"), "--weights", str(weights)]
    assert main(command) == EXIT_FAILED
    assert "empty holds no clips" in capsys.readouterr().err


def test_the_digest_tells_towers_apart_and_ignores_the_rest() -> None:
    network = Synchformer(width=24, depth=1)
    before = towers_digest(network)
    torch.nn.init.zeros_(network.vproj.weight)
    assert towers_digest(network) == before
    torch.nn.init.zeros_(network.vfeat_extractor.norm.weight)
    assert towers_digest(network) != before
