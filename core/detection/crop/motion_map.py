"""Where in each shot of a clip something moves with the sound, measured as the clip streams by."""

import math
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.detection.crop.faces import FaceFinder
from core.detection.crop.shots import LEAST_SHOT_FRAMES, CutFinder
from core.detection.evidence import AXIS_STEP_S
from core.detection.signals.correlation import LaggedAudio
from core.detection.signals.detrend import (
    TREND_FRAMES,
    TREND_TICKS,
    prepared_audio,
    prepared_motion,
)
from core.detection.signals.motion import BLOCK_PX, CELL_BLOCKS, MotionMeter
from core.detection.signals.onsets import TICKS_PER_FRAME, AudioMeter
from core.detection.signals.ring_buffer import Series
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import WINDOW_FRAMES

MOST_LAGS = 51
"""Lags are told apart by 0.08 s, or by as much as makes no more than so many of them: what is kept
of a shot stays small whatever the range."""

CELL_PX = BLOCK_PX * CELL_BLOCKS

_LEAST_BIN_TICKS = 8

_CUT_FRAMES = 2
"""Jolts of so many frames from a cut on compare pictures of two shots."""


@dataclass(frozen=True, slots=True, eq=False)
class ShotAction:
    """What moves in a shot, by cells of 16 px, row after row.

    Motion is that of the cell alone and that of its surroundings: it is one spot that moves with
    the sound, or all around it does.

    Attributes:
        first_frame: Analysis frame at which the shot begins.
        liveliness: (2, C) sum of squares of the motion, in grey levels.
        log_likelihood: (2, C, B): how well the motion goes with the sound at each lag, the same B
            lags for all shots; 0 is nothing in common.
        faces: (C,) where faces are seen; adds up to the share of the pictures that were looked at
            in which there is one.
    """

    first_frame: int
    liveliness: NDArray[np.float32]
    log_likelihood: NDArray[np.float32]
    faces: NDArray[np.float32]


@dataclass(slots=True, eq=False)
class _Shot:
    first_frame: int
    end_frame: float = math.inf
    action: ShotAction | None = None
    looks: list[NDArray[np.float32]] = field(default_factory=list)


