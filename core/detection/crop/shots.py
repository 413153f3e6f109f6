"""Detection of cuts between shots, as a clip streams by."""

import math
from collections import deque
from itertools import product

import numpy as np
from numpy.typing import NDArray

from core.model.synchformer.dimensions import SEGMENT_FRAMES

CELL_PX = 16
"""Side of the cells of averaged pixels."""

PIXEL_STEP = 4
"""Step of the sampled pixels in a cell, across and down: enough for a mean."""

SURROUNDINGS_FRAMES = 5
"""Maximum length of a flash: a change back within this time is no cut."""

LEAST_SHOT_FRAMES = SEGMENT_FRAMES
"""Minimum length of a shot, one segment: the unit of the network. Earlier cuts are ignored."""

CUT = 0.3
"""Minimum difference at a cut: 1 - r, with the correlation r of two frames. Gain and brightness do
not change it."""

CUT_AREA = 0.15
"""Minimum share of the frame that changes at a cut; objects that jump are smaller."""

CHANGED_LEVELS = 8.0
"""Minimum change of a changed cell, in grey levels."""

_NOISE_LEVELS = 6.0
"""Contrast, in grey levels, below which frames count as equal."""


class CutFinder:
    """Finds cuts with a delay of a few frames.

    A frame starts a shot if it differs from the frame before, and if the frames
    `SURROUNDINGS_FRAMES` ahead differ from those as far back. Neither the start nor the end of a
    flash is thus a cut.

    Attributes:
        n_decided: Number of frames with a final decision, counted from the first.
    """

    def __init__(self) -> None:
        self.n_decided = 0
        self._kept: deque[NDArray[np.float32]] = deque(maxlen=2 * SURROUNDINGS_FRAMES)
        self._last_cut = 0

    def extend(self, frames: NDArray[np.uint8]) -> list[int]:
        """Add (T, H, W, 3) frames; return the first frames of new shots, counted from 0."""
        return self._extend(_thumbnails(frames))

    def finish(self) -> list[int]:
        """Return the remaining cuts, as if the last frame were repeated."""
        if not self._kept:
            return []
        held = np.repeat(self._kept[-1][None], SURROUNDINGS_FRAMES - 1, axis=0)
        return self._extend(held)

    def _extend(self, thumbnails: NDArray[np.float32]) -> list[int]:
        found = []
        for thumbnail in thumbnails:
            if not self._kept:
                self._kept.extend([thumbnail] * SURROUNDINGS_FRAMES)
            self._kept.append(thumbnail)
            if len(self._kept) < 2 * SURROUNDINGS_FRAMES:
                continue
            is_late_enough = self.n_decided - self._last_cut >= LEAST_SHOT_FRAMES
            if is_late_enough and self._is_cut():
                self._last_cut = self.n_decided
                found.append(self.n_decided)
            self.n_decided += 1
        return found

    def _is_cut(self) -> bool:
        earlier, before = self._kept[0], self._kept[SURROUNDINGS_FRAMES - 1]
        after, later = self._kept[SURROUNDINGS_FRAMES], self._kept[-1]
        return all(
            _difference(one, other) > CUT and _changed_area(one, other) > CUT_AREA
            for one, other in product((before, earlier), (after, later))
        )


def _thumbnails(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Cell means (T, N) of each color channel, less the mean of the frame."""
    n_frames = len(frames)
    rows, columns = (side // CELL_PX for side in frames.shape[1:3])
    points = frames[:, : rows * CELL_PX : PIXEL_STEP, : columns * CELL_PX : PIXEL_STEP]
    n_points = CELL_PX // PIXEL_STEP
    cells = points.reshape(n_frames, rows, n_points, columns, n_points, 3)
    sums = cells.sum(axis=4, dtype=np.uint16).sum(axis=2, dtype=np.float32)
    means = sums.reshape(n_frames, -1, 3) / n_points**2
    centred = means - means.mean(axis=1, keepdims=True)
    return np.asarray(centred.reshape(n_frames, -1), np.float32)


def _difference(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Difference 1 - r, with the correlation r of two thumbnails."""
    floor = _NOISE_LEVELS**2 * one.size
    alike = float(one @ other) + floor
    powers = (float(one @ one) + floor) * (float(other @ other) + floor)
    return 1 - alike / math.sqrt(powers)


def _changed_area(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Share of the cells that differ between two thumbnails."""
    changes = np.abs(one - other).reshape(-1, 3).mean(axis=1)
    return float(np.mean(changes > CHANGED_LEVELS))
