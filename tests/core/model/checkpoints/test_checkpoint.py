import json
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.errors import Cancelled, CheckpointError
from core.model.checkpoints.checkpoint import (
    Checkpoint,
    CheckpointKind,
    read_checkpoint,
    save_checkpoint,
)
from core.progress import Progress
from tests.core.model.checkpoints.checkpoint_files import (
    as_published,
    message_of,
    shapes_of,
    weights_of,
)


@pytest.mark.parametrize("kind", list(CheckpointKind))
def test_published_layout_is_read_with_its_configuration(
    tmp_path: Path, kind: CheckpointKind
) -> None:
    weights = weights_of(kind)
    torch.save(as_published(kind, weights), tmp_path / "published.pt")

    checkpoint = read_checkpoint(tmp_path / "published.pt")

    assert checkpoint.kind is kind
    assert checkpoint.weights.keys() == weights.keys()
    assert all(torch.equal(checkpoint.weights[n].ravel()[:1], torch.tensor([0.5])) for n in weights)
    assert checkpoint.info["config"] == {
        "data": {"num_off_cls": 21, "vids_path": None},
        "model": {"out_features": "${data.num_off_cls}"},
        "training": {"optimizer": {"betas": [0.9, 0.999], "amsgrad": False}},
    }
    assert checkpoint.info["epoch"] == 7
    json.dumps(checkpoint.info, allow_nan=False)


def test_numpy_metrics_become_numbers(tmp_path: Path) -> None:
    kind = CheckpointKind.SYNC
    torch.save(as_published(kind, weights_of(kind)), tmp_path / "published.pt")
    info = read_checkpoint(tmp_path / "published.pt").info
    assert info["metrics"] == {"accuracy_1": 0.5, "accuracy_5": 0.25}
    assert info["loss"] == "nan"


@pytest.mark.parametrize("legacy", [False, True])
def test_plain_state_dict_is_read(tmp_path: Path, legacy: bool) -> None:
    torch.save(
        weights_of(CheckpointKind.SYNCHABILITY),
        tmp_path / "plain.pth",
        _use_new_zipfile_serialization=not legacy,
    )
    checkpoint = read_checkpoint(tmp_path / "plain.pth")
    assert checkpoint.kind is CheckpointKind.SYNCHABILITY
    assert checkpoint.info == {"precision": "float32"}


def test_prefix_of_distributed_training_is_dropped(tmp_path: Path) -> None:
    weights = weights_of(CheckpointKind.SYNC)
    torch.save({f"module.{n}": w for n, w in weights.items()}, tmp_path / "plain.pth")
    assert read_checkpoint(tmp_path / "plain.pth").weights.keys() == weights.keys()


def test_half_precision_is_noted(tmp_path: Path) -> None:
    torch.save(weights_of(CheckpointKind.SYNC, torch.float16), tmp_path / "half.pth")
    checkpoint = read_checkpoint(tmp_path / "half.pth")
    assert checkpoint.info["precision"] == "float16"
    assert checkpoint.weights["vproj.bias"].dtype is torch.float16


def test_truncated_safetensors_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "damaged" in message_of(path)


def test_reading_reports_and_can_be_cancelled(tmp_path: Path) -> None:
    class Impatient:
        def __init__(self) -> None:
            self.stages: list[str] = []

        def report(self, progress: Progress) -> None:
            self.stages.append(progress.stage)

        def check(self) -> None:
            if self.stages:
                raise Cancelled

    torch.save(weights_of(CheckpointKind.SYNC), tmp_path / "model.pt")
    monitor = Impatient()
    with pytest.raises(Cancelled):
        read_checkpoint(tmp_path / "model.pt", monitor)
    assert monitor.stages == ["Checking the file"]


def test_saved_checkpoint_is_complete_and_leaves_nothing_beside_it(tmp_path: Path) -> None:
    weights = {"a": torch.randn(3, 4), "b": torch.ones(1).expand(5), "c": torch.tensor(0.07)}
    checkpoint = Checkpoint(CheckpointKind.EXTRACTORS, weights, {"epoch": 3}, tmp_path / "x.pt")
    save_checkpoint(checkpoint, tmp_path / "models" / "mine", source_sha256="ab")
    folder = tmp_path / "models" / "mine"
    card = json.loads((folder / "model.json").read_text())
    assert (card["format"], card["kind"], card["title"]) == (1, "extractors", "mine")
    assert (card["source_sha256"], card["info"]) == ("ab", {"epoch": 3})
    assert card["n_bytes"] == (folder / "model.safetensors").stat().st_size
    assert [entry.name for entry in (tmp_path / "models").iterdir()] == ["mine"]


def test_existing_folder_is_not_replaced(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine" / "precious.txt").write_text("x")
    checkpoint = Checkpoint(CheckpointKind.SYNC, {"a": torch.zeros(1)}, {}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="exists already"):
        save_checkpoint(checkpoint, tmp_path / "mine")
    assert [entry.name for entry in (tmp_path / "mine").iterdir()] == ["precious.txt"]


def test_failed_saving_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "models").write_text("a file where a folder is needed")
    checkpoint = Checkpoint(CheckpointKind.SYNC, {"a": torch.zeros(1)}, {}, tmp_path / "x.pt")
    with pytest.raises(CheckpointError, match="could not be written"):
        save_checkpoint(checkpoint, tmp_path / "models" / "mine")
    assert [entry.name for entry in tmp_path.iterdir()] == ["models"]


@pytest.fixture
def large_tmp_path() -> Iterator[Path]:
    """A folder deleted right after the test; pytest keeps its own folders."""
    with tempfile.TemporaryDirectory(ignore_cleanup_errors=True) as name:
        yield Path(name)


@pytest.mark.slow
def test_full_size_published_file_survives_conversion(large_tmp_path: Path) -> None:
    generator = torch.Generator().manual_seed(0)
    kind = CheckpointKind.SYNC
    weights = {
        name: torch.randn(shape, generator=generator) for name, shape in shapes_of(kind).items()
    }
    torch.save(as_published(kind, weights), large_tmp_path / "published.pt")
    save_checkpoint(read_checkpoint(large_tmp_path / "published.pt"), large_tmp_path / "model")
    again = read_checkpoint(large_tmp_path / "model" / "model.safetensors")
    assert again.kind is kind
    assert all(torch.equal(again.weights[name], weight) for name, weight in weights.items())
