"""Video of a clip on the analysis clock: 25 fps, short side 256 px, rotation applied."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from av.error import FFmpegError
from av.video.frame import VideoFrame
from av.video.reformatter import Interpolation, VideoReformatter
from numpy.typing import NDArray

from core.errors import MediaError
from core.media.info import MediaInfo, VideoStream
from core.media.reader import StreamReader, time_of
from core.timing import VIDEO_FPS

SHORT_SIDE_PX = 256
"""Short side of frames, as in the training of Synchformer."""

LONG_SIDE_PX = 8 * SHORT_SIDE_PX
"""Largest long side; wider frames, cropped to the middle, would fill the memory."""

_STEP_S = Fraction(1, VIDEO_FPS)


class _Timed(NamedTuple):
    time: Fraction
    frame: VideoFrame


class VideoGrid:
    """Nearest frame in time for each point of the 25 fps grid.

    Holding the last frame instead would make video half a frame late on average.
    """

    def __init__(
        self,
        reader: StreamReader[VideoFrame],
        info: MediaInfo,
        stream: VideoStream,
        zero: Fraction,
        first_frame: int,
    ) -> None:
        """Go to the first wanted grid point.

        Args:
            reader: The opened stream.
            info: The file.
            stream: Description of the stream.
            zero: Clip time 0 on the file's timeline, in seconds.
            first_frame: First analysis frame.

        Raises:
            MediaError: No frame can be decoded.
        """
        self._reader = reader
        self._path = info.path
        self._stream = stream
        self._zero = zero
        self._next_frame = first_frame
        self._reformatter = VideoReformatter()
        self._rgb: NDArray[np.uint8] | None = None
        self._frames, first = self._begin(zero + first_frame * _STEP_S)
        if first is None:
            raise MediaError(
                f"{info.path.name} has a picture ({stream.codec}) that cannot be decoded; "
                "export it again.",
                path=info.path,
                details=reader.failure,
            )
        self._current = first
        self._following = next(self._frames, None)
        self._begin_time = first.time
        # Frames keep the size of the first one if the stream changes its size.
        size = (first.frame.width, first.frame.height)
        self._scaled_size = _scaled_size(*size)
        is_scaled = self._scaled_size != size
        self._columns, self._rows = (_kept(side, is_scaled) for side in self._scaled_size)

    @property
    def end_time(self) -> Fraction:
        """End of the last frame decoded so far, on the file's timeline, in seconds."""
        current = self._current
        if current.frame.duration and current.frame.time_base:
            return current.time + current.frame.duration * current.frame.time_base
        return current.time + 1 / (self._stream.frame_rate or Fraction(VIDEO_FPS))

    @property
    def at_end(self) -> bool:
        """Whether the current frame is the last one."""
        return self._following is None

    def held(self) -> NDArray[np.uint8]:
        """Last frame read, or the next one if none was read yet; (H, W, 3) uint8.

        Raises:
            MediaError: Its pixel format or size cannot be converted.
        """
        if self._rgb is None:
            return self._frame_at(self._zero + self._next_frame * _STEP_S)
        return self._rgb

    def read(self, n_frames: int) -> tuple[NDArray[np.uint8], NDArray[np.bool_], int]:
        """Read the following grid points.

        Returns:
            frames: (n_frames, H, W, 3) uint8 RGB; outside of the video, its nearest frame.
            has_video: (n_frames,) bool, False outside of the video.
            n_left: Number of these points before the end of the video.

        Raises:
            MediaError: The pixel format or size of a frame cannot be converted.
        """
        frames: NDArray[np.uint8] | None = None
        has_video = np.zeros(n_frames, np.bool_)
        for i in range(n_frames):
            time = self._zero + (self._next_frame + i) * _STEP_S
            rgb = self._frame_at(time)
            if frames is None:
                frames = np.empty((n_frames, *rgb.shape), np.uint8)
            frames[i] = rgb
            has_video[i] = time >= self._begin_time - _STEP_S / 2 and (
                not self.at_end or time < self.end_time
            )
        n_left = n_frames
        if self.at_end:
            end_frame = math.ceil((self.end_time - self._zero) / _STEP_S)
            n_left = min(max(end_frame - self._next_frame, 0), n_frames)
        self._next_frame += n_frames
        if frames is None:
            raise ValueError(f"at least one frame is read, got {n_frames}")
        return frames, has_video, n_left

    def _frame_at(self, time: Fraction) -> NDArray[np.uint8]:
        while self._following is not None and (
            abs(self._following.time - time) < abs(self._current.time - time)
        ):
            self._current = self._following
            self._following = next(self._frames, None)
            self._rgb = None
        if self._rgb is None:
            self._rgb = self._convert(self._current.frame)
        return self._rgb

    def _convert(self, frame: VideoFrame) -> NDArray[np.uint8]:
        width, height = self._scaled_size
        # Without a change of size this is VideoFrame.to_rgb, byte for byte.
        interpolation = (
            None if (frame.width, frame.height) == (width, height) else Interpolation.BICUBIC
        )
        try:
            rgb = self._reformatter.reformat(
                frame, width=width, height=height, format="rgb24", interpolation=interpolation
            ).to_ndarray()
        except FFmpegError as error:
            raise MediaError(
                f"{self._path} has a picture ({frame.format.name}, {frame.width}x{frame.height})"
                " that cannot be converted to RGB; export it in a usual format.",
                path=self._path,
                details=str(error),
            ) from error
        kept = rgb[self._rows, self._columns]
        return np.rot90(kept, self._stream.rotation_deg // 90).astype(np.uint8, copy=False)

    def _begin(self, wanted: Fraction) -> tuple[Iterator[_Timed], _Timed | None]:
        """Decode from a frame at or before the wanted time on.

        Frames before the first key frame behind a seek are left out: they may refer to frames that
        were not decoded. If a container seeks roughly and lands too late, the seek is repeated
        further back, in the end from the beginning.

        Returns:
            Following frames, and the first frame; None if there is none.
        """
        start = Fraction(self._stream.start_s)
        if wanted > start:
            back = Fraction(0)
            while wanted - back > start and self._reader.seek(wanted - back):
                frames = self._ordered()
                first = next((f for f in frames if f.frame.key_frame), None)
                if first is not None and first.time <= wanted:
                    return frames, first
                back = 2 * back + 1
            self._reader.rewind()
        frames = self._ordered()
        return frames, next(frames, None)

    def _ordered(self) -> Iterator[_Timed]:
        """Yield frames in strictly rising order; a frame without a time follows the one before."""
        last: Fraction | None = None
        for frame in self._reader.frames():
            time = time_of(frame)
            if time is None:
                rate = self._stream.frame_rate or Fraction(VIDEO_FPS)
                time = Fraction(self._stream.start_s) if last is None else last + 1 / rate
            if last is not None and time <= last:
                self._reader.n_damaged += 1
                continue
            last = time
            yield _Timed(time, frame)


def _scaled_size(width: int, height: int) -> tuple[int, int]:
    """Size with a short side of 256 px, rounded down as FFmpeg's scale filter does."""
    short = min(width, height)
    return width * SHORT_SIDE_PX // short, height * SHORT_SIDE_PX // short


def _kept(side: int, is_scaled: bool) -> slice:
    """Crop of a side to its middle; scaled sides become even, as in the published evaluation.

    The middle does not move: the networks see it.
    """
    n_kept = min(side // 2 * 2 if is_scaled else side, LONG_SIDE_PX)
    first = (side - n_kept) // 2
    return slice(first, first + n_kept)
