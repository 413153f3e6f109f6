"""Maps of the motion that correlates with the audio, shot by shot, as a clip streams by."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.detection.crop.faces import FaceFinder
from core.detection.crop.shots import LEAST_SHOT_FRAMES, CutFinder
from core.detection.signals.correlation import AudioSignals
from core.detection.signals.detrend import TREND_FRAMES, detrended_motion
from core.detection.signals.motion import CELL_PX, MotionMeter
from core.detection.signals.onsets import TICKS_PER_FRAME
from core.detection.signals.ring_buffer import Series
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import WINDOW_FRAMES

MOST_LAGS = 51
"""Maximum number of lags of a map, with a step of at least 0.08 s. Bounds the memory of a shot for
any range of offsets."""

_LEAST_BIN_TICKS = 8

_CUT_FRAMES = 2
"""Frames from a cut on with an acceleration across two shots."""


@dataclass(frozen=True, slots=True, eq=False)
class ShotMotion:
    """Motion of a shot, by C cells of 16 px in row-major order.

    The first axis is the motion of the cell alone, then that of its surroundings: the audio source
    may be a single spot or a larger region.

    Attributes:
        first_frame: Analysis frame at the start of the shot.
        energy: (2, C) sum of squares of the motion, in grey levels.
        log_likelihood: (2, C, B) log-likelihood of the audio at each lag, relative to no
            correlation; the same B lags for all shots.
        faces: (C,) share of the examined frames with a face, spread over the cells of the face.
    """

    first_frame: int
    energy: NDArray[np.float32]
    log_likelihood: NDArray[np.float32]
    faces: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class _Shot:
    first_frame: int
    end_frame: float = math.inf
    motion: ShotMotion | None = None
    faces: list[NDArray[np.float32]] = field(default_factory=list)


class MotionMapper:
    """Correlates the motion of every cell with the audio, shot by shot.

    A long shot is analyzed in pieces, and their log-likelihoods are added. Memory is bounded by the
    signals around the newest frames and one map per shot.
    """

    def __init__(self, range_s: float) -> None:
        """Prepare for lags up to `range_s` seconds either way."""
        self._motion_meter, self._audio = MotionMeter(), AudioSignals(range_s)
        self._cut_finder, self._face_finder = CutFinder(), FaceFinder()
        self._cells, self._is_valid = Series(), Series()
        reach_ticks = self._audio.reach_ticks
        self._reach_frames = math.ceil(reach_ticks / TICKS_PER_FRAME) + TREND_FRAMES + 2
        n_ticks = 2 * reach_ticks + 1
        self._bin_ticks = max(_LEAST_BIN_TICKS, math.ceil(n_ticks / MOST_LAGS))
        self._begin_frame, self._n_frames = 0, 0
        self._shots: list[_Shot] = []
        self._pieces: list[tuple[_Shot, int, int]] = []
        self._faces: dict[int, NDArray[np.float32]] = {}
        self._piece_start = 0

    def consume(self, chunk: ClipChunk) -> None:
        """Measure the next chunk of the clip."""
        if not self._shots:
            self._begin(chunk.first_frame)
        motion = self._motion_meter.measure(chunk)
        rows, columns = (side // CELL_PX for side in chunk.frames.shape[1:3])
        around = _surroundings(motion.cells.reshape(-1, rows, columns))
        self._cells.append(np.concatenate([motion.cells, around], axis=1))
        self._faces.update(self._face_finder.find(chunk))
        self._is_valid.append(motion.is_valid.astype(np.float32))
        self._audio.append(chunk)
        self._n_frames = chunk.first_frame + len(chunk.frames)
        self._divide(self._cut_finder.extend(chunk.frames))
        known_until = min(self._n_frames - self._reach_frames, self._decided_until - TREND_FRAMES)
        n_ready = sum(end <= known_until for _, _, end in self._pieces)
        for piece in self._pieces[:n_ready]:
            self._correlate(*piece)
        del self._pieces[:n_ready]
        self._forget()

    def finish(self) -> tuple[ShotMotion, ...]:
        """Return all shots in order of time, without those shorter than a segment."""
        if not self._shots:
            return ()
        self._audio.finish()
        self._divide(self._cut_finder.finish())
        self._close_piece(self._n_frames)
        for piece in self._pieces:
            self._correlate(*piece)
        self._pieces.clear()
        return tuple(shot.motion for shot in self._shots if shot.motion is not None)

    @property
    def _decided_until(self) -> int:
        return self._begin_frame + self._cut_finder.n_decided

    def _begin(self, first_frame: int) -> None:
        self._begin_frame = self._piece_start = first_frame
        self._shots.append(_Shot(first_frame))
        self._cells.end = self._is_valid.end = first_frame
        self._audio.begin(first_frame)

    def _divide(self, cuts: list[int]) -> None:
        """Divide the shots into pieces up to the last frame with a decided cut."""
        for cut in (*(self._begin_frame + cut for cut in cuts), None):
            until = self._decided_until if cut is None else cut
            # A short rest extends the last piece.
            while until - self._piece_start >= WINDOW_FRAMES + WINDOW_FRAMES // 2:
                self._close_piece(self._piece_start + WINDOW_FRAMES)
            if cut is not None:
                self._close_piece(cut)
                self._shots[-1].end_frame = cut
                self._shots.append(_Shot(cut))

    def _close_piece(self, end: int) -> None:
        if end - self._piece_start >= LEAST_SHOT_FRAMES:
            self._pieces.append((self._shots[-1], self._piece_start, end))
        self._piece_start = end

    def _correlate(self, shot: _Shot, first: int, end: int) -> None:
        span = (first - TREND_FRAMES, end + TREND_FRAMES)
        frames = np.arange(*span)
        is_inside = (frames >= shot.first_frame + _CUT_FRAMES) & (frames < shot.end_frame)
        is_valid = (self._is_valid.get(*span) > 0) & is_inside
        motion = detrended_motion(self._cells.get(*span), is_valid).T  # (2 * C, T)
        # An acceleration lies a whole frame before its frame.
        audio = self._audio.lagged(first, end - first, TICKS_PER_FRAME)
        fine = audio.log_likelihood(np.ascontiguousarray(motion, np.float32))  # (2 * C, M)
        starts = np.arange(0, fine.shape[1], self._bin_ticks)
        energy = np.square(motion).sum(axis=1).reshape(2, -1)
        likelihood = np.maximum.reduceat(fine, starts, axis=1)
        likelihood = likelihood.reshape(*energy.shape, -1)
        if shot.motion is not None:
            energy = energy + shot.motion.energy
            likelihood = likelihood + shot.motion.log_likelihood
        shot.faces += (self._faces[frame] for frame in range(first, end) if frame in self._faces)
        faces = np.mean(shot.faces, axis=0) if shot.faces else np.zeros_like(energy[0])
        shot.motion = ShotMotion(shot.first_frame, energy, likelihood, faces)

    def _forget(self) -> None:
        """Drop the signals outside of pending and future pieces."""
        oldest = min([self._piece_start, *(first for _, first, _ in self._pieces)])
        self._faces = {frame: cells for frame, cells in self._faces.items() if frame >= oldest}
        for series in (self._cells, self._is_valid):
            series.keep((oldest - TREND_FRAMES, self._n_frames))
        self._audio.keep((oldest - self._reach_frames, self._n_frames))


def _surroundings(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Root mean squares (T, C) of (T, H, W) motions over a cell and its neighbours."""
    power = np.pad(cells**2, ((0, 0), (1, 1), (1, 1)))
    down = power[:, :-2] + power[:, 1:-1] + power[:, 2:]
    sums = down[:, :, :-2] + down[:, :, 1:-1] + down[:, :, 2:]
    return np.asarray(np.sqrt(sums / 9), np.float32).reshape(len(cells), -1)
