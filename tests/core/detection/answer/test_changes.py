import numpy as np
import pytest

from core.detection.answer.changes import (
    BIN_S,
    MOST_BINS,
    WINDOW_S,
    PooledEvidence,
    best_line,
    likelihoods,
    pool,
)
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.windows import Window
from core.timing import VIDEO_FPS


def _evidence(offset_s: float | None, first_frame: int) -> OffsetEvidence:
    axis = offset_axis(2.0)
    log_likelihood = np.zeros(len(axis), np.float32)
    if offset_s is not None:
        log_likelihood[:] = np.maximum(-(((axis - offset_s) / 0.02) ** 2) / 2, -20)
    return OffsetEvidence(Window(0, first_frame), axis, log_likelihood, 0.02)


def test_weights_of_overlapping_windows_add_up_to_the_covered_time() -> None:
    windows = [_evidence(0.4, frame) for frame in range(0, 3000, 8)]
    covered_s = windows[-1].window.end_frame / VIDEO_FPS
    pooled = pool(windows)
    assert pooled.weights.sum() == pytest.approx(covered_s / WINDOW_S, rel=0.02)
    assert np.diff(pooled.times_s).min() > BIN_S / 2


def test_distant_windows_are_independent() -> None:
    pooled = pool([_evidence(0.4, frame) for frame in (9000, 0, 500)])
    np.testing.assert_allclose(pooled.weights, 1)
    assert pooled.times_s.tolist() == [2.4, 22.4, 362.4]


def test_long_clip_has_a_limited_number_of_bins() -> None:
    pooled = pool([_evidence(None, frame) for frame in range(0, 90_000, 16)])
    assert len(pooled.times_s) <= MOST_BINS + 1


def test_uninformative_window_has_no_gain() -> None:
    np.testing.assert_allclose(likelihoods([_evidence(None, 0)]), 1)
    np.testing.assert_allclose(pool([_evidence(None, 0)]).gains, 0, atol=1e-6)


def test_wrong_window_costs_a_line_no_more_than_a_bit() -> None:
    (likelihood,) = likelihoods([_evidence(-1.5, 0)])
    assert likelihood.min() >= 0.5
    assert likelihood.max() > 20


def test_coarse_evidence_keeps_its_peak_and_mean() -> None:
    pooled = pool([_evidence(0.4, 0)])
    coarse = pooled.coarse(5)
    assert len(coarse.axis_s) == 80
    assert coarse.axis_s[coarse.gains[0].argmax()] == pytest.approx(0.4, abs=0.025)
    n_kept = 5 * len(coarse.axis_s)
    fine_mean = np.exp(pooled.gains[0, :n_kept] / pooled.weights[0]).mean()
    assert np.exp(coarse.gains[0] / coarse.weights[0]).mean() == pytest.approx(fine_mean, rel=1e-4)


def test_best_line_crosses_a_bin_of_distant_windows() -> None:
    times_s = np.concatenate([np.arange(10.0), 1800 + np.arange(10.0)])
    axis_s = offset_axis(2.0)
    gains = np.full((len(times_s), len(axis_s)), -3.0, np.float32)
    line = best_line(PooledEvidence(times_s, axis_s, np.ones(len(times_s)), gains), 0.9)
    assert line.score < 0
    assert line.piece.span.start_s in times_s
