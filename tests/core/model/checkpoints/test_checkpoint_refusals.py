from pathlib import Path

import pytest
import torch
from safetensors.torch import save_file

from core.model.checkpoints.checkpoint import CheckpointKind
from tests.core.model.checkpoints.checkpoint_files import message_of, weights_of

TINY = {
    "vfeat_extractor.cls_token": (1, 1, 4),
    "afeat_extractor.cls_token": (1, 1, 4),
    "transformer.off_head.weight": (21, 4),
}


def test_integer_weights_are_refused(tmp_path: Path) -> None:
    torch.save(weights_of(CheckpointKind.SYNC, torch.int8), tmp_path / "quantised.pth")
    assert "torch.int8" in message_of(tmp_path / "quantised.pth")


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
