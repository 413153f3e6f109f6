"""Configuration of the training loop, the same for all tasks."""

import math
from dataclasses import dataclass, replace
from typing import Literal

Schedule = Literal["cosine", "constant"]
OptimizerKind = Literal["adamw", "adam"]
Precision = Literal["float32", "bfloat16", "float16"]

_LINEAR_START = 0.01
"""First share of the learning rate in the warm-up of a constant schedule."""


@dataclass(frozen=True, slots=True)
class LoopConfig:
    """Optimizer, schedule, validation and checkpoints of a run.

    Attributes:
        n_steps: Number of updates of the weights.
        batch_size: Samples per batch and process. The task makes the batches.
        accumulate: Batches per update; their gradients are averaged.
        learning_rate: Highest learning rate, after the warm-up.
        schedule: "cosine" rises from 0 and falls to 0 as a half cosine; "constant" rises from a
            hundredth and stays.
        warm_up_steps: Steps of linear rise.
        optimizer: "adamw" or "adam".
        weight_decay: Weight decay, on matrices only.
        betas: Coefficients of the optimizer's running means.
        eps: Term of the optimizer against division by zero.
        clip_norm: Largest norm of the gradient; larger gradients are scaled down.
        precision: Number type in PyTorch's autocast regions; gradients of "float16" are scaled
            against underflow.
        compile: Compile the parts of the network first; takes minutes.
        log_every: Steps between lines of the log.
        validate_every: Steps between validations.
        save_every: Steps between checkpoints; every validation also writes one.
        best_by: Validation metric for `best.pt`; empty for none.
        best_is: Direction of this metric, "highest" or "lowest".
        patience: Validations without improvement before training ends; 0 for no limit.
        seed: Seed of the random numbers inside the network.
    """

    n_steps: int = 0
    batch_size: int = 1
    accumulate: int = 1
    learning_rate: float = 1e-3
    schedule: Schedule = "cosine"
    warm_up_steps: int = 50
    optimizer: OptimizerKind = "adamw"
    weight_decay: float = 0.02
    betas: tuple[float, float] = (0.9, 0.98)
    eps: float = 1e-8
    clip_norm: float = 1.0
    precision: Precision = "float32"
    compile: bool = False
    log_every: int = 10
    validate_every: int = 200
    save_every: int = 50
    best_by: str = ""
    best_is: Literal["highest", "lowest"] = "highest"
    patience: int = 0
    seed: int = 0

    def __post_init__(self) -> None:
        for name in ("batch_size", "accumulate", "log_every", "validate_every", "save_every"):
            if getattr(self, name) < 1:
                raise ValueError(f"{name} is to be 1 or more, not {getattr(self, name)}")
        for name in ("n_steps", "warm_up_steps", "patience", "seed"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name} is to be 0 or more, not {getattr(self, name)}")
        for name in ("learning_rate", "eps", "clip_norm"):
            if not getattr(self, name) > 0:
                raise ValueError(f"{name} is to be more than 0, not {getattr(self, name)}")
        if self.patience and not self.best_by:
            raise ValueError("patience needs a metric; name it with best_by")

    def factor(self, step: int) -> float:
        """Share of the highest learning rate in a step, 0..1."""
        if self.schedule == "constant":
            share = min(1.0, step / self.warm_up_steps) if self.warm_up_steps else 1.0
            return _LINEAR_START + (1 - _LINEAR_START) * share
        if step < self.warm_up_steps:
            return (step + 1) / self.warm_up_steps
        share = (step - self.warm_up_steps) / max(1, self.n_steps - self.warm_up_steps)
        return 0.5 * (1 + math.cos(math.pi * min(share, 1.0)))

    def is_better(self, value: float, best: float | None) -> bool:
        """Compare a value of the metric with the best so far; NaN is never better."""
        if math.isnan(value):
            return False
        if best is None:
            return True
        return value > best if self.best_is == "highest" else value < best


@dataclass(frozen=True, slots=True)
class EpochConfig:
    """Schedule in epochs for any number of processes, as in the published recipes.

    Attributes:
        n: Number of epochs, with a validation after each, instead of `n_steps`; 0 for steps.
        share_warm_up: Divide the steps of the warm-up by the number of processes.
        scale_rate: Multiply the learning rate by the number of processes.
    """

    n: int = 0
    share_warm_up: bool = False
    scale_rate: bool = False

    def __post_init__(self) -> None:
        if self.n < 0:
            raise ValueError(f"n is to be 0 or more, not {self.n}")

    def apply(self, loop: LoopConfig, steps_per_epoch: int, n_ranks: int) -> LoopConfig:
        """Schedule of a run in steps, for a number of processes."""
        if self.n:
            loop = replace(loop, n_steps=self.n * steps_per_epoch, validate_every=steps_per_epoch)
        if self.share_warm_up:
            loop = replace(loop, warm_up_steps=loop.warm_up_steps // n_ranks)
        if self.scale_rate:
            loop = replace(loop, learning_rate=loop.learning_rate * n_ranks)
        return loop
