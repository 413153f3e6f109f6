"""The one loop that trains every network here."""

import json
import logging
import math
import pickle
import time
from collections.abc import Callable, Generator, Mapping
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import closing
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Protocol

import torch
from torch import nn

from core.errors import CheckpointError
from core.paths import complete_or_absent
from core.progress import Monitor, Progress

log = logging.getLogger(__name__)

LATEST = "latest.pt"
LOG = "log.jsonl"

Tensors = dict[str, torch.Tensor]
Metrics = dict[str, float]


class Task(Protocol):
    """What is learned from what."""

    def batch(self, step: int) -> Tensors:
        """Return the batch of a step; a function of the step alone, so that runs can resume."""
        ...

    def loss(self, batch: Tensors) -> tuple[torch.Tensor, Metrics]:
        """Return the loss of a batch and numbers to log."""
        ...

    def validate(self) -> Metrics:
        """Measure on clips that are not trained on."""
        ...


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """How a network is trained.

    Attributes:
        n_steps: Updates of the weights.
        learning_rate: At its highest, after `warm_up_steps`; falls to 0 as a half cosine.
        warm_up_steps: Steps of linear rise.
        weight_decay: Of AdamW, on matrices only.
        betas: Of AdamW.
        clip_norm: Gradients are scaled down to this norm.
        bfloat16: Multiply in bfloat16 where PyTorch's autocast deems it safe.
        log_every: Steps between lines of the log.
        validate_every: Steps between validations.
        save_every: Steps between checkpoints.
        seed: Of whatever is random inside the network.
    """

    n_steps: int
    learning_rate: float = 1e-3
    warm_up_steps: int = 50
    weight_decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.98)
    clip_norm: float = 1.0
    bfloat16: bool = False
    log_every: int = 10
    validate_every: int = 200
    save_every: int = 50
    seed: int = 0

    def factor(self, step: int) -> float:
        """Return the share of the learning rate that a step uses."""
        if step < self.warm_up_steps:
            return (step + 1) / self.warm_up_steps
        share = (step - self.warm_up_steps) / max(1, self.n_steps - self.warm_up_steps)
        return 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))


def train(
    network: nn.Module,
    task: Task,
    config: LoopConfig,
    folder: Path,
    monitor: Monitor,
    recipe: str = "",
) -> Metrics:
    """Train a network in place, going on from the folder's checkpoint if there is one.

    Args:
        network: Its weights are changed; the task's loss uses it.
        task: Batches, loss and validation.
        config: The schedule.
        folder: Gets `latest.pt` and `log.jsonl`.
        monitor: Told about the progress and asked whether to go on.
        recipe: What else decides what the weights become; a run only goes on under the same.

    Returns:
        The last validation's metrics.

    Raises:
        CheckpointError: The folder holds a run of another configuration, or a damaged checkpoint.
        Cancelled: The monitor asked to stop.
    """
    torch.manual_seed(config.seed)
    optimizer = _optimizer(network, config)
    identity = _identity(config, recipe)
    first_step = _resume(network, optimizer, identity, folder)
    _forget_after(folder, first_step)
    started_s, metrics = time.monotonic(), dict[str, float]()
    # A batch that is still being made is waited for also when the run ends early.
    with closing(_ahead(task.batch, first_step, config.n_steps)) as batches:
        for step, batch in batches:
            monitor.check()
            numbers = _update(network, optimizer, task, batch, config, step)
            done = step + 1
            if done % config.log_every == 0:
                seconds = (time.monotonic() - started_s) / (done - first_step)
                _write_line(folder, done, {"seconds_per_step": seconds, **numbers})
                stage = f"Training, loss {numbers['loss']:.3f}"
                monitor.report(Progress(stage, done / config.n_steps))
            if done % config.validate_every == 0 or done == config.n_steps:
                network.eval()
                metrics = task.validate()
                _write_line(folder, done, {"validation": metrics})
            if done % config.save_every == 0 or done == config.n_steps:
                _save(network, optimizer, identity, folder, done)
    network.eval()
    return metrics or task.validate()  # A run that had reached its end has no metrics yet.


