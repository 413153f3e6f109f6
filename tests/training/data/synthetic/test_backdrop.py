import dataclasses

import numpy as np
import pytest

from training.data.synthetic.backdrop import _TEXTURES, backdrop_painter, draw_backdrop
from training.data.synthetic.performance import Stage

STAGE = Stage(320, 180, 10.0)


def _painted(style, time_s, seed=3):
    canvas = np.empty((STAGE.height_px, STAGE.width_px, 3), np.uint8)
    backdrop_painter(np.random.default_rng(seed), STAGE, style)(canvas, time_s)
    return canvas


@pytest.mark.parametrize("kind", sorted(_TEXTURES))
def test_every_texture_has_structure_and_the_wanted_brightness(kind):
    style = dataclasses.replace(
        draw_backdrop(np.random.default_rng(0)),
        kind=kind,
        brightness=110.0,
        contrast=0.6,
        drift_px_s=(0.0, 0.0),
    )

    canvas = _painted(style, 0.0)

    assert canvas.std() > 2
    assert abs(canvas.mean() - 110) < 15
    np.testing.assert_array_equal(canvas, _painted(style, 7.0))


def test_a_drifting_background_moves_smoothly_and_covers_the_canvas():
    style = dataclasses.replace(
        draw_backdrop(np.random.default_rng(0)),
        kind="clouds",
        brightness=110.0,
        contrast=1.0,
        drift_px_s=(12.5, 0.0),
    )

    before, after = _painted(style, 0.0), _painted(style, 0.4)

    np.testing.assert_allclose(before[:, 5:].astype(int), after[:, :-5], atol=1)
