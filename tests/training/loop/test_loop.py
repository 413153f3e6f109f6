import json
import logging
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from pathlib import Path
from typing import IO, Any

import numpy as np
import pytest
import torch
from torch import nn

from core.errors import Cancelled, CheckpointError
from core.progress import SILENT, Progress
from training.aliases import Metrics, Tensors
from training.builtin.task import made_ahead
from training.loop import checkpoints
from training.loop.checkpoints import LATEST
from training.loop.config import LoopConfig, Precision
from training.loop.loop import train
from training.loop.run_log import CURVES, LOG, Show

CONFIG = LoopConfig(
    n_steps=24,
    learning_rate=0.02,
    warm_up_steps=4,
    log_every=2,
    validate_every=6,
    save_every=5,
    seed=3,
)


class Line:
    """Learns a linear map; dropout makes the updates depend on the network's own randomness."""

    def __init__(self, broken_steps: Sequence[int] = ()) -> None:
        with torch.random.fork_rng(devices=[]):
            torch.manual_seed(0)
            self.network = nn.Sequential(nn.Linear(4, 16), nn.Dropout(0.2), nn.Linear(16, 1))
        self.broken_steps, self.made = broken_steps, list[int]()

    def batch(self, step: int) -> Tensors:
        self.made.append(step)
        x = np.random.default_rng([7, step]).standard_normal((8, 4), np.float32)
        x[:, 0] *= np.float32(np.nan) if step in self.broken_steps else 1
        return {"x": torch.from_numpy(x)}

    def batches(self, first: int, end: int) -> Iterator[Tensors]:
        return made_ahead(self.batch, first, end)

    def loss(self, network: nn.Module, batch: Tensors) -> tuple[torch.Tensor, Metrics]:
        error = network(batch["x"])[:, 0] - batch["x"].sum(1)
        return error.square().mean(), {"largest": float(error.detach().abs().max())}

    def validate(self, network: nn.Module, show: Show | None = None) -> Metrics:
        assert not network.training
        with torch.no_grad():
            return {"loss": float(self.loss(network, self.batch(10_000))[0])}

    def weights(self) -> list[torch.Tensor]:
        return [weight.detach().clone() for weight in self.network.parameters()]

    def train(self, folder: Path, config: LoopConfig = CONFIG, **more: Any) -> Metrics:
        return train(self.network, self, config, folder, more.pop("monitor", SILENT), **more)


class StopAt:
    """Asks to stop before a step."""

    def __init__(self, step: int) -> None:
        self.left = step

    def report(self, progress: Progress) -> None:
        assert progress.fraction is not None
        assert 0 < progress.fraction <= 1

    def check(self) -> None:
        if self.left == 0:
            raise Cancelled
        self.left -= 1


def _log(folder: Path) -> list[dict[str, Any]]:
    def refuse(constant: str) -> None:
        raise AssertionError(f"{constant} is no JSON")

    lines = (folder / LOG).read_text().splitlines()
    return [json.loads(line, parse_constant=refuse) for line in lines]


def _steps(folder: Path, key: str) -> list[int]:
    return [line["step"] for line in _log(folder) if key in line]


def _stopped(folder: Path, step: int, config: LoopConfig = CONFIG, recipe: str = "") -> None:
    with pytest.raises(Cancelled):
        Line().train(folder, config, monitor=StopAt(step), recipe=recipe)


def test_loss_falls(tmp_path: Path) -> None:
    task = Line()
    task.network.eval()
    before = task.validate(task.network)["loss"]
    after = task.train(tmp_path, replace(CONFIG, n_steps=150))["loss"]
    assert after < before / 4


def test_learning_rate_rises_and_falls() -> None:
    factors = [CONFIG.factor(step) for step in range(CONFIG.n_steps + 1)]
    assert factors[:5] == [0.25, 0.5, 0.75, 1.0, 1.0]
    assert factors[4:] == sorted(factors[4:], reverse=True)
    assert factors[-1] == pytest.approx(0)


