import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.signals.onsets import TICK_SAMPLES, AudioMeter
from core.timing import AUDIO_RATE_HZ

CLICK_S = 1.2


def _click() -> NDArray[np.float32]:
    wave = 1e-3 * np.random.default_rng(0).standard_normal(2 * AUDIO_RATE_HZ)
    burst = np.exp(-np.arange(1600) / 300) * np.sin(np.arange(1600))
    first = round(CLICK_S * AUDIO_RATE_HZ)
    wave[first : first + len(burst)] += burst
    return wave.astype(np.float32)


def _measured(wave: NDArray[np.float32], n_at_once: int) -> tuple[NDArray[np.float32], ...]:
    meter = AudioMeter()
    parts = [meter.measure(wave[i : i + n_at_once]) for i in range(0, len(wave), n_at_once)]
    parts.append(meter.flush())
    onsets, level = (np.concatenate(values) for values in zip(*parts, strict=True))
    return onsets, level


def test_onset_and_level_have_a_value_at_every_tick_and_the_end() -> None:
    onsets, level = _measured(_click(), 640)
    assert len(onsets) == len(level) == 2 * AUDIO_RATE_HZ // TICK_SAMPLES + 1


def test_onset_is_at_the_start_of_a_sound() -> None:
    onsets, _ = _measured(_click(), 640)
    assert onsets.argmax() * TICK_SAMPLES / AUDIO_RATE_HZ == pytest.approx(CLICK_S, abs=0.015)


def test_level_is_relative_to_the_loudest_so_far() -> None:
    _, level = _measured(_click(), 640)
    click = round(CLICK_S * AUDIO_RATE_HZ / TICK_SAMPLES) + 1
    assert level[click] > level[click + 40] + 3
    assert level[click - 10] > level[click + 40] + 3


@pytest.mark.parametrize("n_at_once", [160, 1000, 32_000])
def test_values_do_not_depend_on_the_pieces(n_at_once: int) -> None:
    for one, other in zip(_measured(_click(), n_at_once), _measured(_click(), 640), strict=True):
        np.testing.assert_allclose(one, other, atol=1e-5)


def test_gain_does_not_change_the_onsets() -> None:
    loud, _ = _measured(_click(), 640)
    quiet, _ = _measured(_click() * np.float32(0.3), 640)
    np.testing.assert_allclose(quiet[50:], loud[50:], atol=1e-2)
