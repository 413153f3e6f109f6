import time

import cv2
import numpy as np
import pytest

from training.data.synthetic.performance import Stage
from training.data.synthetic.scenes.face_parts import Expression, Head, Look
from training.data.synthetic.scenes.faces import SCENES
from training.data.synthetic.speakers.speech import is_available

needs_espeak = pytest.mark.skipif(not is_available(), reason="espeak-ng is not installed")
STAGE = Stage(455, 256, 4.0)


def _head(size_px):
    look = Look(
        size_px, 0.2, (224, 172, 132), (70, 45, 28), (200, 120, 110), 0.27, 0.08, 0.02,
        "short", "none", "none", "none", 0.3, 0.6, 0.8,
    )  # fmt: skip
    return Head(look, np.random.default_rng(0))


def _image(head, opening, at=(128.0, 128.0)):
    canvas = np.full((256, 256, 3), 90, np.uint8)
    head.draw(canvas, at, 0.0, Expression(opening, opening, 0, 0, 0, 0, 0, 0))
    return canvas.astype(np.float32).mean(axis=2)


@pytest.mark.parametrize("size_px", [24.0, 60.0, 220.0])
def test_an_open_mouth_is_darker_at_any_size(size_px):
    head = _head(size_px)
    x, y = (round(128 + part) for part in head.mouth_px)
    reach = max(round(0.03 * size_px), 1)
    area = np.s_[y : y + 2 * reach, x - reach : x + reach + 1]
    assert _image(head, 0.9)[area].mean() < _image(head, 0.0)[area].mean() - 5


def test_the_chin_moves_with_the_jaw():
    head = _head(220.0)
    moved = np.abs(_image(head, 0.9) - _image(head, 0.0))
    assert moved[195:215, 118:150].max() > 20


def test_small_heads_move_by_parts_of_a_pixel():
    head = _head(24.0)
    rest, moved = _image(head, 0.0), _image(head, 0.0, at=(128.25, 128.0))
    assert 0 < np.abs(moved - rest).max() < 60


@needs_espeak
@pytest.mark.parametrize("scene", SCENES, ids=lambda s: s.name)
def test_scenes_are_deterministic_and_in_bounds(scene):
    performance, again = (scene.perform(np.random.default_rng(7), STAGE) for _ in range(2))
    images = [np.full((256, 455, 3), 100, np.uint8) for _ in range(2)]
    performance.paint(images[0], 1.23)
    again.paint(images[1], 1.23)
    assert np.array_equal(images[0], images[1])
    assert (images[0] != 100).any()
    assert performance.sound.shape == (STAGE.n_samples,)
    assert performance.sound.dtype == np.float32
    assert 0.05 <= np.abs(performance.sound).max() <= 1
    assert 0 <= performance.focus_px[0] < 455
    assert 0 <= performance.focus_px[1] < 256


@needs_espeak
@pytest.mark.parametrize("scene", SCENES, ids=lambda s: s.name)
def test_a_frame_costs_little(scene):
    cv2.setNumThreads(1)
    performance = scene.perform(np.random.default_rng(1), STAGE)
    canvas = np.full((256, 455, 3), 100, np.uint8)
    begin = time.process_time()
    for index in range(50):
        performance.paint(canvas, index / 25)
    # Alone on a core it takes 0.3 to 2.2 ms; the rest is room for other work on the machine.
    assert time.process_time() - begin < 50 * 0.008
