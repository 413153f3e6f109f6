"""A small run of training as a process of its own, for tests that kill it or start several.

    python tests/training/loop/line_run.py FOLDER [JSON]
    torchrun --nproc-per-node 2 tests/training/loop/line_run.py FOLDER [JSON]

The JSON changes the configuration; beside fields of `LoopConfig` it may have `dropout`,
`fail` ([rank, step]: there the disk is gone), `die_in_save` (the number of that save) and `paced`.
"""

import json
import os
import signal
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import IO, Any

import numpy as np
import torch
from torch import nn

from core.progress import SILENT, Monitor, Progress
from training.aliases import Metrics, Tensors
from training.loop import checkpoints
from training.loop.config import LoopConfig
from training.loop.distributed import SINGLE, Ranks, gather_rows, joined_ranks
from training.loop.loop import train
from training.loop.run_log import Show
from training.stages.rank_share import Share

N_QUESTIONS = 5
"""Not a multiple of the processes, so that they have different numbers of them."""

DEFAULTS: dict[str, Any] = {
    "n_steps": 24,
    "batch_size": 4,
    "learning_rate": 0.02,
    "warm_up_steps": 4,
    "log_every": 1,
    "validate_every": 6,
    "save_every": 5,
    "best_by": "loss",
    "best_is": "lowest",
    "seed": 3,
}


class LineTask:
    """Learns a linear map from samples that are functions of their position."""

    def __init__(self, share: Share, fail: tuple[int, int] | None = None) -> None:
        self._share, self._fail = share, fail

    def batches(self, first: int, end: int) -> Iterator[Tensors]:
        for number, positions in enumerate(self._share.micro_batches(first, end)):
            step = first + number // self._share.accumulate
            if (self._share.rank, step) == self._fail:
                raise OSError("the disk is gone")
            yield {"x": _samples(positions, stream=7)}

    def loss(self, network: nn.Module, batch: Tensors) -> tuple[torch.Tensor, Tensors]:
        error = network(batch["x"])[:, 0] - batch["x"].sum(1)
        return error.square().mean(), {"largest": error.detach().abs().mean()}

    @torch.no_grad()
    def validate(self, network: nn.Module, show: Show | None = None) -> Metrics:
        network.eval()
        parts = [
            (network(x)[:, 0] - x.sum(1)).square()
            for positions in self._share.questions(N_QUESTIONS)
            for x in [_samples(positions, stream=8)]
        ]
        errors = gather_rows(torch.cat([torch.zeros(0), *parts]))
        return {"loss": float(errors.mean()), "n": len(errors)}


class _Line(nn.Module):
    """Has a weight that takes no part, as published networks do."""

    def __init__(self, dropout: float) -> None:
        super().__init__()
        self.layers = nn.Sequential(
            nn.Linear(4, 16), nn.Tanh(), nn.Dropout(dropout), nn.Linear(16, 1)
        )
        self.unused = nn.Linear(2, 2)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        made: torch.Tensor = self.layers(x)
        return made


class _Paced:
    """Says on the standard output that a step is done; needs a sign from the input for the next."""

    def report(self, progress: Progress) -> None:
        print("step", flush=True)  # noqa: T201

    def check(self) -> None:
        sys.stdin.read(1)


def run_line(folder: Path, changes: dict[str, Any], ranks: Ranks = SINGLE) -> nn.Module:
    """Train in the folder; returns the network."""
    values = DEFAULTS | changes
    fail, dropout = values.pop("fail", None), values.pop("dropout", 0.0)
    monitor: Monitor = _Paced() if values.pop("paced", False) else SILENT
    if n_saves := values.pop("die_in_save", 0):
        _die_in_save(n_saves)
    config = LoopConfig(**values)
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = _Line(dropout)
    share = Share(config.batch_size, config.accumulate, ranks.rank, ranks.n_ranks)
    task = LineTask(share, tuple(fail) if fail else None)
    train(network, task, config, folder, monitor, ranks=ranks)
    return network


def _samples(positions: list[int], stream: int) -> torch.Tensor:
    rows = [np.random.default_rng([stream, p]).standard_normal(4, np.float32) for p in positions]
    return torch.from_numpy(np.stack(rows))


def _die_in_save(n: int) -> None:
    """Let the process be killed when half of its n-th checkpoint is written."""
    saves = iter(range(1, n + 1))
    save = torch.save

    def write(state: object, file: IO[bytes]) -> None:
        save(state, file)
        if next(saves) == n:
            file.truncate(file.tell() // 2)
            file.flush()
            os.kill(os.getpid(), signal.SIGKILL)

    checkpoints.torch.save = write  # type: ignore[assignment]


if __name__ == "__main__":
    torch.set_num_threads(1)
    with joined_ranks("cpu") as joined:
        run_line(Path(sys.argv[1]), json.loads((sys.argv[2:] or ["{}"])[0]), joined)