class ActionMeter:
    """Correlates the motion of every cell with the sound, shot by shot.

    A long shot is taken in pieces, whose log-likelihoods add up, so what is kept is the signals
    around the newest pictures and one table for each shot.
    """

    def __init__(self, range_s: float) -> None:
        """Begin a clip; lags up to `range_s` seconds either way are looked at."""
        self._motion_meter, self._audio_meter = MotionMeter(), AudioMeter()
        self._cut_finder, self._face_finder = CutFinder(), FaceFinder(CELL_PX)
        self._cells, self._seen = Series(), Series()
        self._onsets, self._level, self._heard = Series(), Series(), Series()
        self._reach_ticks = round(range_s / AXIS_STEP_S)
        self._reach_frames = math.ceil(self._reach_ticks / TICKS_PER_FRAME) + TREND_FRAMES + 2
        n_ticks = 2 * self._reach_ticks + 1
        self._bin_ticks = max(_LEAST_BIN_TICKS, math.ceil(n_ticks / MOST_LAGS))
        self._begin_frame, self._n_frames = 0, 0
        self._shots: list[_Shot] = []
        self._pieces: list[tuple[_Shot, int, int]] = []
        self._faces: dict[int, NDArray[np.float32]] = {}
        self._piece_start = 0

    def consume(self, chunk: ClipChunk) -> None:
        """Measure the next piece of the clip."""
        if not self._shots:
            self._begin(chunk.first_frame)
        motion = self._motion_meter.measure(chunk)
        rows, columns = (side // CELL_PX for side in chunk.frames.shape[1:3])
        around = _surroundings(motion.cells.reshape(-1, rows, columns))
        self._cells.append(np.concatenate([motion.cells, around], axis=1))
        self._faces.update(self._face_finder.find(chunk))
        self._seen.append(motion.seen.astype(np.float32))
        self._heard.append(np.repeat(chunk.has_audio, TICKS_PER_FRAME).astype(np.float32))
        self._append_audio(self._audio_meter.measure(chunk.waveform))
        self._n_frames = chunk.first_frame + len(chunk.frames)
        self._divide(self._cut_finder.extend(chunk.frames))
        known_until = min(self._n_frames - self._reach_frames, self._settled - TREND_FRAMES)
        n_ready = sum(end <= known_until for _, _, end in self._pieces)
        for piece in self._pieces[:n_ready]:
            self._correlate(*piece)
        del self._pieces[:n_ready]
        self._forget()

    def finish(self) -> tuple[ShotAction, ...]:
        """Return all shots in order of time; those too short to judge are left out."""
        if not self._shots:
            return ()
        self._append_audio(self._audio_meter.flush())
        self._divide(self._cut_finder.finish())
        self._close_piece(self._n_frames)
        for piece in self._pieces:
            self._correlate(*piece)
        self._pieces.clear()
        return tuple(shot.action for shot in self._shots if shot.action is not None)

    @property
    def _settled(self) -> int:
        return self._begin_frame + self._cut_finder.n_settled

    def _begin(self, first_frame: int) -> None:
        self._begin_frame = self._piece_start = first_frame
        self._shots.append(_Shot(first_frame))
        self._cells.end = self._seen.end = first_frame
        for series in (self._onsets, self._level, self._heard):
            series.end = first_frame * TICKS_PER_FRAME

    def _append_audio(self, measured: tuple[NDArray[np.float32], ...]) -> None:
        self._onsets.append(measured[0])
        self._level.append(measured[1])

    def _divide(self, cuts: list[int]) -> None:
        """Go on with the pieces of shots up to where cuts are known."""
        for cut in (*(self._begin_frame + cut for cut in cuts), None):
            until = self._settled if cut is None else cut
            # What is left over makes the last piece longer, not one that is too short to judge.
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
        seen = (self._seen.get(*span) > 0) & is_inside
        motion = prepared_motion(self._cells.get(*span), seen).T  # (2 * C, T)
        audio = self._audio_of(first, end - first)
        fine = audio.log_likelihood(np.ascontiguousarray(motion, np.float32))  # (2 * C, M)
        starts = np.arange(0, fine.shape[1], self._bin_ticks)
        lively = np.square(motion).sum(axis=1).reshape(2, -1)
        likely = np.maximum.reduceat(fine, starts, axis=1)
        likely = likely.reshape(*lively.shape, -1)
        if shot.action is not None:
            lively, likely = lively + shot.action.liveliness, likely + shot.action.log_likelihood
        shot.looks += (self._faces[frame] for frame in range(first, end) if frame in self._faces)
        faces = np.mean(shot.looks, axis=0) if shot.looks else np.zeros_like(lively[0])
        shot.action = ShotAction(shot.first_frame, lively, likely, faces)

    def _audio_of(self, first: int, n_frames: int) -> LaggedAudio:
        # A jolt lies a whole frame before its frame.
        begin = (first - 1) * TICKS_PER_FRAME - self._reach_ticks - TREND_TICKS
        n_ticks = (n_frames - 1) * TICKS_PER_FRAME + 1 + 2 * (self._reach_ticks + TREND_TICKS)
        span = (begin, begin + n_ticks)
        heard = self._heard.get(*span) > 0
        sounds, usable = prepared_audio(self._onsets.get(*span), self._level.get(*span), heard)
        return LaggedAudio(sounds, usable, n_frames)

    def _forget(self) -> None:
        """Let go of what no piece, pending or yet to come, can need."""
        oldest = min([self._piece_start, *(first for _, first, _ in self._pieces)])
        self._faces = {frame: cells for frame, cells in self._faces.items() if frame >= oldest}
        for series in (self._cells, self._seen):
            series.keep((oldest - TREND_FRAMES, self._n_frames))
        first_tick = (oldest - self._reach_frames) * TICKS_PER_FRAME
        for series in (self._onsets, self._level, self._heard):
            series.keep((first_tick, self._n_frames * TICKS_PER_FRAME))


def _surroundings(cells: NDArray[np.float32]) -> NDArray[np.float32]:
    """Return (T, C) root mean squares of (T, H, W) motions over a cell and its neighbours."""
    power = np.pad(cells**2, ((0, 0), (1, 1), (1, 1)))
    down = power[:, :-2] + power[:, 1:-1] + power[:, 2:]
    sums = down[:, :, :-2] + down[:, :, 1:-1] + down[:, :, 2:]
    return np.asarray(np.sqrt(sums / 9), np.float32).reshape(len(cells), -1)
