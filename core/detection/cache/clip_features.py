"""Visual features of a clip's segments on the disk.

A permanent store serves later detections, a temporary one other runs over the same clip.
"""

from fractions import Fraction

import numpy as np
from numpy.typing import NDArray

from core.detection.cache.blob_store import BlobStore, temporary_store
from core.detection.crop_plan import Square
from core.media.info import AudioStream, VideoStream, clip_start
from core.model.synchformer.dimensions import SEGMENT_HOP_FRAMES
from core.timing import VIDEO_FPS

_BATCH = 64
"""Segments read or written together: about 20 s of video, 1.6 MB."""

_SQUARES_AT_ONCE = 4


class ClipFeatures:
    """Encoded segments of one clip by one network, so none is encoded twice.

    Keys are the first analysis frame of a segment and its square. Features stay in float32, as
    encoded, so answers do not depend on the cache. They are written in batches and by `close`, each
    batch completely or not at all.
    """

    def __init__(self, store: BlobStore, name: str) -> None:
        self._store, self._name = store, name
        self._read: dict[Square | None, dict[str, bytes | None]] = {}
        self._put: dict[str, bytes] = {}
        self._n_before = 0

    def count_from_video(self, video: VideoStream, audio: AudioStream) -> None:
        """Set the streams of the next frames; the store counts from the first frame of the video.

        Clip time begins with the audio if that is earlier, so frame numbers depend on the audio
        stream. Numbers counted from the first frame of the video do not.
        """
        self._n_before = round((Fraction(video.start_s) - clip_start(video, audio)) * VIDEO_FPS)

    def get(self, first_frame: int, square: Square | None) -> NDArray[np.float32] | None:
        """(8, D) float32 features of a segment; None if not kept."""
        part = self._part(first_frame, square)
        values = self._put.get(part)
        if values is None:
            if part not in self._read.get(square, {}):
                self._read_from(first_frame, square)
            values = self._read[square][part]
        return None if values is None else np.frombuffer(values, "<f4").reshape(8, -1).copy()

    def put(self, first_frame: int, square: Square | None, values: NDArray[np.float32]) -> None:
        """Keep the (8, D) float32 features of a segment without padding."""
        self._put[self._part(first_frame, square)] = values.astype("<f4").tobytes()
        if len(self._put) >= _BATCH:
            self.close()

    def _read_from(self, first_frame: int, square: Square | None) -> None:
        """Read ahead, for runs through the clip with a few squares side by side."""
        self._read.pop(square, None)
        while len(self._read) >= _SQUARES_AT_ONCE:
            del self._read[next(iter(self._read))]
        parts = [self._part(first_frame + SEGMENT_HOP_FRAMES * n, square) for n in range(_BATCH)]
        found = self._store.read(self._name, parts)
        self._read[square] = {part: found.get(part) for part in parts}

    def close(self) -> None:
        """Write the rest."""
        if self._put:
            self._store.write(self._name, self._put)
            # Parts missing at the last read may be kept by now.
            self._put, self._read = {}, {}

    def _part(self, first_frame: int, square: Square | None) -> str:
        where = "centre" if square is None else f"{square.left_px},{square.top_px},{square.side_px}"
        return f"{first_frame - self._n_before} {where}"


def temporary_features() -> ClipFeatures:
    """Create a temporary store for the features of one clip."""
    return ClipFeatures(temporary_store(), "clip")
