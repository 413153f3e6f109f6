import json
import math
from typing import Any

import numpy as np
import pytest
import torch

from tests.golden.stand_in import GOLDEN_FOLDER
from training.metrics.classification import (
    accuracy,
    accuracy_within_one,
    calibration_of,
    d_prime,
    mean_average_precision,
    mean_roc_auc,
)


@pytest.mark.golden
@pytest.mark.parametrize(("kind", "prefix"), [("sync", ""), ("synchability", "binary_")])
def test_figures_are_the_published_ones(kind: str, prefix: str) -> None:
    expected: dict[str, Any] = json.loads((GOLDEN_FOLDER / "goldens.json").read_text())["metrics"]
    with np.load(GOLDEN_FOLDER / "goldens.npz") as arrays:
        logits = torch.from_numpy(arrays[f"metrics/{prefix}logits"])
        targets = torch.from_numpy(arrays[f"metrics/{prefix}targets"])
    area = mean_roc_auc(logits, targets)
    found = {
        "accuracy_1": accuracy(logits, targets),
        "accuracy_5": accuracy(logits, targets, min(5, logits.shape[1])),
        "accuracy_1_tol1": accuracy_within_one(logits, targets),
        "accuracy_2_tol1": accuracy_within_one(logits, targets, 2),
        "accuracy_5_tol1": accuracy_within_one(logits, targets, min(5, logits.shape[1])),
        "mAP": mean_average_precision(logits, targets),
        "mROCAUC": area,
        "dprime": d_prime(area),
    }
    for name, value in expected[kind].items():
        assert found[name] == pytest.approx(value, abs=1e-8), name


def test_neighbours_count_within_one_class_also_at_the_borders() -> None:
    logits = torch.eye(5)[[0, 1, 3, 4]]
    targets = torch.tensor([1, 3, 4, 0])
    assert accuracy(logits, targets) == 0
    assert accuracy_within_one(logits, targets) == 0.5


def test_a_class_without_targets_makes_the_averages_say_nothing() -> None:
    logits, targets = torch.randn(6, 3), torch.tensor([0, 0, 1, 1, 0, 1])
    assert mean_average_precision(logits, targets) == 0
    assert mean_roc_auc(logits, targets) == 0.5
    assert d_prime(0.5) == 0


def test_honest_confidence_has_no_calibration_error_and_boasting_has() -> None:
    # Two classes; the first is said to have 80 %, and is right eight times in ten.
    logits = torch.tensor([[math.log(4), 0.0]]).repeat(10, 1)
    targets = torch.tensor([0] * 8 + [1] * 2)
    honest = calibration_of(logits, targets)
    assert honest.error == pytest.approx(0, abs=1e-6)
    assert sum(honest.n_answers) == 10
    assert calibration_of(10 * logits, targets).error == pytest.approx(0.2, abs=1e-3)
