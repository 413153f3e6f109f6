import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.engines.synchformer.class_response import (
    DEFAULT_RESPONSE,
    ClassResponse,
    fused_likelihood,
    response_of,
    sub_grid,
)
from core.detection.engines.user_calibration import UserCalibration
from core.detection.evidence import ClassLogits, offset_axis
from core.model.synchformer.offset_classes import OFFSET_GRID_S

AXIS = offset_axis(2.0)


def _answers(rng: np.random.Generator, offset_s: float, shifts: tuple[float, ...]) -> NDArray:
    """Logits of a classifier that errs by itself at each shift."""
    apparent = offset_s + np.array(shifts)[:, None]
    logits = -np.abs(OFFSET_GRID_S - apparent) / 0.06
    return (logits + rng.normal(0, 0.7, logits.shape)).astype(np.float32)


def _found(rng: np.random.Generator, offset_s: float, shifts: tuple[float, ...]) -> float:
    answers = [
        ClassLogits(shift, row)
        for shift, row in zip(shifts, _answers(rng, offset_s, shifts), strict=True)
    ]
    return float(AXIS[fused_likelihood(answers, DEFAULT_RESPONSE, 2.0).argmax()])


def test_the_sub_grid_fills_the_distance_of_two_classes() -> None:
    assert sub_grid(0.04) == (-0.08, -0.04, 0.0, 0.04, 0.08)
    assert sub_grid(0.05) == (-0.05, 0.0, 0.05, 0.1)
    assert sub_grid(0.0) == (0.0,)


def test_five_shifts_are_more_than_twice_as_exact_as_one() -> None:
    rng = np.random.default_rng(3)
    offsets = rng.uniform(-1.8, 1.8, 200)
    errors = {
        step: np.median([abs(_found(rng, o, sub_grid(step)) - o) for o in offsets])
        for step in (0.0, 0.04)
    }
    assert errors[0.04] < errors[0.0] / 2
    assert errors[0.04] < 0.025


def test_a_response_sums_to_one_and_says_nothing_beyond_the_classes() -> None:
    shares = DEFAULT_RESPONSE.shares(np.array([0.0, 0.13, -2.0, 2.1]))
    np.testing.assert_allclose(shares.sum(axis=0), 1)
    assert shares[:, 3].argmax() == 20
    answers = [ClassLogits(-6.0, np.linspace(0, 9, 21, dtype=np.float32))]
    likelihood = fused_likelihood(answers, DEFAULT_RESPONSE, 12.0)
    axis = offset_axis(12.0)
    assert np.ptp(likelihood[axis < 3.8]) == 0
    assert axis[likelihood.argmax()] == pytest.approx(8.0, abs=0.11)


def test_no_window_rules_an_offset_out() -> None:
    logits = np.full(21, -90, np.float32)
    logits[4] = 90
    answers = [ClassLogits(shift, logits) for shift in sub_grid(0.04)]
    likelihood = fused_likelihood(answers, ClassResponse(n_draws=100, lapse=0.1), 2.0)
    assert likelihood.min() == pytest.approx(np.log(0.1), abs=1e-3)


def test_a_base_that_recognises_something_wins() -> None:
    dull, keen = np.zeros(21, np.float32), np.zeros(21, np.float32)
    keen[10] = 9
    answers = [ClassLogits(0.0, dull), ClassLogits(-6.0, keen), ClassLogits(5.0, dull)]
    likelihood = fused_likelihood(answers, DEFAULT_RESPONSE, 8.0)
    assert offset_axis(8.0)[likelihood.argmax()] == pytest.approx(6.0, abs=0.011)


def test_a_calibration_without_classes_leaves_the_response_as_it_is() -> None:
    assert response_of(None) is DEFAULT_RESPONSE
    assert response_of(UserCalibration(9, 0.0, 0.001, 0.03)) is DEFAULT_RESPONSE


@pytest.mark.parametrize("wrong", [{"curve": (1.0,)}, {"floor": 0.0}, {"lapse": 2.0}])
def test_impossible_responses_are_refused(wrong: dict[str, object]) -> None:
    with pytest.raises(ValueError, match=r"above 0|values"):
        ClassResponse(**wrong)  # type: ignore[arg-type]
