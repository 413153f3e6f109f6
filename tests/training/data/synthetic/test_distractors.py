import numpy as np
import pytest

from training.data.synthetic.distractors import (
    _MOVING,
    _UNRELATED,
    active_level,
    moving_painter,
    noise_of_slope,
    unrelated_sound,
)
from training.data.synthetic.performance import Stage

STAGE = Stage(320, 180, 10.0)


@pytest.mark.parametrize("kind", sorted(_MOVING))
def test_silent_things_move(kind):
    paint = moving_painter(np.random.default_rng(1), STAGE, [kind])
    images = []
    for time_s in np.arange(0, 10, 0.5):
        canvas = np.zeros((STAGE.height_px, STAGE.width_px, 3), np.uint8)
        paint(canvas, float(time_s))
        images.append(canvas)

    assert np.ptp(images, axis=0).max() > 30


@pytest.mark.parametrize("kind", sorted(_UNRELATED))
def test_unrelated_sounds_have_level_one_where_they_are_loud(kind):
    sound = unrelated_sound(np.random.default_rng(2), kind, 480_000)

    assert sound.shape == (480_000,)
    assert sound.dtype == np.float32
    assert np.isfinite(sound).all()
    assert active_level(sound) == pytest.approx(1, rel=0.01)


def test_brown_noise_is_duller_than_white_noise():
    white, brown = (
        np.abs(np.fft.rfft(noise_of_slope(np.random.default_rng(0), 96_000, slope)))
        for slope in (0.0, 1.0)
    )

    assert brown[20_000:].mean() < 0.05 * white[20_000:].mean()
