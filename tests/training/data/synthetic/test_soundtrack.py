import dataclasses

import numpy as np
import pytest

from training.data.synthetic.soundtrack import (
    SoundtrackStyle,
    draw_soundtrack,
    mix,
    room_response,
)

CLEAN = SoundtrackStyle(
    reverberation_s=0.0,
    wetness=0.1,
    noise_snr_db=None,
    noise_slope=0.5,
    music_snr_db=None,
    unrelated=(),
    unrelated_snr_db=10.0,
    low_hz=20.0,
    high_hz=20_000.0,
    tilts_db=(0.0, 0.0, 0.0, 0.0),
    compression=0.0,
    drive_db=0.0,
    level_db=-6.0,
    pan=0.0,
)


@pytest.fixture
def dry() -> np.ndarray:
    sound = np.zeros(5 * 48_000, np.float32)
    burst = np.exp(-np.arange(4800) / 960) * np.random.default_rng(0).standard_normal(4800)
    for first in (30_000, 91_234, 150_001):
        sound[first : first + 4800] += (0.2 * burst).astype(np.float32)
    return sound


def test_a_clean_clip_is_the_dry_sound_at_the_wanted_level(dry):
    (mixed,) = mix(np.random.default_rng(0), dry, CLEAN, 1)

    assert np.abs(mixed).max() == pytest.approx(0.97 * 10 ** (-6 / 20), rel=1e-4)
    np.testing.assert_allclose(mixed / mixed.max(), dry / dry.max(), atol=1e-5)


@pytest.mark.parametrize(
    "change",
    [
        {"reverberation_s": 0.8, "wetness": 0.5},
        {"low_hz": 300.0, "high_hz": 3400.0},
        {"tilts_db": (9.0, -6.0, 5.0, -9.0)},
        {"compression": 0.6},
        {"drive_db": 10.0},
        {"noise_snr_db": 8.0},
        {"music_snr_db": 3.0},
        {"unrelated": ("babble", "clicks"), "unrelated_snr_db": 6.0},
        {"pan": 0.6},
    ],
    ids=str,
)
@pytest.mark.parametrize("n_channels", [1, 2])
def test_nothing_that_is_done_to_a_sound_moves_it(dry, change, n_channels):
    style = dataclasses.replace(CLEAN, **change)

    mixed = mix(np.random.default_rng(1), dry, style, n_channels)

    assert mixed.shape == (n_channels, dry.size)
    assert np.abs(mixed).max() <= 1
    spectrum = np.fft.rfft(mixed.mean(axis=0)) * np.conj(np.fft.rfft(dry))
    agreement = np.abs(np.fft.irfft(spectrum, dry.size))
    lag = (int(agreement.argmax()) + dry.size // 2) % dry.size - dry.size // 2
    assert abs(lag) <= 1


def test_the_noise_bed_lies_as_far_below_the_scene_as_asked(dry):
    style = dataclasses.replace(CLEAN, noise_snr_db=20.0)

    (mixed,) = mix(np.random.default_rng(1), dry, style, 1)

    quiet, loud = mixed[:20_000].std(), mixed[30_000:31_000].std()
    assert 15 < 20 * np.log10(loud / quiet) < 32


def test_a_room_answers_at_once():
    response = room_response(np.random.default_rng(0), 0.5, 0.4)

    assert response.argmax() == 0
    assert response[0] == 1
    assert np.sum(response[1:] ** 2) == pytest.approx(0.4, rel=0.2)


def test_drawn_recordings_keep_within_full_scale_and_some_are_clean(dry):
    drawn = [draw_soundtrack(np.random.default_rng(seed)) for seed in range(200)]

    is_clean = [s.noise_snr_db is None and not s.reverberation_s and not s.drive_db for s in drawn]
    assert 0.08 < np.mean(is_clean) < 0.3
    assert all(-30 <= s.level_db <= 0 for s in drawn)
    for style in drawn[:10]:
        mixed = mix(np.random.default_rng(2), dry, style, 2)
        assert np.isfinite(mixed).all()
        assert 0.01 < np.abs(mixed).max() <= 1
