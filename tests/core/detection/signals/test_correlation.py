import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.signals.correlation import LaggedAudio, mixture_log_likelihood
from core.detection.signals.onsets import TICKS_PER_FRAME

T, M = 120, 401
N_TICKS = (T - 1) * TICKS_PER_FRAME + M
RNG = np.random.default_rng(3)


def _audio() -> NDArray[np.float32]:
    return RNG.standard_normal((3, N_TICKS)).astype(np.float32)


def _lagged(
    signals: NDArray[np.float32], has_audio: NDArray[np.bool_] | None = None
) -> LaggedAudio:
    return LaggedAudio(signals, np.ones(N_TICKS, np.bool_) if has_audio is None else has_audio, T)


def _motion_at(signal: NDArray[np.float32], offset: int) -> NDArray[np.float32]:
    """Motion, (1, T), equal to an audio signal at one offset of the axis."""
    return signal[None, M - 1 - offset :][:, : (T - 1) * TICKS_PER_FRAME + 1 : TICKS_PER_FRAME]


@pytest.mark.parametrize("offset", [0, 137, 200, 400])
def test_peak_lies_at_the_offset_of_the_audio(offset: int) -> None:
    signals = _audio()
    likelihood = _lagged(signals).log_likelihood(_motion_at(signals[0], offset))
    assert likelihood.shape == (1, M)
    assert likelihood.argmax() == offset
    assert likelihood.min() >= 0


def test_opposite_motion_is_no_explanation() -> None:
    signals = np.repeat(_audio()[:1], 3, axis=0)
    likelihood = _lagged(signals).log_likelihood(-_motion_at(signals[0], 200))
    assert likelihood[0, 200] == 0


def test_offset_without_audio_is_neutral() -> None:
    signals, has_audio = _audio(), np.ones(N_TICKS, np.bool_)
    has_audio[: N_TICKS // 2 + 300] = False
    likelihood = _lagged(signals, has_audio).log_likelihood(_motion_at(signals[0], 400))
    assert not likelihood[0, 350:].any()


def test_rare_events_count_less() -> None:
    dense = np.repeat(_audio()[:1], 3, axis=0)
    sparse = np.zeros_like(dense)
    sparse[:, [300, 500]] = 1
    gains = [_lagged(s).log_likelihood(_motion_at(s[0], 200))[0, 200] for s in (dense, sparse)]
    assert gains[1] < gains[0] / 2


def test_gain_of_the_audio_does_not_matter() -> None:
    signals = _audio()
    motion = _motion_at(signals[0], 200)
    loud, quiet = (_lagged(s).log_likelihood(motion) for s in (signals, signals * 1e-2))
    np.testing.assert_allclose(loud, quiet, rtol=1e-3, atol=1e-3)


def test_mixture_has_one_unknown_source() -> None:
    flat, peaked = np.zeros((3, 5), np.float32), np.zeros((1, 5), np.float32)
    peaked[0, 2] = 10
    mixture = mixture_log_likelihood([(0.5, flat), (0.5, peaked)])
    np.testing.assert_allclose(mixture[[0, 1, 3, 4]], 0, atol=1e-9)
    assert mixture[2] == pytest.approx(np.log(0.5 + 0.5 * np.exp(10)))
