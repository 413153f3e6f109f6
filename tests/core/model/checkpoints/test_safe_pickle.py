import os
import pickle
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path

import pytest
import torch

from core.errors import CheckpointError
from core.model.checkpoints.checkpoint import CheckpointKind, read_checkpoint
from tests.core.model.checkpoints.checkpoint_files import as_published, message_of, weights_of

ATTACK = f"{os.name}.system"


class Attack:
    """Pickles into a call of os.system that writes a file."""

    def __init__(self, target: Path) -> None:
        self.command = f"echo struck > '{target}'"

    def __reduce__(self) -> tuple[Callable[[str], int], tuple[str]]:
        return os.system, (self.command,)


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
