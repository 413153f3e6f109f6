"""Several processes that train one network: who they are and what they tell each other.

`torchrun` starts them and says to each which one it is. Without it there is one process, and
everything here costs nothing.
"""

import os
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import timedelta
from typing import cast

import torch
from torch import distributed

from core.errors import SyncError
from core.model.device import choose_device

_LOST_PEER = ("connection closed by peer", "connection reset", "socket", "broken pipe", "timed out")
"""What the texts of failures contain that are those of another process."""

_LONGEST_WAIT = timedelta(weeks=2)
"""Processes with parts of their own of a long work meet when the slowest has done its part. One
that has ended is noticed by its connections, not by the time."""


class RanksError(SyncError):
    """The processes of a run do not work together."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """One process among those that train together.

    Attributes:
        rank: Number of this process, from 0 on.
        n_ranks: Number of processes on all machines.
        device: What this process computes on.
        meeting: The connections for what may be waited for long; None where there is one process.
    """

    rank: int = 0
    n_ranks: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    meeting: distributed.ProcessGroup | None = field(default=None, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """Whether this process is the one that writes."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait until all processes are here, however long one of them takes."""
        if self.n_ranks > 1:
            distributed.barrier(self.meeting)

    def require_same(self, value: object, message: str) -> None:
        """Wait for all processes, however long one of them takes, and compare what they hold.

        Raises:
            RanksError: They differ; has the message.
        """
        if self.n_ranks == 1:
            return
        held: list[object] = [None] * self.n_ranks
        distributed.all_gather_object(held, value, self.meeting)
        if any(other != held[0] for other in held):
            listed = ", ".join(f"{rank}: {other}" for rank, other in enumerate(held))
            raise RanksError(message, details=f"by rank: {listed}")

    def mean(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Return the mean of the processes' numbers, which have the same names in each."""
        if self.n_ranks == 1:
            return dict(numbers)
        names = sorted(numbers)
        values = torch.tensor([numbers[name] for name in names], dtype=torch.float64)
        values = values.to(_transport())
        distributed.all_reduce(values)
        return dict(zip(names, (values / self.n_ranks).tolist(), strict=True))


SINGLE = Ranks()


@contextmanager
def joined_ranks(device: str = "auto") -> Iterator[Ranks]:
    """Join the other processes of the run, if `torchrun` has started several, for the block.

    Args:
        device: One of `core.model.device.DEVICES`.

    Raises:
        DeviceError: There is no such device.
        RanksError: The device is a single one of several processes, or another process has ended.
    """
    if not _is_started_by_torchrun():
        yield Ranks(device=_device(device, 0))
        return
    chosen = _device(device, int(os.environ["LOCAL_RANK"]))
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    # All are members, for whom it is never the number that stands for no group.
    meeting = cast(
        "distributed.ProcessGroup", distributed.new_group(timeout=_LONGEST_WAIT, backend="gloo")
    )
    try:
        yield Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), chosen, meeting)
    except RuntimeError as error:
        if _is_lost_peer(error):
            raise RanksError(
                "Another process of the run has ended; its own message says why.",
                details=str(error),
            ) from error
        raise
    finally:
        distributed.destroy_process_group()


def is_first_process() -> bool:
    """Tell whether this is the process that speaks, also before it has joined the others."""
    return os.environ.get("RANK", "0") == "0"


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Return the rows of all processes, in the order of the processes; each row once.

    Args:
        rows: (N, ...) of this process; N may differ from process to process and be 0.

    Returns:
        (sum of all N, ...) on the device of `rows`, the same in all processes.
    """
    if not distributed.is_initialized():
        return rows
    n_ranks, transport = distributed.get_world_size(), _transport()
    own = torch.tensor([len(rows)], device=transport)
    counts = [torch.zeros_like(own) for _ in range(n_ranks)]
    distributed.all_gather(counts, own)
    # What is sent is of one size; what fills it up is cut off again.
    longest = max(int(count) for count in counts)
    padded = torch.zeros(longest, *rows.shape[1:], dtype=rows.dtype, device=transport)
    padded[: len(rows)] = rows.detach()
    gathered = [torch.zeros_like(padded) for _ in range(n_ranks)]
    distributed.all_gather(gathered, padded)
    kept = [part[: int(count)] for part, count in zip(gathered, counts, strict=True)]
    return torch.cat(kept).to(rows.device)


def _device(name: str, local_rank: int) -> torch.device:
    """Return the device of a process: where there are several, each has a GPU of its own."""
    if name == "cuda" or (name == "auto" and torch.cuda.is_available()):
        return choose_device(f"cuda:{local_rank}")
    if not _is_started_by_torchrun():
        return choose_device(name)
    if name not in ("auto", "cpu"):
        raise RanksError(
            f"Several processes cannot share the device {name}; choose cuda, which gives each a GPU"
            " of its own, or cpu."
        )
    return choose_device("cpu")


def _is_started_by_torchrun() -> bool:
    return "RANK" in os.environ


def _transport() -> torch.device:
    """Return where tensors have to be to be sent."""
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def _is_lost_peer(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, distributed.DistError) or any(part in text for part in _LOST_PEER)
