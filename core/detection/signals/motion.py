"""How much the picture moves, cell by cell, measured as a clip streams by.

What a moving camera or a change of light explains is taken off first.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.media.decoder import ClipChunk

Image = NDArray[np.float32]

BLOCK_PX = 2
"""Pixels are averaged over squares of this side before they are compared."""

CELL_BLOCKS = 8
"""Side of a cell: 16 px of the picture. A mouth fills one, a hand a few."""

STRONGEST_BLOCKS = 200
"""Motion of the whole picture is that of the blocks that change most, so that a small mouth counts
as a large hand."""

_OUTLIER = 1.5
"""Changes over this multiple of the median count less in the fit of camera and light."""

_RIDGE = 1e-3
"""Keeps the fit finite where the picture has no texture."""


@dataclass(frozen=True, slots=True, eq=False)
class Motion:
    """Signals of motion at 25 Hz.

    A change lies between a frame and the one before it: value k at (k - 1/2) / 25 s. A jolt is the
    difference of two changes in a row, as at the end of a movement: value k at (k - 1) / 25 s.

    Attributes:
        cells: (T, C) grey levels of jolt, for each cell in turn.
        quads: (T, Q) the same for each square of four cells.
        jolt: (T, 1) that of the strongest blocks anywhere.
        change: (T, 1) grey levels of change of the strongest blocks anywhere.
        seen: (T,) bool, whether the file has all three pictures.
    """

    cells: NDArray[np.float32]
    quads: NDArray[np.float32]
    jolt: NDArray[np.float32]
    change: NDArray[np.float32]
    seen: NDArray[np.bool_]


class MotionMeter:
    """Measures what moves from each frame to the next."""

    def __init__(self) -> None:
        self._previous: Image | None = None
        self._change: Image | None = None
        self._n_seen = 0

    def measure(self, chunk: ClipChunk) -> Motion:
        """Return the signals of a piece, 0 where a frame is missing."""
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
            change = _unexplained(self._previous, image)
        jolt = np.zeros_like(change) if self._change is None else change - self._change
        self._n_seen = self._n_seen + 1 if has_video else 0
        self._previous, self._change = image, change
        cells, quads = _by_cell(jolt if self._n_seen > 2 else np.zeros_like(jolt))
        jolted = _strongest(jolt) if self._n_seen > 2 else 0.0
        changed = _strongest(change) if self._n_seen > 1 else 0.0
        return cells, quads, jolted, changed, self._n_seen > 2


def _shrink(frame: NDArray[np.uint8]) -> Image:
    """Average the green channel, which carries most of the luminance, over small squares."""
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


def _by_cell(jolt: Image) -> tuple[NDArray[np.float32], NDArray[np.float32]]:
    """Return (C,) and (Q,) values; the fourth power lets a few blocks speak for their cell."""
    rows, columns = (max(side // CELL_BLOCKS, 1) for side in jolt.shape)
    power = jolt[: rows * CELL_BLOCKS, : columns * CELL_BLOCKS] ** 2
    power *= power
    across = np.add.reduceat(power, np.arange(0, power.shape[1], CELL_BLOCKS), axis=1)
    sums = np.add.reduceat(across, np.arange(0, power.shape[0], CELL_BLOCKS), axis=0)
    cells = np.sqrt(np.sqrt(sums / CELL_BLOCKS**2))
    even = cells[: max(rows // 2 * 2, 1), : max(columns // 2 * 2, 1)] ** 2
    by_row = np.add.reduceat(even, np.arange(0, even.shape[0], 2), axis=0)
    quads = np.sqrt(np.add.reduceat(by_row, np.arange(0, even.shape[1], 2), axis=1) / 4)
    return cells.ravel(), quads.ravel()


def _unexplained(before: Image, after: Image) -> Image:
    """Return the change without what a movement of the camera or of the light explains.

    The change is fitted, at half the size, by the picture's gradients (shift, zoom and turn: the
    brightness constancy equation of Lucas and Kanade, 1981, for the whole picture), the picture
    itself (gain) and a constant. A second fit gives less weight to what the first left over.
    """
    mean = np.asarray((before + after) / 2, np.float32)
    change = after - before
    terms = _terms(_halved(mean))
    target = _halved(change).ravel()
    ridge = _RIDGE * target.size * np.eye(len(terms), dtype=np.float32)
    factors = np.linalg.solve(terms @ terms.T + ridge, terms @ target)
    left = np.abs(target - factors @ terms)
    weights = 1 / (1 + (left / (_OUTLIER * np.median(left) + 0.5)) ** 2)
    weighted = terms * weights
    factors = np.linalg.solve(weighted @ terms.T + ridge, weighted @ target)
    # Gradients per pixel are half as steep at the full size.
    factors[:4] *= 2
    return np.asarray(change - (factors @ _terms(mean)).reshape(change.shape), np.float32)


def _terms(image: Image) -> NDArray[np.float32]:
    """Return (6, H * W): gradients across and down, zoom, turn, picture, one."""
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
