"""Check for motion and audio: a still or silent clip has no answer."""

import math

import numpy as np
from numpy.typing import NDArray

from core.detection.result import Reason
from core.media.decoder import ClipChunk
from core.timing import SAMPLES_PER_FRAME

BLOCK_PX = 16
"""Side of the blocks of averaged grey levels, which removes noise and coding artefacts."""

STILL_LEVELS = 6.0
"""Minimum change of a block in a moving clip, in grey levels per frame. Stills coded by H.264,
MPEG-4 and MPEG-2 from 60 kbit/s up stay below 5.5; a speaker on a far stage exceeds 80."""

SILENCE_DBFS = -60.0
"""Upper limit of the loudest frame of a silent clip; coded silence lies below -80 dBFS."""


class ActivityMeter:
    """Measures the strongest motion and the loudest audio of a clip as it streams by.

    Attributes:
        peak_motion: Largest change of a block from frame to frame, in grey levels.
        peak_level_dbfs: Level of the loudest frame.
    """

    def __init__(self) -> None:
        self.peak_motion = 0.0
        self.peak_level_dbfs = -math.inf
        self._previous: NDArray[np.float32] | None = None

    def measure(self, chunk: ClipChunk) -> None:
        """Measure the next chunk, without the frames and audio missing in the file."""
        for frame in chunk.frames[chunk.has_video]:
            blocks = _block_means(frame)
            if self._previous is not None:
                change = float(np.abs(blocks - self._previous).max())
                self.peak_motion = max(self.peak_motion, change)
            self._previous = blocks
        frames = chunk.waveform.reshape(-1, SAMPLES_PER_FRAME)[chunk.has_audio]
        if len(frames):
            power = float(np.square(frames, dtype=np.float64).mean(axis=1).max())
            level_dbfs = 10 * math.log10(power) if power > 0 else -math.inf
            self.peak_level_dbfs = max(self.peak_level_dbfs, level_dbfs)

    @property
    def obstacle(self) -> Reason:
        """Obstacle to an answer: NO_MOTION, SILENCE or NONE."""
        if self.peak_motion < STILL_LEVELS:
            return Reason.NO_MOTION
        if self.peak_level_dbfs < SILENCE_DBFS:
            return Reason.SILENCE
        return Reason.NONE


def _block_means(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Mean green level of each block; green is the largest part of luminance."""
    rows, columns = (side // BLOCK_PX for side in frame.shape[:2])
    green = frame[: rows * BLOCK_PX, : columns * BLOCK_PX, 1]
    blocks = green.reshape(rows, BLOCK_PX, columns, BLOCK_PX)
    sums = blocks.sum(axis=3, dtype=np.uint16).sum(axis=1, dtype=np.float32)
    return np.asarray(sums / BLOCK_PX**2, np.float32)
