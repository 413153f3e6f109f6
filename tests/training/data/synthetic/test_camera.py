import dataclasses

import cv2
import numpy as np
import pytest

from training.data.synthetic.camera import Camera, CameraStyle, draw_camera
from training.data.synthetic.performance import Stage

STAGE = Stage(454, 256, 10.0)
PLAIN = CameraStyle(
    move="static",
    n_cuts=0,
    most_zoom=1.5,
    sub_frames=1,
    exposure=0.5,
    gamma=1.0,
    vignetting=0.0,
    flicker=0.0,
    drift=0.0,
    noise=0.0,
    is_grey=False,
)


def _canvas(level=128):
    return np.full((STAGE.height_px, STAGE.width_px, 3), level, np.uint8)


@pytest.mark.parametrize("move", ["static", "pan", "shake", "zoom"])
@pytest.mark.parametrize("focus", [(227.0, 128.0), (30.0, 30.0), (440.0, 200.0)])
def test_the_action_stays_in_the_frame_for_every_camera_move(move, focus):
    for seed in range(20):
        style = dataclasses.replace(PLAIN, move=move, n_cuts=2)
        camera = Camera(np.random.default_rng(seed), STAGE, style, focus)

        track = camera.focus_track()

        assert (track > -1).all()
        assert (track < (STAGE.width_px, STAGE.height_px)).all()


def test_the_frame_never_leaves_the_canvas():
    style = dataclasses.replace(PLAIN, move="pan", n_cuts=3)
    corners = np.array([(0, 0), (STAGE.width_px - 1, STAGE.height_px - 1)])
    for seed in range(20):
        camera = Camera(np.random.default_rng(seed), STAGE, style, (60.0, 60.0))
        for time_s in np.linspace(0, 10, 50):
            frame = camera.frame_at(time_s)
            seen = corners @ frame[:, :2].T + frame[:, 2]
            assert (seen > -0.51).all()
            assert (seen < np.array((STAGE.width_px, STAGE.height_px)) - 0.49).all()


def test_a_plain_camera_on_a_tripod_changes_nothing():
    canvas = np.random.default_rng(0).integers(0, 256, _canvas().shape, dtype=np.uint8)
    camera = Camera(np.random.default_rng(0), STAGE, PLAIN, (100.0, 100.0))

    image = camera.film(canvas, 3.0)

    np.testing.assert_array_equal(image, cv2.cvtColor(canvas, cv2.COLOR_RGB2YUV_I420))


def test_noise_has_the_drawn_strength_and_differs_between_frames():
    style = dataclasses.replace(PLAIN, noise=4.0)
    camera = Camera(np.random.default_rng(0), STAGE, style, (100.0, 100.0))

    one, other = (camera.film(_canvas(), t)[: STAGE.height_px].astype(int) for t in (0.0, 0.1))

    assert abs(one.std() - 4) < 0.5
    assert abs(np.corrcoef(one.ravel(), other.ravel())[0, 1]) < 0.1


def test_flicker_changes_the_light_of_the_whole_image():
    style = dataclasses.replace(PLAIN, flicker=0.1)
    camera = Camera(np.random.default_rng(0), STAGE, style, (100.0, 100.0))

    levels = [camera.film(_canvas(), t)[: STAGE.height_px].mean() for t in np.arange(0, 4, 0.04)]

    assert np.ptp(levels) > 10


def test_a_grey_camera_has_no_colours():
    camera = Camera(
        np.random.default_rng(0), STAGE, dataclasses.replace(PLAIN, is_grey=True), (1.0, 1.0)
    )
    canvas = _canvas()
    canvas[..., 0] = 255

    assert (camera.film(canvas, 0.0)[STAGE.height_px :] == 128).all()


def test_all_ways_of_filming_are_drawn():
    drawn = [draw_camera(np.random.default_rng(seed)) for seed in range(300)]

    assert {style.move for style in drawn} == {"static", "pan", "shake", "zoom"}
    assert {style.sub_frames for style in drawn} == {1, 2, 3, 4}
    assert np.mean([style.sub_frames <= 2 for style in drawn]) > 0.8
