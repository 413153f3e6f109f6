"""Motion signals of the cells of a video, without camera motion and changes of light."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.media.decoder import ClipChunk

Image = NDArray[np.float32]

BLOCK_PX = 2
"""Side of the blocks of averaged pixels."""

CELL_BLOCKS = 8
"""Side of a cell: 16 px of a frame. A mouth fills one, a hand a few."""

CELL_PX = BLOCK_PX * CELL_BLOCKS

STRONGEST_BLOCKS = 200
"""Number of blocks with the largest change that represent the whole frame, so that a small mouth
counts as much as a large hand."""

_OUTLIER = 1.5
"""Residual, in multiples of the median, above which a block has less weight in the fit of camera
motion and light."""

_RIDGE = 1e-3
"""Ridge term, for frames without texture."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Motion signals at 25 Hz, in grey levels.

    A change is the difference of two consecutive frames and lies between them: value k belongs to
    (k - 1/2) / 25 s. An acceleration is the difference of two consecutive changes, largest where a
    movement starts or stops: value k belongs to (k - 1) / 25 s.

    Attributes:
        cells: (T, C) acceleration of each cell.
        quads: (T, Q) acceleration of each square of four cells.
        acceleration: (T, 1) acceleration of the strongest blocks of the frame.
        change: (T, 1) change of the strongest blocks of the frame.
        is_valid: (T,) bool, whether the file has the frame and both frames before it.
    """

    cells: NDArray[np.float32]
    quads: NDArray[np.float32]
    acceleration: NDArray[np.float32]
    change: NDArray[np.float32]
    is_valid: NDArray[np.bool_]


class MotionMeter:
    """Measures motion from frame to frame as a clip streams by."""

    def __init__(self) -> None:
        self._previous: Image | None = None
        self._change: Image | None = None
        self._n_consecutive = 0

    def measure(self, chunk: ClipChunk) -> Motion:
        """Motion signals of the next chunk, 0 where a frame is missing."""
        pairs = zip(chunk.frames, chunk.has_video.tolist(), strict=True)
        rows = [self._measure_frame(frame, has_video) for frame, has_video in pairs]
        cells = np.stack([row[0] for row in rows])
        quads = np.stack([row[1] for row in rows])
        rest = np.array([row[2:] for row in rows], np.float32)
        return Motion(cells, quads, rest[:, 0:1], rest[:, 1:2], rest[:, 2] > 0)

    def _measure_frame(
        self, frame: NDArray[np.uint8], has_video: bool
    ) -> tuple[NDArray[np.float32], NDArray[np.float32], float, float, bool]:
        image = _shrink(frame)
        change = np.zeros_like(image)
        if self._previous is not None:
            change = _without_camera(self._previous, image)
        acceleration = np.zeros_like(change) if self._change is None else change - self._change
        self._n_consecutive = self._n_consecutive + 1 if has_video else 0
        self._previous, self._change = image, change
        is_valid = self._n_consecutive > 2
        cells, quads = _by_cell(acceleration if is_valid else np.zeros_like(acceleration))
        acceleration_peak = _strongest(acceleration) if is_valid else 0.0
        change_peak = _strongest(change) if self._n_consecutive > 1 else 0.0
        return cells, quads, acceleration_peak, change_peak, is_valid


def _shrink(frame: NDArray[np.uint8]) -> Image:
    """Average the green channel, the largest part of luminance, over blocks."""
    rows, columns = (side // BLOCK_PX * BLOCK_PX for side in frame.shape[:2])
    return _halved(frame[:rows, :columns, 1].astype(np.float32))


def _halved(image: Image) -> Image:
    rows, columns = (side // 2 * 2 for side in image.shape)
    image = image[:rows, :columns]
    added = image[0::2] + image[1::2]
    return np.asarray((added[:, 0::2] + added[:, 1::2]) / 4, np.float32)


def _strongest(change: Image) -> float:
    values = np.abs(change).ravel()
    n_strongest = min(STRONGEST_BLOCKS, values.size)
    return float(np.partition(values, -n_strongest)[-n_strongest:].mean())


def _by_cell(acceleration: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Fourth-power means of cells, (C,), and quads, (Q,), dominated by the blocks in motion."""
    rows, columns = (max(side // CELL_BLOCKS, 1) for side in acceleration.shape)
    power = acceleration[: rows * CELL_BLOCKS, : columns * CELL_BLOCKS] ** 2
    power *= power
    across = np.add.reduceat(power, np.arange(0, power.shape[1], CELL_BLOCKS), axis=1)
    sums = np.add.reduceat(across, np.arange(0, power.shape[0], CELL_BLOCKS), axis=0)
    cells = np.sqrt(np.sqrt(sums / CELL_BLOCKS**2))
    even = cells[: max(rows // 2 * 2, 1), : max(columns // 2 * 2, 1)] ** 2
    by_row = np.add.reduceat(even, np.arange(0, even.shape[0], 2), axis=0)
    quads = np.sqrt(np.add.reduceat(by_row, np.arange(0, even.shape[1], 2), axis=1) / 4)
    return cells.ravel(), quads.ravel()


def _without_camera(before: Image, after: Image) -> Image:
    """Residual of a fit of camera motion and change of light to the change of two frames.

    Regressors, at half the size: the gradients of the image (shift, zoom and rotation by the
    brightness constancy equation of Lucas and Kanade, 1981, for the whole frame), the image itself
    (gain) and a constant. A second fit reduces the weight of large residuals of the first.
    """
    mean = np.asarray((before + after) / 2, np.float32)
    change = after - before
    regressors = _regressors(_halved(mean))
    target = _halved(change).ravel()
    ridge = _RIDGE * target.size * np.eye(len(regressors), dtype=np.float32)
    factors = np.linalg.solve(regressors @ regressors.T + ridge, regressors @ target)
    residuals = np.abs(target - factors @ regressors)
    weights = 1 / (1 + (residuals / (_OUTLIER * np.median(residuals) + 0.5)) ** 2)
    weighted = regressors * weights
    factors = np.linalg.solve(weighted @ regressors.T + ridge, weighted @ target)
    # Gradients per pixel are half as steep at the full size.
    factors[:4] *= 2
    return np.asarray(change - (factors @ _regressors(mean)).reshape(change.shape), np.float32)


def _regressors(image: Image) -> NDArray[np.float32]:
    """Horizontal and vertical gradient, zoom, rotation, image and constant, (6, H * W)."""
    height, width = image.shape
    down = ((np.arange(height, dtype=np.float32) - height / 2) / height)[:, None]
    across = ((np.arange(width, dtype=np.float32) - width / 2) / height)[None]
    terms = np.zeros((6, height, width), np.float32)
    terms[0, :, 1:-1] = (image[:, 2:] - image[:, :-2]) / 2
    terms[1, 1:-1] = (image[2:] - image[:-2]) / 2
    terms[2] = terms[0] * across + terms[1] * down
    terms[3] = terms[0] * down - terms[1] * across
    terms[4] = image
    terms[5] = 1
    return terms.reshape(6, -1)
