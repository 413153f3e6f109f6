"""Features of the picture's segments, kept while several runs judge one clip."""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from core.detection.crop.plan import Square
from core.detection.engine import VisualFeatures
from core.media.info import AudioStream, VideoStream, clip_start
from core.timing import VIDEO_FPS


class FeatureMemory:
    """Keeps everything in memory: 25 kB a segment of the published network, 77 kB a second."""

    def __init__(self) -> None:
        self._kept: dict[tuple[int, Square | None], NDArray[np.float32]] = {}

    def get(self, first_frame: int, square: Square | None) -> NDArray[np.float32] | None:
        return self._kept.get((first_frame, square))

    def put(self, first_frame: int, square: Square | None, values: NDArray[np.float32]) -> None:
        self._kept[first_frame, square] = values


class FromFirstPicture:
    """Shows a store whose frames count from the first picture to a run that counts clip time.

    Clip time begins with the sound where that is earlier, so its frames are not the same with
    every audio stream; the pictures are.

    Args:
        store: Counts from the first picture.
        video: The picture.
        audio: The sound that is judged.
    """

    def __init__(self, store: VisualFeatures, video: VideoStream, audio: AudioStream) -> None:
        self._store = store
        before_s = Fraction(video.start_s) - clip_start(video, audio)
        self._n_before = round(before_s * VIDEO_FPS)

    def get(self, first_frame: int, square: Square | None) -> NDArray[np.float32] | None:
        return self._store.get(first_frame - self._n_before, square)

    def put(self, first_frame: int, square: Square | None, values: NDArray[np.float32]) -> None:
        self._store.put(first_frame - self._n_before, square, values)