@pytest.mark.parametrize("stop", [3, 5, 13, 23])
def test_stopped_run_ends_as_if_it_had_not_been_stopped(tmp_path: Path, stop: int) -> None:
    whole, resumed = Line(), Line()
    expected = whole.train(tmp_path / "whole")
    _stopped(tmp_path / "parts", stop)
    torch.rand(5)

    assert resumed.train(tmp_path / "parts") == expected
    assert min(resumed.made) == max(stop // every * every for every in (5, 6))
    for one, other in zip(whole.weights(), resumed.weights(), strict=True):
        assert torch.equal(one, other)


@pytest.mark.parametrize("stop", [3, 13, 23])
def test_log_has_every_step_once_after_a_stop(tmp_path: Path, stop: int) -> None:
    _stopped(tmp_path, stop)
    with (tmp_path / LOG).open("a") as file:
        file.write('{"step": ')  # What a run leaves that is killed while it writes.
    Line().train(tmp_path)
    assert _steps(tmp_path, "loss") == list(range(2, 25, 2))
    assert _steps(tmp_path, "validation") == [6, 12, 18, 24]


@pytest.mark.parametrize("precision", ["bfloat16", "float16"])
def test_less_precision_learns_the_same_roughly(tmp_path: Path, precision: Precision) -> None:
    config = replace(CONFIG, n_steps=60)
    full = Line().train(tmp_path / "full", config)["loss"]
    less = Line().train(tmp_path / "less", replace(config, precision=precision))["loss"]
    assert less == pytest.approx(full, rel=0.2)


def test_a_run_that_gets_no_better_ends(tmp_path: Path) -> None:
    config = replace(
        CONFIG, n_steps=400, validate_every=2, best_by="loss", best_is="lowest", patience=3
    )
    task = Line()
    task.validate = lambda network, show=None: {"loss": 1.0}  # type: ignore[method-assign]
    task.train(tmp_path, config)
    # The first validation is the best; three more bring nothing.
    assert _steps(tmp_path, "validation") == [2, 4, 6, 8]


def test_clips_that_could_not_be_used_are_counted(tmp_path: Path) -> None:
    class Skipping(Line):
        def batch(self, step: int) -> Tensors:
            return super().batch(step) | {"skipped": torch.tensor([0] * 6 + [1, 2])}

        def loss(self, network: nn.Module, batch: Tensors) -> tuple[torch.Tensor, Metrics]:
            return super().loss(network, {"x": batch["x"]})

    Skipping().train(tmp_path, replace(CONFIG, n_steps=4, log_every=2))
    assert [line["skipped"] for line in _log(tmp_path) if "skipped" in line] == [6, 6]


def test_finished_run_is_not_trained_on(tmp_path: Path) -> None:
    first, again = Line(), Line()
    expected = first.train(tmp_path)
    lines = _log(tmp_path)

    assert again.train(tmp_path) == expected
    assert again.made == []
    assert torch.equal(again.weights()[0], first.weights()[0])
    assert _log(tmp_path) == lines


def test_last_metrics_are_those_of_the_log(tmp_path: Path) -> None:
    assert Line().train(tmp_path) == _log(tmp_path)[-1]["validation"]


@pytest.mark.parametrize(
    "change",
    [{"n_steps": 25}, {"learning_rate": 0.01}, {"seed": 4}, {"precision": "bfloat16"}],
    ids=lambda change: next(iter(change)),
)
def test_run_of_another_configuration_is_refused(tmp_path: Path, change: dict[str, Any]) -> None:
    _stopped(tmp_path, 8)
    lines = _log(tmp_path)
    with pytest.raises(CheckpointError, match="another configuration; choose another folder"):
        Line().train(tmp_path, replace(CONFIG, **change))
    assert _log(tmp_path) == lines


def test_run_of_another_recipe_is_refused(tmp_path: Path) -> None:
    _stopped(tmp_path, 8, recipe="12 windows")
    with pytest.raises(
        CheckpointError, match=r"latest\.pt belongs to a run with another"
    ) as caught:
        Line().train(tmp_path, recipe="13 windows")
    assert caught.value.path == tmp_path / LATEST
    Line().train(tmp_path, recipe="12 windows")


def test_what_differs_is_named_once(tmp_path: Path) -> None:
    def recipe(rate: float, root: str) -> str:
        return json.dumps({"loop": {"learning_rate": rate}, "data": {"root": root}})

    _stopped(tmp_path, 8, recipe=recipe(0.02, "here"))
    faster = replace(CONFIG, learning_rate=0.5)
    with pytest.raises(CheckpointError, match="or delete that file to start over") as caught:
        Line().train(tmp_path, faster, recipe=recipe(0.5, "there"))
    assert caught.value.details == (
        "loop.learning_rate = 0.02 and not 0.5; recipe.data.root = 'here' and not 'there'"
    )


def test_a_run_that_was_begun_says_where_it_is(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO, logger="training")
    _stopped(tmp_path, 8)
    assert not caplog.messages
    Line().train(tmp_path)
    assert caplog.messages == [f"Resuming at step 6 of {CONFIG.n_steps}."]
    caplog.clear()
    Line().train(tmp_path)
    assert caplog.messages == [f"This run has ended at step {CONFIG.n_steps}."]


class _Worm:
    def __reduce__(self) -> tuple[object, ...]:
        return (print, ("a checkpoint was executed",))


@pytest.mark.parametrize("content", [b"", b"no checkpoint", {"step": 3}, _Worm()])
def test_damaged_or_foreign_checkpoint_is_refused(
    tmp_path: Path, content: object, capsys: pytest.CaptureFixture[str]
) -> None:
    path = tmp_path / LATEST
    path.write_bytes(content) if isinstance(content, bytes) else torch.save(content, path)
    with pytest.raises(CheckpointError, match=r"latest\.pt is damaged or no checkpoint"):
        Line().train(tmp_path)
    assert capsys.readouterr().out == ""


def test_checkpoint_holds_tensors_and_plain_values_only(tmp_path: Path) -> None:
    Line().train(tmp_path)
    state = torch.load(tmp_path / LATEST, weights_only=True)
    assert state["step"] == CONFIG.n_steps


@pytest.mark.parametrize("failure", [OSError(28, "No space left on device"), KeyboardInterrupt()])
def test_end_in_the_middle_of_a_save_leaves_the_checkpoint_before(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, failure: BaseException
) -> None:
    _stopped(tmp_path, 7)
    before = (tmp_path / LATEST).read_bytes()

    def write_half(state: object, file: IO[bytes]) -> None:
        file.write(before[: len(before) // 2])
        raise failure

    with monkeypatch.context() as patched:
        patched.setattr(checkpoints.torch, "save", write_half)
        with pytest.raises(type(failure)):
            Line().train(tmp_path)

    assert (tmp_path / LATEST).read_bytes() == before
    assert sorted(path.name for path in tmp_path.iterdir()) == [LATEST, LOG, CURVES]
    whole, resumed = Line(), Line()
    whole.train(tmp_path / "whole")
    resumed.train(tmp_path)
    assert torch.equal(whole.weights()[0], resumed.weights()[0])


def test_gradient_that_is_not_finite_is_left_out(
    tmp_path: Path, caplog: pytest.LogCaptureFixture
) -> None:
    task = Line(broken_steps=[9])
    with caplog.at_level(logging.WARNING, "training.loop.loop"):
        task.train(tmp_path)
    assert all(torch.isfinite(weight).all() for weight in task.weights())
    (record,) = caplog.records
    assert record.getMessage().startswith("step 9 has a gradient of norm nan")
    (line,) = [line for line in _log(tmp_path) if line["step"] == 10 and "loss" in line]
    assert (line["loss"], line["norm"]) == (None, None)
    assert all(line["loss"] for line in _log(tmp_path) if "loss" in line and line["step"] != 10)


def test_failure_to_make_a_batch_comes_through_and_ends_the_thread(tmp_path: Path) -> None:
    class Broken(Line):
        def batch(self, step: int) -> Tensors:
            if step == 4:
                raise OSError("the disk is gone")
            return super().batch(step)

    n_threads = threading.active_count()
    with pytest.raises(OSError, match="the disk is gone") as caught:
        Broken().train(tmp_path)
    assert caught.value is not None
    assert threading.active_count() == n_threads


def test_a_stop_ends_the_thread(tmp_path: Path) -> None:
    n_threads = threading.active_count()
    with pytest.raises(Cancelled) as caught:
        Line().train(tmp_path, monitor=StopAt(3))
    assert caught.value is not None
    assert threading.active_count() == n_threads
