import json
import os
import pickle
import sys
import tempfile
import zipfile
from collections.abc import Callable, Iterator
from pathlib import Path

import numpy as np
import pytest
import torch
from omegaconf import OmegaConf
from safetensors.torch import save_file

from core.errors import Cancelled, CheckpointError
from core.model.checkpoints.checkpoint import (
    Checkpoint,
    CheckpointKind,
    read_checkpoint,
    save_checkpoint,
)
from core.progress import Progress
from tests.golden.stand_in import published_shapes

Weights = dict[str, torch.Tensor]

ATTACK = f"{os.name}.system"

TINY = {
    "vfeat_extractor.cls_token": (1, 1, 4),
    "afeat_extractor.cls_token": (1, 1, 4),
    "transformer.off_head.weight": (21, 4),
}


def shapes_of(kind: CheckpointKind) -> dict[str, tuple[int, ...]]:
    return published_shapes("avclip" if kind is CheckpointKind.EXTRACTORS else kind)


def weights_of(kind: CheckpointKind, dtype: torch.dtype = torch.float32) -> Weights:
    """All weights in full size, each a single number on the disk."""
    return {
        name: torch.tensor(0.5, dtype=dtype).expand(shape)
        for name, shape in shapes_of(kind).items()
    }


def as_published(kind: CheckpointKind, weights: Weights) -> dict[str, object]:
    """The layout of training checkpoints: OmegaConf objects, NumPy scalars, optimizer state."""
    config = OmegaConf.create(
        {
            "data": {"num_off_cls": 21, "vids_path": None},
            "model": {"out_features": "${data.num_off_cls}"},
            "training": {"optimizer": {"betas": [0.9, 0.999], "amsgrad": False}},
        }
    )
    optimizer = torch.optim.Adam([torch.nn.Parameter(torch.zeros(1))], lr=1e-4)
    optimizer.param_groups[0]["betas"] = config.training.optimizer.betas
    common = {"args": config, "epoch": 7, "optimizer": optimizer.state_dict()}
    if kind is CheckpointKind.EXTRACTORS:
        distributed = {f"module.{name}": weight for name, weight in weights.items()}
        metrics: object = {"sync_w_shifts": {"precision": 0.25}}
        return common | {"state_dict": distributed, "metrics": metrics, "name": "run"}
    metrics = {"accuracy_1": np.float64(0.5), "accuracy_5": np.float32(0.25)}
    return common | {"model": weights, "metrics": metrics, "loss": float("nan")}


def message_of(path: Path) -> str:
    with pytest.raises(CheckpointError) as caught:
        read_checkpoint(path)
    message = caught.value.message
    assert path.name in message
    assert message.endswith(".")
    assert "\n" not in message
    return message


class Attack:
    """Pickles into a call of os.system that writes a file."""

    def __init__(self, target: Path) -> None:
        self.command = f"echo struck > '{target}'"

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


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


