import json
import math
from typing import Any

import numpy as np
import pytest
import torch
from torch.nn import functional as F

from tests.golden.stand_in import GOLDEN_FOLDER
from training.metrics.figures import (
    Answers,
    accuracy,
    accuracy_within_one,
    calibration_of,
    confusion,
    d_prime,
    figures_of,
    mean_average_precision,
    mean_roc_auc,
    sweep_thresholds,
)


def answers(said: list[int], true: list[int], n_classes: int = 21, sharpness: float = 9) -> Answers:
    logits = sharpness * F.one_hot(torch.tensor(said), n_classes).float()
    return Answers(logits, torch.tensor(true), torch.arange(len(said)) % 3)


def test_offset_answers_are_counted_in_classes_and_milliseconds() -> None:
    found = figures_of(answers([10, 11, 12, 0], [10, 10, 10, 20]))
    assert (found.n_answers, found.n_clips) == (4, 3)
    assert (found.accuracy, found.within_one) == (0.25, 0.5)
    assert found.error_ms == pytest.approx((0 + 200 + 400 + 4000) / 4, abs=1e-3)
    in_sync = found.classes[10]
    assert (in_sync.label, in_sync.n_answers) == ("+0.0 s", 3)
    assert in_sync.accuracy == pytest.approx(1 / 3)
    assert math.isnan(found.classes[5].accuracy)


def test_two_classes_have_no_milliseconds() -> None:
    found = figures_of(answers([0, 1, 1, 1], [0, 0, 1, 1], n_classes=2))
    assert found.accuracy == 0.75
    assert math.isnan(found.error_ms)
    assert math.isnan(found.accuracy_5)
    assert found.roc_auc == pytest.approx(0.75)
    assert [one.n_answers for one in found.classes] == [2, 2]


def test_no_answers_are_refused() -> None:
    with pytest.raises(ValueError, match="expected answers, got none"):
        figures_of(Answers(torch.zeros(0, 21), torch.zeros(0).long(), torch.zeros(0).long()))


def test_pooled_answers_are_those_of_all_passes() -> None:
    once = answers([3, 4], [3, 3])
    twice = Answers.pooled([once, once])
    assert figures_of(twice).n_answers == 4
    assert figures_of(twice).accuracy == figures_of(once).accuracy


def test_a_threshold_keeps_what_is_said_to_be_found_and_counts_false_alarms_as_wrong() -> None:
    offsets = answers([10, 10, 3, 7], [10, 10, 4, 7])
    # Sure and right, sure but foreign, sure and right, unsure.
    probability = torch.tensor([0.97, 0.97, 0.97, 0.55])
    logits = torch.stack([torch.log(1 - probability), torch.log(probability)], dim=1)
    synchability = Answers(logits, torch.tensor([1, 0, 1, 1]), offsets.items)
    by_threshold = {one.threshold: one for one in sweep_thresholds(offsets, synchability)}
    assert by_threshold[0.5].kept == 1
    assert by_threshold[0.5].accuracy == 0.5
    assert by_threshold[0.5].within_one == 0.75
    assert by_threshold[0.9].kept == 0.75
    assert by_threshold[0.9].accuracy == pytest.approx(1 / 3)
    assert by_threshold[0.99].kept == 0
    assert math.isnan(by_threshold[0.99].accuracy)


def test_answers_about_other_clips_are_refused() -> None:
    offsets = answers([1, 2], [1, 2])
    other = Answers(torch.zeros(2, 2), torch.zeros(2).long(), torch.tensor([5, 6]))
    with pytest.raises(ValueError, match="same questions"):
        sweep_thresholds(offsets, other)


def test_confusion_counts_true_by_answered() -> None:
    counts = confusion(answers([0, 1, 1, 1], [0, 0, 1, 1], n_classes=2))
    assert counts.tolist() == [[1, 1], [0, 2]]


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
