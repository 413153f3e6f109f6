from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.crop.faces import LOOK_FRAMES, FaceFinder
from core.media.decoder import ClipChunk
from core.timing import SAMPLES_PER_FRAME
from training.data.synthetic.performance import Stage
from training.data.synthetic.recipe import recipe_of, split_scenes
from training.data.synthetic.render import produce

WIDTH_PX, HEIGHT_PX, CELL_PX = 454, 256, 16
COLUMNS = WIDTH_PX // CELL_PX


@pytest.fixture(scope="module")
def talking() -> tuple[NDArray[np.uint8], tuple[float, float]]:
    """Frame of a drawn person talking to the camera, and position of the mouth in pixels."""
    scene = next(scene for scene in split_scenes("train") if scene.name == "talking")
    production = produce(
        replace(recipe_of(scene, "train", 3), stage=Stage(WIDTH_PX, HEIGHT_PX, 2.0))
    )
    frame = np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    for paint in production.layers:
        paint(frame, 0.5)
    return frame, production.performance.focus_px


def _chunk(frame: NDArray[np.uint8], n_frames: int, first_frame: int = 0) -> ClipChunk:
    there = np.ones(n_frames, np.bool_)
    waveform = np.zeros(n_frames * SAMPLES_PER_FRAME, np.float32)
    return ClipChunk(first_frame, np.repeat(frame[None], n_frames, 0), waveform, there, there)


def test_a_face_is_found_around_the_mouth(
    talking: tuple[NDArray[np.uint8], tuple[float, float]],
) -> None:
    frame, (x, y) = talking
    (cells,) = FaceFinder().find(_chunk(frame, 1)).values()
    rows, columns = np.divmod(np.flatnonzero(cells), COLUMNS)
    assert cells.sum() == pytest.approx(1)
    assert columns.mean() * CELL_PX == pytest.approx(x, abs=40)
    assert rows.min() * CELL_PX < y < (rows.max() + 3) * CELL_PX


def test_no_face_is_found_in_noise() -> None:
    noise = np.random.default_rng(0).integers(0, 255, (HEIGHT_PX, WIDTH_PX, 3), np.uint8)
    (cells,) = FaceFinder().find(_chunk(noise, 1)).values()
    assert not cells.any()


def test_one_frame_per_second_is_examined_if_the_file_has_it() -> None:
    chunk = _chunk(np.zeros((HEIGHT_PX, WIDTH_PX, 3), np.uint8), 60, first_frame=LOOK_FRAMES - 5)
    chunk.has_video[5] = False
    assert list(FaceFinder().find(chunk)) == [2 * LOOK_FRAMES, 3 * LOOK_FRAMES]
