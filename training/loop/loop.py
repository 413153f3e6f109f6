"""The training loop of all networks.

All random numbers of a run are functions of its seed and of the position in it, so a stopped and
resumed run gives the same weights as an unstopped one. `checkpoints` has the files, `run_log` the
curves, `distributed` the other processes.
"""

import logging
import math
import time
from collections.abc import Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, nullcontext
from dataclasses import asdict
from itertools import islice
from pathlib import Path
from typing import Protocol

import numpy as np
import torch
from matplotlib.figure import Figure
from torch import nn
from torch.nn.parallel import DistributedDataParallel

from core.progress import Monitor, Progress
from training.aliases import Metrics, Tensors
from training.loop.checkpoints import (
    BEST,
    LATEST,
    UNFIT,
    About,
    Standing,
    damaged,
    read_state,
    remove_partial,
    write_state,
)
from training.loop.config import LoopConfig
from training.loop.distributed import SINGLE, Ranks
from training.loop.run_log import RunLog, Show, Values

log = logging.getLogger(__name__)

log = logging.getLogger(__name__)

Numbers = Mapping[str, float | torch.Tensor]
"""Numbers to log: floats, or tensors with one element on any device."""

_DTYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16, "float16": torch.float16}
_RANDOM_STREAM = 4
"""Random stream of the network; the samples use streams 1 to 3."""


class Task(Protocol):
    """Batches, loss and validation of a kind of training."""

    def batches(self, first: int, end: int) -> Iterator[Tensors]:
        """Yield this process's batches of the steps from `first` to `end` - 1, in order.

        Each batch is a function of its position alone, so runs can resume. Each step has
        `LoopConfig.accumulate` batches. The optional entry `skipped`, (B,) numbers of unusable
        clips, is added up for the log.
        """
        ...

    def loss(self, network: nn.Module, batch: Tensors) -> tuple[torch.Tensor, Numbers]:
        """Loss of a batch, a mean over its samples, and numbers to log."""
        ...

    def validate(self, network: nn.Module, show: Show) -> Metrics:
        """Measure on clips outside of training, and show figures.

        All processes return the same numbers; only the figures of the first one are kept.
        """
        ...


def train(
    network: nn.Module,
    task: Task,
    config: LoopConfig,
    folder: Path,
    monitor: Monitor,
    recipe: str = "",
    *,
    ranks: Ranks = SINGLE,
    wandb_project: str = "",
) -> Metrics:
    """Train a network in place; resume from the folder's checkpoint, if there is one.

    Args:
        network: Network to train; moved to the device. Weights without gradients stay unchanged.
        task: Batches, loss and validation.
        config: The schedule.
        folder: Folder of `latest.pt`, `best.pt` and the log; the same for all processes.
        monitor: Gets the progress; may cancel.
        recipe: All other conditions of the run; a run resumes only under the same. JSON text is
            compared part by part.
        ranks: This process among all of the run.
        wandb_project: As in `RunLog`.

    Returns:
        Metrics of the last validation.

    Raises:
        CheckpointError: The folder holds a run of another configuration, or a damaged checkpoint.
        RanksError: The processes do not see the same folder.
        RunLogError: Weights & Biases is not installed.
        Cancelled: The monitor asked to stop.
    """
    run = _Run(network, task, config, folder, ranks, recipe)
    run.resume()
    run.tell_where()
    if run.has_ended:
        network.eval()
        return run.standing.metrics
    with ExitStack() as open_until_end:
        if ranks.is_first:
            run.log = open_until_end.enter_context(
                RunLog(folder, run.standing.step, wandb_project, run.about)
            )
        batches = task.batches(run.standing.step, config.n_steps)
        # Also when the run ends early, wait for a batch in the making.
        open_until_end.callback(getattr(batches, "close", lambda: None))
        run.go_on(batches, monitor)
    network.eval()
    return run.standing.metrics


