"""Communication between the processes that train one network.

`torchrun` starts the processes and numbers them. Without it there is one process, and nothing here
costs time.
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
"""Parts of error messages caused by the end of another process."""

_LONGEST_WAIT = timedelta(weeks=2)
"""Time limit for waiting until the slowest process has done its part of a long work. The end of a
process is noticed by its connections, not by this limit."""


class RanksError(SyncError):
    """The processes of a run cannot work together."""


@dataclass(frozen=True, slots=True)
class Ranks:
    """One process of a run.

    Attributes:
        rank: Number of this process, from 0.
        n_ranks: Number of processes on all machines.
        device: Device of this process.
        meeting: Process group for long waits; None for a single process.
    """

    rank: int = 0
    n_ranks: int = 1
    device: torch.device = field(default_factory=lambda: torch.device("cpu"))
    meeting: distributed.ProcessGroup | None = field(default=None, repr=False, compare=False)

    @property
    def is_first(self) -> bool:
        """This process writes the files."""
        return self.rank == 0

    def wait(self) -> None:
        """Wait for all processes, without a time limit."""
        if self.n_ranks > 1:
            distributed.barrier(self.meeting)

    def require_same(self, value: object, message: str) -> None:
        """Wait for all processes, without a time limit, and compare their values.

        Raises:
            RanksError: The values differ; has the message.
        """
        if self.n_ranks == 1:
            return
        held: list[object] = [None] * self.n_ranks
        distributed.all_gather_object(held, value, self.meeting)
        if any(other != held[0] for other in held):
            listed = ", ".join(f"{rank}: {other}" for rank, other in enumerate(held))
            raise RanksError(message, details=f"by rank: {listed}")

    def mean(self, numbers: Mapping[str, float]) -> dict[str, float]:
        """Mean of the numbers over all processes; names must be equal in all of them."""
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
    """Connect to the other processes of the run, if any, for the duration of the block.

    Args:
        device: One of `core.model.device.DEVICES`.

    Raises:
        DeviceError: The device does not exist.
        RanksError: Several processes cannot share the device, or another process has ended.
    """
    if not _is_started_by_torchrun():
        yield Ranks(device=_device(device, 0))
        return
    chosen = _device(device, int(os.environ["LOCAL_RANK"]))
    if chosen.type == "cuda":
        torch.cuda.set_device(chosen)
    distributed.init_process_group("nccl" if chosen.type == "cuda" else "gloo")
    # For a member, and all processes are members, new_group never returns a number.
    meeting = cast(
        "distributed.ProcessGroup", distributed.new_group(timeout=_LONGEST_WAIT, backend="gloo")
    )
    try:
        yield Ranks(int(os.environ["RANK"]), int(os.environ["WORLD_SIZE"]), chosen, meeting)
    except RuntimeError as error:
        if _is_lost_peer(error):
            raise RanksError(
                "Another process of the run has ended; see its own message.",
                details=str(error),
            ) from error
        raise
    finally:
        distributed.destroy_process_group()


def is_first_process() -> bool:
    """Decide if this process writes messages, also before it has joined the others."""
    return os.environ.get("RANK", "0") == "0"


def gather_rows(rows: torch.Tensor) -> torch.Tensor:
    """Concatenate the rows of all processes in the order of their ranks.

    Args:
        rows: (N, ...) of this process; N may differ between processes and may be 0.

    Returns:
        (sum of all N, ...) on the device of `rows`, the same in all processes.
    """
    if not distributed.is_initialized():
        return rows
    n_ranks, transport = distributed.get_world_size(), _transport()
    own = torch.tensor([len(rows)], device=transport)
    counts = [torch.zeros_like(own) for _ in range(n_ranks)]
    distributed.all_gather(counts, own)
    # All processes must send the same size: pad, then cut off the padding.
    longest = max(int(count) for count in counts)
    padded = torch.zeros(longest, *rows.shape[1:], dtype=rows.dtype, device=transport)
    padded[: len(rows)] = rows.detach()
    gathered = [torch.zeros_like(padded) for _ in range(n_ranks)]
    distributed.all_gather(gathered, padded)
    kept = [part[: int(count)] for part, count in zip(gathered, counts, strict=True)]
    return torch.cat(kept).to(rows.device)


def _device(name: str, local_rank: int) -> torch.device:
    """Device of a process; each of several processes has its own GPU."""
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
    """Device for tensors to send."""
    if distributed.get_backend() == "nccl":
        return torch.device("cuda", torch.cuda.current_device())
    return torch.device("cpu")


def _is_lost_peer(error: RuntimeError) -> bool:
    text = str(error).lower()
    return isinstance(error, distributed.DistError) or any(part in text for part in _LOST_PEER)
