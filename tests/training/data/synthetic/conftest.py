"""A scene with measurable timing, for tests of rendering."""

import numpy as np
import pytest

from training.data.synthetic.performance import SOUND_RATE_HZ, Performance, Scene, Stage

EVENTS_S = np.array([1.1, 2.34, 3.03, 4.51, 5.27, 6.6, 7.02, 8.4, 9.13])
LIT_S = 0.1


def _perform(rng: np.random.Generator, stage: Stage) -> Performance:
    """Light a square for 0.1 s with each click."""
    side = stage.short_px // 2
    x, y = stage.width_px // 2, stage.height_px // 2

    def paint(canvas, time_s):
        is_lit = bool(((time_s >= EVENTS_S) & (time_s < EVENTS_S + LIT_S)).any())
        square = canvas[y - side // 2 : y + side // 2, x - side // 2 : x + side // 2]
        square[:] = 255 if is_lit else 0

    sound = np.zeros(stage.n_samples, np.float32)
    for time_s in EVENTS_S:
        first = round(time_s * SOUND_RATE_HZ)
        decay = np.exp(-np.arange(2400) / 480).astype(np.float32)
        sound[first : first + 2400] += 0.8 * decay * np.cos(0.4 * np.arange(2400))
    return Performance(paint, sound, (float(x), float(y)), float(side))


@pytest.fixture
def flashing() -> Scene:
    return Scene("flashing", _perform)


@pytest.fixture
def events_s() -> np.ndarray:
    return EVENTS_S.copy()
