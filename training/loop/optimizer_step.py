"""One update of the weights from the gradients of several batches and processes."""

import logging
import math
from collections.abc import Iterable, Mapping
from contextlib import nullcontext
from typing import Protocol

import numpy as np
import torch
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from training.loop.config import LoopConfig
from training.loop.distributed import Ranks

log = logging.getLogger(__name__)

Batch = dict[str, torch.Tensor]
Numbers = Mapping[str, float | torch.Tensor]
"""Numbers to log: floats, or tensors with one element on any device."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_RANDOM_STREAM = 4
"""Random stream of the network; the samples use streams 1 to 3."""


class Loss(Protocol):
    """Loss of a batch."""

    def loss(self, network: nn.Module, batch: Batch) -> tuple[torch.Tensor, Numbers]: ...


class Updater:
    """Changes the weights of a network step by step.

    Args:
        network: Network to train in place. Weights without gradients stay unchanged.
        task: Source of the loss.
        config: The schedule and the options of the optimizer.
        ranks: This process; gradients are averaged over all ranks.
    """

    def __init__(self, network: nn.Module, task: Loss, config: LoopConfig, ranks: Ranks) -> None:
        self._network, self._config, self._ranks = network.to(ranks.device), config, ranks
        if config.compile:
            for part in network.children():
                part.compile()
        self._loss = _LossOf(network, task)
        self._spread: DistributedDataParallel | None = None
        if ranks.n_ranks > 1:
            # Published networks carry weights without any effect on the loss.
            self._spread = DistributedDataParallel(self._loss, find_unused_parameters=True)
        self._optimizer = _optimizer(network, config)
        is_scaled = config.precision == "float16"
        self._scaler = torch.amp.GradScaler(ranks.device.type, enabled=is_scaled)

    def step(self, step: int, batches: Iterable[Batch]) -> dict[str, float]:
        """Update the weights by the mean gradient of some batches.

        Random numbers inside the network are a function of seed, step, batch and rank.

        Args:
            step: Number of the step.
            batches: `accumulate` batches.

        Returns:
            Loss, norm of its gradient and the numbers of the task, means over the batches.

        Raises:
            ValueError: The task made too few batches.
        """
        self._network.train()
        for group in self._optimizer.param_groups:
            group["lr"] = self._config.learning_rate * self._config.factor(step)
        self._optimizer.zero_grad(set_to_none=True)
        found: list[dict[str, float]] = []
        for number, batch in enumerate(batches):
            found.append(self._add_gradients(step, number, batch))
        if len(found) != self._config.accumulate:
            raise ValueError(
                f"step {step} needs {self._config.accumulate} batches, got {len(found)}"
            )
        means = {key: sum(numbers[key] for numbers in found) / len(found) for key in found[0]}
        return {"loss": means.pop("loss"), "norm": self._apply(step), **means}

    def state(self) -> dict[str, object]:
        """State besides the weights, for resuming."""
        return {"optimizer": self._optimizer.state_dict(), "scaler": self._scaler.state_dict()}

    def load_state(self, state: Mapping[str, dict[str, object]]) -> None:
        """Restore a result of `state`."""
        self._optimizer.load_state_dict(state["optimizer"])
        self._scaler.load_state_dict(state["scaler"])

    def _add_gradients(self, step: int, number: int, batch: Batch) -> dict[str, float]:
        device, config = self._ranks.device, self._config
        on_device = {key: value.to(device, non_blocking=True) for key, value in batch.items()}
        torch.manual_seed(_seed(config.seed, step, number, self._ranks.rank))
        # Processes exchange gradients once per step, not once per batch.
        is_kept = self._spread is not None and number < config.accumulate - 1
        with self._spread.no_sync() if self._spread and is_kept else nullcontext():
            dtype = _DTYPES[config.precision]
            with torch.autocast(device.type, dtype, enabled=dtype is not torch.float32):
                loss, numbers = (self._spread or self._loss)(on_device)
            self._scaler.scale(loss / config.accumulate).backward()
        return {"loss": float(loss.detach()), **{k: float(v) for k, v in numbers.items()}}

    def _apply(self, step: int) -> float:
        """Clip the gradients and update the weights; returns the norm before clipping."""
        self._scaler.unscale_(self._optimizer)
        norm = float(nn.utils.clip_grad_norm_(self._network.parameters(), self._config.clip_norm))
        if math.isfinite(norm) or self._scaler.is_enabled():
            # The scaler skips steps with infinite gradients and lowers its scale.
            self._scaler.step(self._optimizer)
            self._scaler.update()
        else:
            log.warning("step %d has a gradient of norm %s and is left out", step, norm)
        return norm


class _LossOf(nn.Module):
    """The loss of a network as a module, the form required by DistributedDataParallel."""

    def __init__(self, network: nn.Module, task: Loss) -> None:
        super().__init__()
        self.network, self._task = network, task

    def forward(self, batch: Batch) -> tuple[torch.Tensor, Numbers]:
        return self._task.loss(self.network, batch)


def _optimizer(network: nn.Module, config: LoopConfig) -> torch.optim.Optimizer:
    trained = [p for p in network.parameters() if p.requires_grad]
    kind = torch.optim.AdamW if config.optimizer == "adamw" else torch.optim.Adam
    groups = [
        {"params": [p for p in trained if p.ndim > 1], "weight_decay": config.weight_decay},
        {"params": [p for p in trained if p.ndim <= 1], "weight_decay": 0.0},
    ]
    return kind(
        [group for group in groups if group["params"]],
        lr=config.learning_rate,
        betas=config.betas,
        eps=config.eps,
    )


def _seed(*numbers: int) -> int:
    state = np.random.SeedSequence([numbers[0], _RANDOM_STREAM, *numbers[1:]]).generate_state(2)
    return int(state[0]) << 31 | int(state[1]) >> 1
