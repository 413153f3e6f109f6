from dataclasses import replace

import numpy as np
import pytest

from core.detection.evidence import (
    ClassLogits,
    OffsetEvidence,
    evidence_from_classes,
    joined,
    merge_squares,
    moved,
    offset_axis,
)
from core.detection.windows import Window

WINDOW = Window(0, 2)


def _posterior(winner: int) -> ClassLogits:
    logits = np.zeros(21, np.float32)
    logits[winner] = 8
    return ClassLogits(0.0, logits)


def test_probabilities_of_classes_sum_to_one() -> None:
    assert _posterior(3).probabilities.sum() == pytest.approx(1)


@pytest.mark.parametrize(("winner", "offset_s"), [(0, -2.0), (10, 0.0), (18, 1.6)])
def test_evidence_peaks_at_the_winning_class(winner: int, offset_s: float) -> None:
    evidence = evidence_from_classes(WINDOW, _posterior(winner))
    assert evidence.axis_s[evidence.log_likelihood.argmax()] == pytest.approx(offset_s)
    assert evidence.resolution_s == pytest.approx(0.1)
    assert evidence.probabilities.sum() == pytest.approx(1)


def test_axis_is_symmetric_and_holds_zero() -> None:
    axis = offset_axis(0.5)
    assert len(axis) == 101
    assert axis[50] == 0
    np.testing.assert_array_equal(axis, -axis[::-1])


def test_smaller_range_keeps_the_classes_in_their_places() -> None:
    evidence = evidence_from_classes(WINDOW, _posterior(12), range_s=1.0)
    assert evidence.axis_s[-1] == pytest.approx(1.0)
    assert evidence.axis_s[evidence.log_likelihood.argmax()] == pytest.approx(0.4)


def test_windows_of_a_detection_share_one_axis() -> None:
    one, other = (
        evidence_from_classes(WINDOW, _posterior(winner), range_s=1.0) for winner in (3, 12)
    )
    assert one.axis_s is other.axis_s
    assert not one.axis_s.flags.writeable


def _peak(offset_s: float, height: float, index: int = 0) -> OffsetEvidence:
    axis = offset_axis(2.1)
    curve = -((axis - offset_s) ** 2) / (2 * 0.05**2)
    log_likelihood = np.log(np.exp(curve) * height + 1).astype(np.float32)
    window = Window(index, 2 + 8 * index)
    logits = np.zeros(21, np.float32)
    return OffsetEvidence(window, axis, log_likelihood, 0.03, ClassLogits(0.0, logits))


def test_second_opinion_decides_between_two_peaks() -> None:
    twice = _peak(-1.0, 50.0)
    lower = _peak(0.6, 45.0).log_likelihood
    both = replace(twice, log_likelihood=np.maximum(twice.log_likelihood, lower))
    (found,) = joined([both], [_peak(0.6, 20.0)], 1.0)
    assert found.axis_s[found.log_likelihood.argmax()] == pytest.approx(0.6, abs=0.011)
    assert found.posterior is not None
    assert found.posterior.logits.argmax() == 13


def test_second_opinion_without_weight_or_of_another_window_changes_nothing() -> None:
    evidence = [_peak(-1.0, 50.0), _peak(-1.0, 50.0, index=1)]
    assert joined(evidence, [_peak(0.6, 90.0)], 0.0) == evidence
    changed = joined(evidence, [_peak(0.6, 90.0)], 1.0)
    assert changed[0] is not evidence[0]
    assert changed[1] is evidence[1]


def test_a_bias_taken_off_moves_likelihood_and_classes() -> None:
    found = moved(_peak(0.8, 500.0), 0.2)
    assert found.axis_s[found.log_likelihood.argmax()] == pytest.approx(0.6)
    assert found.posterior is not None
    assert found.posterior.logits.argmax() == 13


def _curve(offset_s: float | None, first_frame: int = 0) -> OffsetEvidence:
    axis = offset_axis(2.0)
    likelihood = np.zeros(len(axis)) if offset_s is None else -((axis - offset_s) ** 2) / 0.005
    return OffsetEvidence(Window(0, first_frame), axis, likelihood.astype(np.float32), 0.1)


def test_informative_square_decides() -> None:
    peaked = replace(_curve(0.5), synchronizability=0.8)
    (merged,) = merge_squares([[_curve(None)], [peaked], [_curve(None)]])
    assert merged.axis_s[merged.log_likelihood.argmax()] == pytest.approx(0.5)
    assert merged.synchronizability == 0.8
    peaks = peaked.probabilities.max(), merged.probabilities.max()
    assert peaks[1] < peaks[0]


def test_agreeing_squares_count_once() -> None:
    one = [_curve(0.5), _curve(0.4, 8)]
    for merged, single in zip(merge_squares([one, one]), one, strict=True):
        np.testing.assert_allclose(merged.probabilities, single.probabilities, rtol=1e-4)


def test_squares_of_other_windows_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="one window"):
        merge_squares([[_curve(0.5)], [_curve(0.5, 8)]])


def test_shared_evidence_counts_once() -> None:
    peaked, flat = _curve(0.5), _curve(None)
    (merged,) = merge_squares([[peaked], [flat], [peaked]])
    (expected,) = merge_squares([[peaked], [flat]])
    np.testing.assert_array_equal(merged.log_likelihood, expected.log_likelihood)
