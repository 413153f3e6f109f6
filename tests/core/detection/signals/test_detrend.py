import numpy as np
import pytest

from core.detection.signals.detrend import (
    CEILING,
    TREND_FRAMES,
    TREND_TICKS,
    detrended_audio,
    detrended_motion,
)

N = 100


def _valid(n_margin: int) -> np.ndarray:
    return np.ones(N + 2 * n_margin, np.bool_)


def test_steady_motion_is_removed() -> None:
    motion = np.full((N + 2 * TREND_FRAMES, 2), 9.0, np.float32)
    detrended = detrended_motion(motion, _valid(TREND_FRAMES))
    assert detrended.shape == (N, 2)
    np.testing.assert_allclose(detrended, 0, atol=1e-5)


def test_cut_is_limited_to_a_multiple_of_the_median() -> None:
    motion = np.full((N + 2 * TREND_FRAMES, 1), 4.0, np.float32)
    motion[TREND_FRAMES + 50] = 10_000
    detrended = detrended_motion(motion, _valid(TREND_FRAMES))
    assert detrended.argmax() == 50
    assert detrended.max() <= 2 * (CEILING - 1)


def test_unknown_motion_is_zero_and_does_not_count() -> None:
    rng = np.random.default_rng(0)
    motion = rng.uniform(1, 4, (N + 2 * TREND_FRAMES, 1)).astype(np.float32)
    is_valid = _valid(TREND_FRAMES)
    is_valid[TREND_FRAMES + 40 : TREND_FRAMES + 60] = False
    expected = detrended_motion(motion, is_valid)
    motion[~is_valid] = 999
    np.testing.assert_array_equal(detrended_motion(motion, is_valid), expected)
    assert not expected[40:60].any()


def test_audio_near_a_gap_is_unusable() -> None:
    n = N + 2 * TREND_TICKS
    has_audio = np.ones(n, np.bool_)
    has_audio[TREND_TICKS + 50 : TREND_TICKS + 60] = False
    level = np.zeros(n, np.float32)
    signals, is_usable = detrended_audio(level, level, has_audio)
    assert signals.shape == (3, N)
    assert np.flatnonzero(~is_usable).tolist() == list(range(46, 64))


def test_rise_of_the_level_marks_the_start_of_a_sound() -> None:
    n = N + 2 * TREND_TICKS
    level = np.zeros(n, np.float32)
    level[TREND_TICKS + 30 : TREND_TICKS + 70] = 5
    signals, _ = detrended_audio(np.zeros(n, np.float32), level, np.ones(n, np.bool_))
    assert signals[2].argmax() == pytest.approx(30, abs=1)
