from dataclasses import replace

import numpy as np
import pytest

from core.detection.crop.merge import merge_squares
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.windows import Window


def _evidence(offset_s: float | None, first_frame: int = 0) -> OffsetEvidence:
    axis = offset_axis(2.0)
    likelihood = np.zeros(len(axis)) if offset_s is None else -((axis - offset_s) ** 2) / 0.005
    return OffsetEvidence(Window(0, first_frame), axis, likelihood.astype(np.float32), 0.1)


def test_informative_square_decides() -> None:
    peaked = replace(_evidence(0.5), synchronizability=0.8)
    (merged,) = merge_squares([[_evidence(None)], [peaked], [_evidence(None)]])
    assert merged.axis_s[merged.log_likelihood.argmax()] == pytest.approx(0.5)
    assert merged.synchronizability == 0.8
    peaks = peaked.probabilities.max(), merged.probabilities.max()
    assert peaks[1] < peaks[0]


def test_agreeing_squares_count_once() -> None:
    one = [_evidence(0.5), _evidence(0.4, 8)]
    for merged, single in zip(merge_squares([one, one]), one, strict=True):
        np.testing.assert_allclose(merged.probabilities, single.probabilities, rtol=1e-4)


def test_squares_of_other_windows_cannot_be_merged() -> None:
    with pytest.raises(ValueError, match="one window"):
        merge_squares([[_evidence(0.5)], [_evidence(0.5, 8)]])


def test_shared_evidence_counts_once() -> None:
    peaked, flat = _evidence(0.5), _evidence(None)
    (merged,) = merge_squares([[peaked], [flat], [peaked]])
    (expected,) = merge_squares([[peaked], [flat]])
    np.testing.assert_array_equal(merged.log_likelihood, expected.log_likelihood)
