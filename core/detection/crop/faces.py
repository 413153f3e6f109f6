"""Face detection by OpenCV's cascade (Viola and Jones, 2001), on one frame per second.

The cascade finds frontal faces from 24 px up.
"""

import logging
from pathlib import Path
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from core.detection.signals.motion import CELL_PX
from core.media.decoder import ClipChunk
from core.timing import VIDEO_FPS

if TYPE_CHECKING:
    from cv2 import CascadeClassifier

log = logging.getLogger(__name__)

LOOK_FRAMES = VIDEO_FPS
"""Distance of the examined frames."""

LEAST_FACE_PX = 24

_CASCADE = "haarcascade_frontalface_alt2.xml"
"""The only cascade of OpenCV without false faces in a dog and in tools."""

_SCALE_STEP = 1.2
_LEAST_NEIGHBOURS = 4


class FaceFinder:
    """Finds faces in one frame per second."""

    def __init__(self) -> None:
        # Slow to import, and only engines that see a square need it.
        import cv2
        import cv2.data

        path = Path(cv2.data.haarcascades) / _CASCADE
        self._cascade = cv2.CascadeClassifier(str(path)) if path.is_file() else None
        if self._cascade is None or self._cascade.empty():
            self._cascade = None
            log.warning("Faces are not detected: %s cannot be read", path)

    def find(self, chunk: ClipChunk) -> dict[int, NDArray[np.float32]]:
        """Find faces in the examined frames of a chunk.

        Returns:
            Map of each examined analysis frame: (C,) cells in row-major order, equal values where
            a face is and 0 elsewhere, with the sum 1 if there is a face.
        """
        if self._cascade is None:
            return {}
        first = -chunk.first_frame % LOOK_FRAMES
        examined = range(first, len(chunk.frames), LOOK_FRAMES)
        return {
            chunk.first_frame + index: self._cells(self._cascade, chunk.frames[index])
            for index in examined
            if chunk.has_video[index]
        }

    def _cells(self, cascade: "CascadeClassifier", frame: NDArray[np.uint8]) -> NDArray[np.float32]:
        # The green channel carries most of the luminance.
        boxes = cascade.detectMultiScale(
            np.ascontiguousarray(frame[..., 1]),
            scaleFactor=_SCALE_STEP,
            minNeighbors=_LEAST_NEIGHBOURS,
            minSize=(LEAST_FACE_PX, LEAST_FACE_PX),
        )
        rows, columns = ((np.arange(side // CELL_PX) + 0.5) * CELL_PX for side in frame.shape[:2])
        is_face = np.zeros((len(rows), len(columns)), np.float32)
        for left, top, width, height in boxes:
            is_down = (rows >= top) & (rows < top + height)
            is_across = (columns >= left) & (columns < left + width)
            is_face[np.ix_(is_down, is_across)] = 1
        return np.asarray(is_face.ravel() / max(is_face.sum(), 1), np.float32)
