from pathlib import Path

import pytest
import torch

from core.model.checkpoints.checkpoint import read_checkpoint
from core.model.checkpoints.kind import CheckpointKind
from core.model.synchformer.synchformer import Synchformer
from training.__main__ import EXIT_FAILED, main
from training.loop.checkpoints import write_state


def run_of(network: Synchformer, path: Path) -> Path:
    write_state(path, {"model": network.state_dict(), "step": 3})
    return path


def test_a_network_of_another_size_is_refused_and_nothing_is_written(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    small = run_of(Synchformer(width=48, depth=1), tmp_path / "best.pt")
    assert main(["export", str(small), str(tmp_path / "model")]) == EXIT_FAILED
    refusal = capsys.readouterr().err
    assert "Only networks of the published size (width 768, depth 12) can be" in refusal
    assert "best.pt has width 48, depth 1." in refusal
    assert [path.name for path in tmp_path.iterdir()] == ["best.pt"]


@pytest.mark.slow
def test_a_network_of_the_published_size_is_read_by_the_application(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = Synchformer(head="synchability")
    best = run_of(network, tmp_path / "best.pt")
    assert main(["export", str(best), str(tmp_path / "mine"), "--title", "Mine"]) == 0
    found = read_checkpoint(tmp_path / "mine" / "model.safetensors")
    assert found.kind is CheckpointKind.SYNCHABILITY
    assert found.weights.keys() == network.state_dict().keys()
    assert torch.equal(found.weights["vproj.weight"], network.vproj.weight)
