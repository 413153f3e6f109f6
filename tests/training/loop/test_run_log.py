import json
import math
import sys
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import cv2
import pytest
from matplotlib.figure import Figure
from tensorboard.backend.event_processing.event_accumulator import EventAccumulator

from training.loop.run_log import CURVES, LOG, RunLog, RunLogError


def test_numbers_are_kept_as_lines_and_as_curves(tmp_path: Path) -> None:
    with RunLog(tmp_path, 0) as log:
        log.write(10, {"loss": 0.5})
        log.write(20, {"validation": {"accuracy": 0.25, "auc": math.nan}})
    lines = [json.loads(line) for line in (tmp_path / LOG).read_text().splitlines()]
    assert lines == [
        {"step": 10, "loss": 0.5},
        {"step": 20, "validation": {"accuracy": 0.25, "auc": None}},
    ]
    curves = EventAccumulator(str(tmp_path / CURVES)).Reload()
    (point,) = curves.Scalars("validation/accuracy")
    assert (point.step, point.value) == (20, 0.25)
    assert curves.Scalars("training/loss")[0].step == 10


def test_pictures_are_curves_and_the_latest_is_a_file(tmp_path: Path) -> None:
    figure = Figure(figsize=(2, 1))
    figure.add_subplot().plot([0, 1])
    with RunLog(tmp_path, 0) as log:
        log.show(10, "similarity-v2a", figure)
        log.show(20, "similarity-v2a", figure)
    curves = EventAccumulator(str(tmp_path / CURVES)).Reload()
    assert [image.step for image in curves.Images("similarity-v2a")] == [10, 20]
    assert cv2.imread(str(tmp_path / "similarity-v2a.png")) is not None


class Wandb:
    """Stands for the package, which is not among what tests need."""

    def __init__(self) -> None:
        self.begun: list[dict[str, Any]] = []
        self.logged: list[tuple[int, dict[str, float]]] = []
        self.exit_codes: list[int] = []

    def init(self, **options: Any) -> SimpleNamespace:
        self.begun.append(options)
        return SimpleNamespace(
            log=lambda values, step: self.logged.append((step, values)),
            finish=lambda exit_code: self.exit_codes.append(exit_code),
        )


def test_weights_and_biases_gets_the_same_and_goes_on_with_the_same_run(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    wandb = Wandb()
    monkeypatch.setitem(sys.modules, "wandb", wandb)
    with RunLog(tmp_path, 0, "project", {"loop": 1}) as log:
        log.write(10, {"loss": 0.5, "validation": {"accuracy": 0.25}})
    with pytest.raises(RuntimeError), RunLog(tmp_path, 10, "project"):
        raise RuntimeError
    first, second = wandb.begun
    assert (first["project"], first["config"]) == ("project", {"loop": 1})
    assert first["id"] == second["id"]
    assert wandb.logged == [(10, {"training/loss": 0.5, "validation/accuracy": 0.25})]
    assert wandb.exit_codes == [0, 1]


def test_weights_and_biases_that_is_not_installed_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "wandb", None)
    with pytest.raises(RunLogError, match="pip install wandb"):
        RunLog(tmp_path, 0, "project")