class _Run:
    """A run of training between its beginning, or the last checkpoint, and its end."""

    def __init__(
        self,
        network: nn.Module,
        task: Task,
        config: LoopConfig,
        folder: Path,
        ranks: Ranks,
        recipe: str,
    ) -> None:
        self._network, self._task, self._config = network, task, config
        self._folder, self._ranks = folder, ranks
        self._updater = _Updater(network, task, config, ranks)
        self.about: About = {"loop": asdict(config), "n_ranks": ranks.n_ranks, "recipe": recipe}
        self.standing = Standing()
        self.log: RunLog | None = None

    @property
    def has_ended(self) -> bool:
        patience = self._config.patience
        has_lost_patience = 0 < patience <= self.standing.n_since_best
        return self.standing.step >= self._config.n_steps or has_lost_patience

    def resume(self) -> None:
        """Load the folder's checkpoint in all processes."""
        path = self._folder / LATEST
        state = read_state(path, self.about)
        if state is not None:
            try:
                self._network.load_state_dict(state["model"])
                self._updater.load_state(state)
                self.standing = Standing.of(state)
            except UNFIT as error:
                raise damaged(path, error) from error
        self._ranks.require_same(
            self.standing.step,
            f"The processes do not see the same checkpoint in {self._folder}; all machines must"
            " share this folder.",
        )
        if self._ranks.is_first:
            self._folder.mkdir(parents=True, exist_ok=True)
            remove_partial(self._folder)

    def tell_where(self) -> None:
        """Log the step of a resumed run."""
        step = self.standing.step
        if not step or not self._ranks.is_first:
            return
        if self.has_ended:
            log.info("This run has ended at step %d.", step)
        else:
            log.info("Resuming at step %d of %d.", step, self._config.n_steps)

    def go_on(self, batches: Iterator[Tensors], monitor: Monitor) -> None:
        """Do the remaining steps."""
        config, clock = self._config, _Clock()
        for step in range(self.standing.step, config.n_steps):
            if self.has_ended:
                break
            monitor.check()
            with clock.running():
                of_step = islice(clock.waiting(batches), config.accumulate)
                numbers = self._updater.step(step, of_step)
            done = self.standing.step = step + 1
            is_last = done == config.n_steps
            if done % config.log_every == 0:
                self._report(numbers, clock, monitor)
            is_validated = done % config.validate_every == 0 or is_last
            if is_validated:
                self._validate()
            if is_validated or done % config.save_every == 0:
                self._save(LATEST)

    def _report(self, numbers: Metrics, clock: "_Clock", monitor: Monitor) -> None:
        n_ranks = self._ranks.n_ranks
        means = self._ranks.mean({**numbers, "skipped": clock.n_skipped})
        means["skipped"] *= n_ranks
        speed = clock.read(n_ranks)
        self._write(speed | means)
        stage = (
            f"Training, loss {means['loss']:.3f}, {speed['samples_per_s']:.3g} samples/s,"
            f" {speed['waiting']:.0%} waiting for data"
        )
        if means["skipped"]:
            stage += f", {means['skipped']:.0f} clips skipped"
        monitor.report(Progress(stage, self.standing.step / self._config.n_steps))

    def _validate(self) -> None:
        """Validate; save the weights if they are the best so far."""
        self._network.eval()
        metrics = self._task.validate(self._network, self._show)
        self._write({"validation": metrics})
        self.standing.metrics = metrics
        name = self._config.best_by
        if not name:
            return
        if name not in metrics:
            raise ValueError(f"best_by names {name!r}; known are {', '.join(metrics)}")
        if self._config.is_better(metrics[name], self.standing.best):
            self.standing.best, self.standing.n_since_best = metrics[name], 0
            self._save(BEST)
        else:
            self.standing.n_since_best += 1

    def _save(self, name: str) -> None:
        if not self._ranks.is_first:
            return
        state = {"model": self._network.state_dict(), "args": self.about, **asdict(self.standing)}
        if name == LATEST:
            state |= self._updater.state()
        write_state(self._folder / name, state)

    def _show(self, name: str, figure: Figure) -> None:
        if self.log is not None:
            self.log.show(self.standing.step, name, figure)

    def _write(self, values: Values) -> None:
        if self.log is not None:
            self.log.write(self.standing.step, values)


class _Clock:
    """Counts samples, the time of steps, and the part of it spent waiting for data.

    Attributes:
        n_skipped: Number of unusable clips since the last reading.
    """

    def __init__(self) -> None:
        self._begin_anew()

    def _begin_anew(self) -> None:
        self._busy_s, self._waited_s = 0.0, 0.0
        self._n_steps, self._n_samples, self.n_skipped = 0, 0, 0

    @contextmanager
    def running(self) -> Iterator[None]:
        """Add the time of the block; validations and checkpoints do not count."""
        started_s = time.monotonic()
        yield
        self._busy_s += time.monotonic() - started_s
        self._n_steps += 1

    def waiting(self, batches: Iterator[Tensors]) -> Iterator[Tensors]:
        """Yield the batches; add the waiting time for each."""
        while True:
            started_s = time.monotonic()
            batch = next(batches, None)
            self._waited_s += time.monotonic() - started_s
            if batch is None:
                return
            self._n_samples += len(next(iter(batch.values())))
            if "skipped" in batch:
                self.n_skipped += int(batch["skipped"].sum())
            yield batch

    def read(self, n_ranks: int) -> Metrics:
        """Speed since the last reading; resets the counts."""
        found = {
            "seconds_per_step": self._busy_s / self._n_steps,
            "samples_per_s": self._n_samples * n_ranks / self._busy_s,
            "waiting": self._waited_s / self._busy_s,
        }
        self._begin_anew()
        return found


class _Updater:
    """Updates of the weights, each from the mean gradient of several batches and processes."""

    def __init__(self, network: nn.Module, task: Task, config: LoopConfig, ranks: Ranks) -> None:
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

    def step(self, step: int, batches: Iterable[Tensors]) -> dict[str, float]:
        """Update the weights by the mean gradient of `accumulate` batches.

        Random numbers inside the network are a function of seed, step, batch and rank. Returns the
        loss, the norm of its gradient and the numbers of the task, means over the batches.
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

    def _add_gradients(self, step: int, number: int, batch: Tensors) -> dict[str, float]:
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

    def __init__(self, network: nn.Module, task: Task) -> None:
        super().__init__()
        self.network, self._task = network, task

    def forward(self, batch: Tensors) -> tuple[torch.Tensor, Numbers]:
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
