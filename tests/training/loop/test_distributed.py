import json
import os
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from core.errors import CheckpointError
from core.model.device import DeviceError
from training.loop.checkpoints import LATEST
from training.loop.distributed import SINGLE, Ranks, RanksError, gather_rows, joined_ranks
from training.loop.run_log import CURVES, LOG

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).parent / "line_run.py"


_LATE = """
import sys, time
from datetime import timedelta
from pathlib import Path
from torch import distributed
from training.loop.distributed import joined_ranks

with joined_ranks("cpu") as ranks:
    distributed.distributed_c10d._set_pg_timeout(timedelta(seconds=1))
    if ranks.is_first:
        time.sleep(4)
    ranks.wait()
    ranks.require_same("features", "never said")
    if ranks.is_first:
        Path(sys.argv[1], "met").write_text(str(ranks.n_ranks))
"""


def _torchrun(
    folder: Path, n_ranks: int = 2, script: Path = SCRIPT, **changes: Any
) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [
            *(sys.executable, "-m", "torch.distributed.run", "--standalone"),
            *("--nproc-per-node", str(n_ranks), str(script), str(folder), json.dumps(changes)),
        ],
        env=os.environ | {"PYTHONPATH": str(ROOT), "OMP_NUM_THREADS": "1"},
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
    )


def _losses(folder: Path, key: str = "loss") -> list[Any]:
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [line[key] for line in lines if key in line]


def _weights(folder: Path) -> dict[str, torch.Tensor]:
    weights: dict[str, torch.Tensor] = torch.load(folder / LATEST, weights_only=True)["model"]
    return weights


def test_two_processes_learn_what_one_learns_from_batches_twice_as_large(
    tmp_path: Path, line_run: ModuleType
) -> None:
    two, one = tmp_path / "two", tmp_path / "one"
    ended = _torchrun(two, batch_size=4, accumulate=2)
    assert ended.returncode == 0, ended.stderr
    line_run.run_line(one, {"batch_size": 8, "accumulate": 2})

    assert _losses(two) == pytest.approx(_losses(one), rel=1e-4)
    for name, weight in _weights(one).items():
        torch.testing.assert_close(_weights(two)[name], weight, rtol=1e-4, atol=1e-5)
    # Five questions, of which one process was asked three: none counts twice.
    validations = _losses(two, "validation")
    assert [found["n"] for found in validations] == [line_run.N_QUESTIONS] * 4
    losses = [found["loss"] for found in validations]
    assert losses == pytest.approx([f["loss"] for f in _losses(one, "validation")], rel=1e-4)
    # Only the first process writes.
    assert len(list((two / CURVES).iterdir())) == 1

    with pytest.raises(CheckpointError, match="It had n_ranks = 2 and not 1"):
        line_run.run_line(two, {"batch_size": 4, "accumulate": 2})


def test_a_process_that_fails_ends_all_with_its_own_words(tmp_path: Path) -> None:
    started_s = time.monotonic()
    ended = _torchrun(tmp_path, fail=[1, 3])
    assert ended.returncode != 0
    assert "OSError: the disk is gone" in ended.stderr
    assert time.monotonic() - started_s < 120


def test_several_processes_do_not_share_one_device(monkeypatch: pytest.MonkeyPatch) -> None:
    for name, value in (("RANK", "0"), ("LOCAL_RANK", "0"), ("WORLD_SIZE", "2")):
        monkeypatch.setenv(name, value)
    refused = pytest.raises(RanksError, match="cannot share the device mps; choose cuda")
    with refused, joined_ranks("mps"):
        pass


@pytest.mark.slow
def test_a_process_may_be_waited_for_longer_than_for_a_step(tmp_path: Path) -> None:
    script = tmp_path / "late.py"
    script.write_text(_LATE)
    ended = _torchrun(tmp_path, script=script)
    assert ended.returncode == 0, ended.stderr
    assert (tmp_path / "met").read_text() == "2"


def test_without_torchrun_there_is_one_process() -> None:
    with joined_ranks("cpu") as ranks:
        assert ranks == SINGLE
        assert ranks.is_first
    assert not Ranks(rank=1, n_ranks=2).is_first
    assert SINGLE.mean({"loss": 2.0}) == {"loss": 2.0}
    SINGLE.wait()
    SINGLE.require_same(1, "never said")
    rows = torch.arange(6).reshape(3, 2)
    assert gather_rows(rows) is rows


@pytest.mark.skipif(torch.cuda.is_available(), reason="there is a GPU here")
def test_a_gpu_that_is_not_there_is_told() -> None:
    with pytest.raises(DeviceError, match="finds no NVIDIA or AMD GPU"), joined_ranks("cuda"):
        pass
