"""Decoding a clip once, in order, onto the analysis clock."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray


@dataclass(frozen=True, slots=True, eq=False)
class ClipChunk:
    """A piece of a clip on the analysis clock: picture and sound of the same clip time.

    Where the file has no picture yet or any more, the nearest frame is held; where it has no sound,
    samples are zero. `has_video` and `has_audio` tell.

    Attributes:
        first_frame: Analysis frame number of the first frame, counted from clip time 0.
        frames: (T, H, W, 3) uint8 RGB at 25 fps, short side 256 px, rotation applied.
        waveform: (T * 640,) float32 mono at 16 kHz, nominally within -1..1.
        has_video: (T,) bool, whether the file has picture at that frame.
        has_audio: (T,) bool, whether the file has sound during all of that frame's 640 samples.
    """

    first_frame: int
    frames: NDArray[np.uint8]
    waveform: NDArray[np.float32]
    has_video: NDArray[np.bool_]
    has_audio: NDArray[np.bool_]
