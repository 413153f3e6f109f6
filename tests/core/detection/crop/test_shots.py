import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.crop.shots import LEAST_SHOT_FRAMES, CutFinder


def _scene(seed: int, n_frames: int) -> NDArray[np.uint8]:
    """Blurred noise with some grain on each frame."""
    rng = np.random.default_rng(seed)
    still = np.kron(rng.integers(0, 256, (8, 12, 3)), np.ones((16, 16, 1))).astype(np.int16)
    grain = rng.integers(-6, 7, (n_frames, *still.shape))
    return np.clip(still + grain, 0, 255).astype(np.uint8)


def _cuts(frames: NDArray[np.uint8], n_at_once: int = 25) -> list[int]:
    finder = CutFinder()
    pieces = [frames[i : i + n_at_once] for i in range(0, len(frames), n_at_once)]
    return [cut for piece in pieces for cut in finder.extend(piece)] + finder.finish()


@pytest.mark.parametrize("n_at_once", [1, 25, 200])
def test_cuts_are_found_at_the_first_frame_of_a_shot(n_at_once: int) -> None:
    frames = np.concatenate([_scene(0, 40), _scene(1, 30), _scene(2, 20)])
    assert _cuts(frames, n_at_once) == [40, 70]


@pytest.mark.parametrize("n_flash", [1, 2, 4])
def test_a_flash_is_no_cut(n_flash: int) -> None:
    frames = _scene(0, 80)
    frames[30 : 30 + n_flash] = 255 - frames[30 : 30 + n_flash] // 4
    assert _cuts(frames) == []


def test_a_change_of_light_is_no_cut() -> None:
    frames = _scene(0, 80)
    frames[30:] = frames[30:] // 2
    assert _cuts(frames) == []


def test_object_that_jumps_is_no_cut() -> None:
    frames = np.full((80, 256, 448, 3), 90, np.uint8)
    frames[:40, 8:72, 8:72] = 250
    frames[40:, 160:224, 320:384] = 250
    assert _cuts(frames) == []


def test_shots_shorter_than_a_segment_belong_to_the_shot_before() -> None:
    frames = np.concatenate([_scene(0, 40), _scene(1, LEAST_SHOT_FRAMES - 4), _scene(2, 40)])
    assert _cuts(frames) == [40]


def test_single_frame_has_no_cut() -> None:
    assert _cuts(_scene(0, 1)) == []