def _optimizer(network: nn.Module, config: LoopConfig) -> torch.optim.AdamW:
    matrices = [p for p in network.parameters() if p.ndim > 1]
    others = [p for p in network.parameters() if p.ndim <= 1]
    return torch.optim.AdamW(
        [
            {"params": matrices, "weight_decay": config.weight_decay},
            {"params": others, "weight_decay": 0.0},
        ],
        lr=config.learning_rate,
        betas=config.betas,
    )


def _update(
    network: nn.Module,
    optimizer: torch.optim.AdamW,
    task: Task,
    batch: Tensors,
    config: LoopConfig,
    step: int,
) -> Metrics:
    network.train()
    for group in optimizer.param_groups:
        group["lr"] = config.learning_rate * config.factor(step)
    with torch.autocast("cpu", torch.bfloat16, enabled=config.bfloat16):
        loss, numbers = task.loss(batch)
    optimizer.zero_grad(set_to_none=True)
    loss.backward()  # type: ignore[no-untyped-call]
    norm = nn.utils.clip_grad_norm_(network.parameters(), config.clip_norm)
    if not math.isfinite(float(norm)):
        log.warning("step %d has a gradient of norm %s and is left out", step, float(norm))
        return {"loss": float(loss.detach()), "norm": float(norm), **numbers}
    optimizer.step()
    return {"loss": float(loss.detach()), "norm": float(norm), **numbers}


def _ahead(
    make: Callable[[int], Tensors], first: int, end: int, n_ahead: int = 3
) -> Generator[tuple[int, Tensors], None, None]:
    """Yield steps and their batches, made ahead in a thread."""
    with ThreadPoolExecutor(1) as executor:
        waiting: dict[int, Future[Tensors]] = {}
        for step in range(first, end):
            for wanted in range(step, min(step + n_ahead, end)):
                if wanted not in waiting:
                    waiting[wanted] = executor.submit(make, wanted)
            yield step, waiting.pop(step).result()


def _resume(network: nn.Module, optimizer: torch.optim.AdamW, identity: str, folder: Path) -> int:
    path = folder / LATEST
    if not path.is_file():
        folder.mkdir(parents=True, exist_ok=True)
        return 0
    try:
        state = torch.load(path, map_location="cpu", weights_only=True)
        if state["identity"] != identity:
            raise CheckpointError(
                f"{path} belongs to a run with another configuration; choose another folder, or"
                " delete it to begin anew.",
                path=path,
            )
        network.load_state_dict(state["network"])
        optimizer.load_state_dict(state["optimizer"])
        torch.set_rng_state(state["random"])
        return int(state["step"])
    except OSError as error:
        raise CheckpointError.unreadable(path, error) from error
    except (pickle.UnpicklingError, EOFError, RuntimeError, KeyError, TypeError, ValueError) as e:
        raise CheckpointError(
            f"{path} is damaged or no checkpoint of this program; delete it to begin anew.",
            path=path,
            details=str(e),
        ) from e


def _save(
    network: nn.Module, optimizer: torch.optim.AdamW, identity: str, folder: Path, step: int
) -> None:
    state = {
        "step": step,
        "identity": identity,
        "network": network.state_dict(),
        "optimizer": optimizer.state_dict(),
        "random": torch.get_rng_state(),
    }
    with complete_or_absent(folder / LATEST) as partial:
        torch.save(state, partial)


def _identity(config: LoopConfig, recipe: str) -> str:
    return json.dumps({"loop": asdict(config), "recipe": recipe}, sort_keys=True)


def _write_line(folder: Path, step: int, values: Mapping[str, float | Metrics]) -> None:
    with (folder / LOG).open("a") as file:
        file.write(json.dumps({"step": step, **_finite(values)}) + "\n")


def _finite(values: Mapping[str, float | Metrics]) -> dict[str, object]:
    """Return the values with None for what JSON cannot hold."""
    return {
        key: _finite(value)
        if isinstance(value, dict)
        else (value if math.isfinite(value) else None)
        for key, value in values.items()
    }


def _forget_after(folder: Path, step: int) -> None:
    """Drop the lines of steps that are done again, and one that was cut off."""
    path = folder / LOG
    if not path.is_file():
        return
    lines = path.read_text().splitlines(keepends=True)
    kept = [line for line in lines if line.endswith("\n") and json.loads(line)["step"] <= step]
    with complete_or_absent(path) as partial:
        partial.write_text("".join(kept))