def test_published_file_is_read_without_omegaconf(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    kind = CheckpointKind.SYNC
    torch.save(as_published(kind, weights_of(kind)), tmp_path / "published.pt")
    for name in list(sys.modules):
        if name.partition(".")[0] == "omegaconf":
            monkeypatch.setitem(sys.modules, name, None)
    assert read_checkpoint(tmp_path / "published.pt").kind is kind


def test_configuration_that_contains_itself_is_refused(tmp_path: Path) -> None:
    config: dict[str, object] = {}
    config["config"] = config
    weights = weights_of(CheckpointKind.SYNC)
    torch.save({"model": weights, "args": config}, tmp_path / "endless.pt")
    with pytest.raises(CheckpointError, match=r"endless.pt was refused .* contains itself"):
        read_checkpoint(tmp_path / "endless.pt")


def test_nothing_stays_admitted_after_reading(tmp_path: Path) -> None:
    kind = CheckpointKind.SYNC
    before = set(torch.serialization.get_safe_globals())
    torch.save(as_published(kind, weights_of(kind)), tmp_path / "published.pt")
    read_checkpoint(tmp_path / "published.pt")
    assert set(torch.serialization.get_safe_globals()) == before


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


def test_integer_weights_are_refused(tmp_path: Path) -> None:
    torch.save(weights_of(CheckpointKind.SYNC, torch.int8), tmp_path / "quantised.pth")
    assert "torch.int8" in message_of(tmp_path / "quantised.pth")


def test_attack_in_a_torch_archive_is_refused_and_not_run(tmp_path: Path) -> None:
    weights: dict[str, object] = dict(weights_of(CheckpointKind.SYNC))
    torch.save(weights | {"extra": Attack(tmp_path / "struck")}, tmp_path / "model.pt")
    assert ATTACK in message_of(tmp_path / "model.pt")
    assert not (tmp_path / "struck").exists()


@pytest.mark.parametrize("protocol", range(pickle.HIGHEST_PROTOCOL + 1))
def test_attack_in_a_bare_pickle_is_refused_and_not_run(tmp_path: Path, protocol: int) -> None:
    attack = pickle.dumps({"model": Attack(tmp_path / "struck")}, protocol)
    (tmp_path / "model.pt").write_bytes(attack)
    message = message_of(tmp_path / "model.pt")
    assert protocol < 2 or ATTACK in message
    assert not (tmp_path / "struck").exists()


def test_attack_in_the_older_layout_is_refused_and_not_run(tmp_path: Path) -> None:
    torch.save(
        {"model": Attack(tmp_path / "struck")},
        tmp_path / "model.pt",
        _use_new_zipfile_serialization=False,
    )
    assert ATTACK in message_of(tmp_path / "model.pt")
    assert not (tmp_path / "struck").exists()


def test_attack_in_a_later_protocol_inside_an_archive_is_refused(tmp_path: Path) -> None:
    torch.save({"model": Attack(tmp_path / "struck")}, tmp_path / "model.pt", pickle_protocol=4)
    assert ATTACK in message_of(tmp_path / "model.pt")
    assert not (tmp_path / "struck").exists()


@pytest.mark.parametrize("function", [eval, exec, __import__, getattr])
def test_built_in_functions_are_refused(tmp_path: Path, function: Callable[..., object]) -> None:
    torch.save({"model": function}, tmp_path / "model.pt")
    assert function.__name__ in message_of(tmp_path / "model.pt")


def test_whole_pickled_network_is_refused_by_name(tmp_path: Path) -> None:
    torch.save(torch.nn.Linear(2, 2), tmp_path / "network.pt")
    assert "torch.nn.modules.linear.Linear" in message_of(tmp_path / "network.pt")


@pytest.mark.parametrize(
    ("content", "expected"),
    [
        (b"", "empty"),
        (b"<!DOCTYPE html><html><body>404</body></html>", "web page"),
        (b"\n  <html lang='en'>", "web page"),
        (b"This is a text file.\n" * 100, "not a file of model weights"),
        (bytes(range(256)) * 40, "not a file of model weights"),
        (b"\x80\x02", "damaged"),
        (b"\x80\x02}q\x00.", "damaged"),
        (b"PK\x03\x04" + bytes(1000), "damaged"),
        ((1 << 40).to_bytes(8, "little") + b'{"a":1}', "damaged"),
        ((50).to_bytes(8, "little") + b'{"a":1}', "damaged"),
    ],
)
def test_other_content_gets_a_sentence(tmp_path: Path, content: bytes, expected: str) -> None:
    (tmp_path / "model.pt").write_bytes(content)
    assert expected in message_of(tmp_path / "model.pt")


def test_folder_and_missing_file_get_a_sentence(tmp_path: Path) -> None:
    (tmp_path / "model").mkdir()
    assert "folder" in message_of(tmp_path / "model")
    assert "No such file" in message_of(tmp_path / "missing.pt")


@pytest.mark.parametrize("share", [0.02, 0.5, 0.99, 0.9999])
@pytest.mark.parametrize("legacy", [False, True])
def test_truncated_file_is_damaged(tmp_path: Path, share: float, legacy: bool) -> None:
    path = tmp_path / "model.pt"
    torch.save(
        as_published(CheckpointKind.SYNC, {"a": torch.randn(1000, 50)}),
        path,
        _use_new_zipfile_serialization=not legacy,
    )
    path.write_bytes(path.read_bytes()[: int(share * path.stat().st_size)])
    assert "damaged" in message_of(path)


def test_truncated_safetensors_file_is_damaged(tmp_path: Path) -> None:
    path = tmp_path / "model.safetensors"
    save_file({"a": torch.zeros(1000)}, path)
    path.write_bytes(path.read_bytes()[:-100])
    assert "damaged" in message_of(path)


def test_single_changed_byte_in_the_weights_is_found(tmp_path: Path) -> None:
    path = tmp_path / "model.pt"
    torch.save({"model": {"a": torch.randn(1000)}}, path)
    content = bytearray(path.read_bytes())
    content[content.find(b"data/0") + 1000] ^= 1
    path.write_bytes(content)
    assert "damaged" in message_of(path)


def test_other_archives_get_a_sentence(tmp_path: Path) -> None:
    with zipfile.ZipFile(tmp_path / "letter.docx", "w") as archive:
        archive.writestr("letter.xml", "<letter/>")
    assert "without model weights" in message_of(tmp_path / "letter.docx")
    with zipfile.ZipFile(tmp_path / "model.zip", "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("model/data.pkl", b"\x80\x02}q\x00." * 100)
    assert "compressed" in message_of(tmp_path / "model.zip")


def test_weights_of_another_network_are_refused(tmp_path: Path) -> None:
    torch.save({"layer1.weight": torch.zeros(3)}, tmp_path / "resnet.pt")
    assert "does not hold weights of Synchformer" in message_of(tmp_path / "resnet.pt")
    torch.save([1, 2, 3], tmp_path / "list.pt")
    assert "does not hold weights of Synchformer" in message_of(tmp_path / "list.pt")


@pytest.mark.parametrize(
    ("names", "present", "missing"),
    [
        (
            ["vfeat_extractor.norm.weight"],
            "only the visual tower",
            "the audio tower, the synchronization module and the offset head are missing",
        ),
        (["a_encoder.cls_token"], "only the audio tower", "the visual tower is missing"),
        (
            ["vfeat_extractor.a", "afeat_extractor.a"],
            "only the visual tower and the audio tower",
            "the synchronization module and the offset head are missing",
        ),
        (
            ["afeat_extractor.a", "transformer.sync_head.bias"],
            "the synchronizability head",
            "the visual tower is missing",
        ),
    ],
)
def test_part_of_a_model_is_named(
    tmp_path: Path, names: list[str], present: str, missing: str
) -> None:
    save_file({name: torch.zeros(2).half() for name in names}, tmp_path / "part.safetensors")
    message = message_of(tmp_path / "part.safetensors")
    assert present in message
    assert missing in message


def test_differences_of_names_and_shapes_are_listed(tmp_path: Path) -> None:
    weights = weights_of(CheckpointKind.SYNC)
    del weights["vproj.bias"]
    weights["surplus"] = torch.zeros(1)
    weights["transformer.pos_emb_cfg.pos_emb"] = torch.zeros(1).expand(1, 184, 768)
    torch.save(weights, tmp_path / "odd.pt")
    message = message_of(tmp_path / "odd.pt")
    assert "vproj.bias is missing" in message
    assert "surplus is unknown" in message
    assert "pos_emb has shape (1, 184, 768) instead of (1, 198, 768)" in message


def test_many_differences_are_counted(tmp_path: Path) -> None:
    torch.save({n: torch.zeros(1).expand(s) for n, s in TINY.items()}, tmp_path / "tiny.pt")
    message = message_of(tmp_path / "tiny.pt")
    assert message.count(" is missing") == 5
    assert "and 509 more" in message


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
    """A folder that does not outlive the test, as those of pytest do."""
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
