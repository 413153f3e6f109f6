import json
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest
import torch
from safetensors.torch import load_file, save_file

from core.errors import CheckpointError
from core.model.builtin.file import (
    FORMAT,
    About,
    BuiltinModel,
    Calibration,
    read_builtin,
    write_builtin,
)
from core.model.builtin.lag_net import LagNet, LagSizes

SIZES = LagSizes(4, 8, 8, 2, 4, 8, 8, 16)


@pytest.fixture
def model() -> BuiltinModel:
    calibration = Calibration(1.7, 0.03, (0.5, 1.0, -0.5, 0.25, 0.75, 0.9, 1.2))
    return BuiltinModel(LagNet(SIZES), calibration, About("abc", 7, "a few numbers"))


def _facts(**changes: dict[str, Any]) -> dict[str, str]:
    facts: dict[str, dict[str, Any]] = {
        "sizes": asdict(SIZES),
        "calibration": asdict(Calibration()),
        "about": asdict(About("abc", 7, "")),
    }
    return {"format": FORMAT} | {
        key: json.dumps(facts[key] | changes.get(key, {})) for key in facts
    }


def test_everything_survives_the_round_trip(model: BuiltinModel, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, model)
    read = read_builtin(path)

    assert (read.calibration, read.about) == (model.calibration, model.about)
    assert read.network.sizes == SIZES
    written = model.network.state_dict()
    for key, value in read.network.state_dict().items():
        torch.testing.assert_close(value, written[key], rtol=0, atol=0)
    assert not read.network.training
    assert not any(value.requires_grad for value in read.network.parameters())


def test_shipped_sizes_stay_below_ten_megabytes(tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, BuiltinModel(LagNet(LagSizes()), Calibration(), About("", 0, "")))
    assert path.stat().st_size < 10_000_000


@pytest.mark.parametrize("n_kept", [0, 5, 100, -10])
def test_cut_file_is_refused(model: BuiltinModel, tmp_path: Path, n_kept: int) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, model)
    path.write_bytes(path.read_bytes()[:n_kept])
    with pytest.raises(CheckpointError, match=r"weights\.safetensors.*install the application"):
        read_builtin(path)


def test_missing_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(CheckpointError, match="install the application again"):
        read_builtin(tmp_path / "weights.safetensors")


def test_foreign_file_is_refused(tmp_path: Path) -> None:
    path = tmp_path / "other.safetensors"
    save_file({"weight": torch.zeros(2)}, path)
    with pytest.raises(CheckpointError, match="does not hold the built-in network"):
        read_builtin(path)


@pytest.mark.parametrize("part", ["sizes", "calibration", "about"])
def test_unknown_fact_is_refused(model: BuiltinModel, tmp_path: Path, part: str) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, model)
    save_file(load_file(path), path, metadata=_facts(**{part: {"colour": 1}}))
    with pytest.raises(CheckpointError) as caught:
        read_builtin(path)
    assert "colour" in caught.value.details


@pytest.mark.parametrize("change", [{"temperature": 0.0}, {"confidence": [1.0, 2.0]}])
def test_impossible_calibration_is_refused(
    model: BuiltinModel, tmp_path: Path, change: dict[str, object]
) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, model)
    save_file(load_file(path), path, metadata=_facts(calibration=change))
    with pytest.raises(CheckpointError, match="damaged"):
        read_builtin(path)


@pytest.mark.parametrize("part", ["sizes", "calibration", "about"])
def test_missing_fact_is_refused(model: BuiltinModel, tmp_path: Path, part: str) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, model)
    facts = _facts()
    del facts[part]
    save_file(load_file(path), path, metadata=facts)
    with pytest.raises(CheckpointError) as caught:
        read_builtin(path)
    assert part in caught.value.details


def test_unknown_or_missing_weights_are_refused(model: BuiltinModel, tmp_path: Path) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, model)
    tensors = load_file(path)
    tensors["surplus"] = tensors.pop("scorer.level")
    save_file(tensors, path, metadata=_facts())
    with pytest.raises(CheckpointError) as caught:
        read_builtin(path)
    assert "surplus" in caught.value.details
    assert "scorer.level" in caught.value.details


def test_unfinished_file_leaves_the_old_one(
    model: BuiltinModel, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path = tmp_path / "weights.safetensors"
    write_builtin(path, model)
    before = path.read_bytes()

    def fail(*_: object, **__: object) -> None:
        raise OSError("no space left")

    monkeypatch.setattr("core.model.builtin.file.save_file", fail)
    with pytest.raises(OSError, match="no space"):
        write_builtin(path, model)
    assert path.read_bytes() == before
    assert list(tmp_path.iterdir()) == [path]
