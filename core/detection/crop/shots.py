"""Where a clip cuts from one shot to the next, found as it streams by."""

import math
from collections import deque

import numpy as np
from numpy.typing import NDArray

from core.model.synchformer.dimensions import SEGMENT_FRAMES

CELL_PX = 16
"""Pictures are compared as means over squares of this side."""

PIXEL_STEP = 4
"""Every so many pixels are looked at, across and down: enough for a mean."""

SURROUNDINGS_FRAMES = 5
"""A change that is undone within this time is a flash, not a cut."""

LEAST_SHOT_FRAMES = SEGMENT_FRAMES
"""Cuts that follow sooner are passed over: the network sees no shorter piece."""

CUT = 0.3
"""Least difference at a cut, 1 - r with r the correlation of the pictures, which no change of gain
or brightness touches."""

CUT_AREA = 0.15
"""Least share of the picture that changes at a cut; what jumps within a scene is smaller."""

CHANGED_LEVELS = 8.0
"""Where a picture changes by more than this, in grey levels, it counts as changed."""

_NOISE_LEVELS = 6.0
"""Pictures with less contrast than this, in grey levels, all look alike."""


class CutFinder:
    """Finds cuts, a few frames after they were seen.

    A frame begins a shot if it differs from the frame before, and if the frames some way ahead
    differ from those some way back: so neither the beginning nor the end of a flash is a cut.

    Attributes:
        n_settled: All cuts at frames before this one are known, counted from the first.
    """

    def __init__(self) -> None:
        self.n_settled = 0
        self._kept: deque[NDArray[np.float32]] = deque(maxlen=2 * SURROUNDINGS_FRAMES)
        self._last_cut = 0

    def extend(self, frames: NDArray[np.uint8]) -> list[int]:
        """Take the next (T, H, W, 3) pictures; return the first frames of shots, from 0 counted."""
        return self._extend(_thumbnails(frames))

    def finish(self) -> list[int]:
        """Return the remaining cuts, as if the last picture went on."""
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
            is_late_enough = self.n_settled - self._last_cut >= LEAST_SHOT_FRAMES
            if is_late_enough and self._is_cut():
                self._last_cut = self.n_settled
                found.append(self.n_settled)
            self.n_settled += 1
        return found

    def _is_cut(self) -> bool:
        earlier, before = self._kept[0], self._kept[SURROUNDINGS_FRAMES - 1]
        after, later = self._kept[SURROUNDINGS_FRAMES], self._kept[-1]
        return all(
            _difference(one, other) > CUT and _changed_area(one, other) > CUT_AREA
            for one, other in ((before, after), (before, later), (earlier, after), (earlier, later))
        )


def _thumbnails(frames: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Return (T, N): means of each colour over cells, without their mean over the picture."""
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
    """Return 1 - r, r being the correlation of two thumbnails."""
    floor = _NOISE_LEVELS**2 * one.size
    alike = float(one @ other) + floor
    powers = (float(one @ one) + floor) * (float(other @ other) + floor)
    return 1 - alike / math.sqrt(powers)


def _changed_area(one: NDArray[np.float32], other: NDArray[np.float32]) -> float:
    """Return the share of cells that differ between two thumbnails."""
    changes = np.abs(one - other).reshape(-1, 3).mean(axis=1)
    return float(np.mean(changes > CHANGED_LEVELS))
