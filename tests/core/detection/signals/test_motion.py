import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.signals.motion import BLOCK_PX, CELL_BLOCKS, Motion, MotionMeter
from core.media.decoder import ClipChunk
from core.timing import SAMPLES_PER_FRAME

HEIGHT_PX, WIDTH_PX = 128, 192


def _texture() -> NDArray[np.float64]:
    """Smooth texture, larger than a frame."""
    rows, columns = np.mgrid[0 : HEIGHT_PX + 40, 0 : WIDTH_PX + 40].astype(float)
    return 120 + 40 * np.sin(rows / 13) * np.cos(columns / 17) + 20 * np.sin((rows + columns) / 29)


def _measure(frames: list[NDArray[np.float64]], has_video: list[bool] | None = None) -> Motion:
    n = len(frames)
    levels = np.clip(np.rint(np.stack(frames)), 0, 255).astype(np.uint8)
    is_present = np.array(has_video or [True] * n)
    chunk = ClipChunk(
        0,
        np.repeat(levels[..., None], 3, axis=-1),
        np.zeros(n * SAMPLES_PER_FRAME, np.float32),
        is_present,
        np.ones(n, np.bool_),
    )
    return MotionMeter().measure(chunk)


def _still(n: int) -> list[NDArray[np.float64]]:
    return [_texture()[:HEIGHT_PX, :WIDTH_PX].copy() for _ in range(n)]


def test_acceleration_is_in_the_cell_of_the_movement() -> None:
    frames = _still(12)
    for frame in frames[6:]:
        frame[40:44, 100:104] += 60
    motion = _measure(frames)
    side_px = BLOCK_PX * CELL_BLOCKS
    n_across = WIDTH_PX // side_px
    expected = (40 // side_px) * n_across + 100 // side_px
    assert set(np.argmax(motion.cells[6:8], axis=1)) == {expected}
    assert motion.cells[:6].max() < 1


def test_camera_shake_is_mostly_removed() -> None:
    shifts = [0, 1, -1, 2, 0, -2, 1, 0]
    shaken = [_texture()[20 + s : 20 + s + HEIGHT_PX, 20 - s : 20 - s + WIDTH_PX] for s in shifts]
    remaining = _measure(shaken).change[1:].mean()
    shaken_change = np.abs(np.diff(np.stack(shaken), axis=0))
    strongest = np.sort(shaken_change.reshape(len(shaken_change), -1), axis=1)[:, -800:].mean()
    assert remaining < 0.35 * strongest


@pytest.mark.parametrize("gain", [0.8, 1.2])
def test_a_change_of_light_is_no_motion(gain: float) -> None:
    frames = _still(8)
    frames[4:] = [gain * frame for frame in frames[4:]]
    assert _measure(frames).change.max() < 2


def test_missing_frames_have_no_motion() -> None:
    frames = _still(10)
    for frame in frames[5:]:
        frame += 50 * np.random.default_rng(1).random(frame.shape)
    motion = _measure(frames, [True] * 4 + [False] * 2 + [True] * 4)
    assert not motion.change[4:7].any()
    assert not motion.cells[4:8].any()
    np.testing.assert_array_equal(
        motion.is_valid, [False, False, True, True] + [False] * 4 + [True] * 2
    )


def test_frame_of_odd_size_is_measured() -> None:
    frames = [frame[:113, :151] for frame in _still(4)]
    assert np.isfinite(_measure(frames).cells).all()
