"""Runs that are killed, each in a process of its own, become what they would have become."""

import json
import os
import random
import signal
import subprocess
import sys
import time
from pathlib import Path
from types import ModuleType
from typing import Any

import pytest
import torch

from training.loop.checkpoints import BEST, LATEST
from training.loop.run_log import LOG

ROOT = Path(__file__).resolve().parents[3]
SCRIPT = Path(__file__).parent / "line_run.py"

RUN = {"n_steps": 240, "accumulate": 2, "dropout": 0.2, "validate_every": 60, "save_every": 7}
"""Long enough to be killed on the way."""


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory, line_run: ModuleType) -> Path:
    """Return the folder of a run that nothing stopped."""
    folder = tmp_path_factory.mktemp("whole")
    line_run.run_line(folder, dict(RUN))
    return folder


def _start(folder: Path, **changes: Any) -> subprocess.Popen[str]:
    return subprocess.Popen(
        [sys.executable, str(SCRIPT), str(folder), json.dumps(RUN | changes)],
        env=os.environ | {"PYTHONPATH": str(ROOT)},
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )


def _kill_after(folder: Path, n_steps: int, more_s: float) -> None:
    """Kill a run some time after it has done so many steps; it does up to ten more."""
    with _start(folder, paced=True) as process:
        assert process.stdin is not None
        assert process.stdout is not None
        process.stdin.write("." * (n_steps + 10))
        process.stdin.flush()
        for _ in range(n_steps):
            assert process.stdout.readline() == "step\n"
        time.sleep(more_s)
        process.kill()
    assert process.returncode == -signal.SIGKILL


def _curve(folder: Path) -> list[dict[str, Any]]:
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    timed = ("seconds_per_step", "samples_per_s", "waiting")
    return [{k: v for k, v in line.items() if k not in timed} for line in lines]


def _check_same(folder: Path, whole: Path) -> None:
    assert _curve(folder) == _curve(whole)
    for name in (LATEST, BEST):
        one, other = (torch.load(where / name, weights_only=True) for where in (folder, whole))
        assert one["step"] == other["step"]
        assert one["metrics"] == other["metrics"]
        for key, weight in other["model"].items():
            assert torch.equal(one["model"][key], weight)
    states = [
        torch.load(where / LATEST, weights_only=True)["optimizer"]["state"]
        for where in (folder, whole)
    ]
    for index, values in states[1].items():
        assert all(torch.equal(states[0][index][key], values[key]) for key in values)


def test_run_killed_in_the_middle_of_an_epoch_ends_as_if_it_had_not_been(
    tmp_path: Path, whole: Path, line_run: ModuleType
) -> None:
    _kill_after(tmp_path, 100, 0.0)
    assert 98 <= torch.load(tmp_path / LATEST, weights_only=True)["step"] <= 112
    line_run.run_line(tmp_path, dict(RUN))
    _check_same(tmp_path, whole)


@pytest.mark.parametrize("n_saves", [9, pytest.param(10, marks=pytest.mark.slow)])
def test_run_killed_while_it_writes_a_checkpoint_goes_on_from_the_one_before(
    tmp_path: Path, whole: Path, line_run: ModuleType, n_saves: int
) -> None:
    # The ninth is the one of the best weights at step 60, the tenth that of the latest.
    with _start(tmp_path, die_in_save=n_saves) as process:
        process.communicate()
    assert process.returncode == -signal.SIGKILL
    (half,) = tmp_path.glob("*.partial~")
    assert half.stat().st_size > 0
    assert torch.load(tmp_path / LATEST, weights_only=True)["step"] == 56
    line_run.run_line(tmp_path, dict(RUN))
    _check_same(tmp_path, whole)
    assert not list(tmp_path.glob("*.partial~"))


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(10))
def test_run_killed_at_any_moment_ends_as_if_it_had_not_been(
    tmp_path: Path, whole: Path, line_run: ModuleType, seed: int
) -> None:
    chance = random.Random(seed)
    for _ in range(2):
        _kill_after(tmp_path, chance.randrange(1, 60), chance.uniform(0, 0.05))
    line_run.run_line(tmp_path, dict(RUN))
    _check_same(tmp_path, whole)
