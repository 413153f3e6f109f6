"""Description of a media file, as plain values."""

import math
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

from core.timing import VIDEO_FPS


@dataclass(frozen=True, slots=True)
class VideoStream:
    """A video stream of a file.

    Attributes:
        index: Position among all streams of the container.
        codec: FFmpeg's name, e.g. ``h264``.
        width_px: Stored width, before rotation.
        height_px: Stored height, before rotation.
        frame_rate: Average frame rate in frames/s, exact; None if unknown.
        time_base: Seconds per tick of the stream's timestamps.
        start_s: First presentation time on the container's own timeline, seconds.
        duration_s: Length in seconds; None if unknown.
        rotation_deg: Counter-clockwise rotation by players: 0, 90, 180 or 270.
        is_variable_rate: Whether average and base frame rate differ noticeably.
        is_attached_picture: Whether the stream is a still image such as a cover.
    """

    index: int
    codec: str
    width_px: int
    height_px: int
    frame_rate: Fraction | None
    time_base: Fraction
    start_s: float
    duration_s: float | None
    rotation_deg: int
    is_variable_rate: bool
    is_attached_picture: bool


@dataclass(frozen=True, slots=True)
class AudioStream:
    """An audio stream of a file; times as in VideoStream."""

    index: int
    codec: str
    sample_rate_hz: int
    n_channels: int
    time_base: Fraction
    start_s: float
    duration_s: float | None
    language: str


@dataclass(frozen=True, slots=True)
class OtherStream:
    """A subtitle, data or attachment stream, or one of an unknown codec."""

    index: int
    kind: str
    codec: str


@dataclass(frozen=True, slots=True)
class MediaInfo:
    """A probed file.

    Attributes:
        path: The file.
        container: FFmpeg's short name of the format, e.g. ``mov,mp4,m4a,3gp,3g2,mj2``.
        duration_s: Duration of the longest stream in seconds; 0 if unknown.
        size_bytes: Size of the file.
        videos: Video streams, in the order of the container.
        audios: Audio streams.
        others: All other streams.
    """

    path: Path
    container: str
    duration_s: float
    size_bytes: int
    videos: tuple[VideoStream, ...]
    audios: tuple[AudioStream, ...]
    others: tuple[OtherStream, ...]

    @property
    def video(self) -> VideoStream | None:
        """First video stream other than attached pictures; None if there is none."""
        return next((v for v in self.videos if not v.is_attached_picture), None)

    @property
    def frame_rate(self) -> Fraction | None:
        """Frame rate of the video in frames/s; None if unknown."""
        return self.video.frame_rate if self.video else None

    def sample_rate_hz(self, audio_stream_index: int) -> int | None:
        """Sample rate of an audio stream in Hz; None if there is no such stream."""
        rates = (a.sample_rate_hz for a in self.audios if a.index == audio_stream_index)
        return next(rates, None)

    @property
    def audio_choice(self) -> str:
        """List of the audio streams, as the second half of an error message."""
        indices = [str(stream.index) for stream in self.audios]
        if len(indices) > 1:
            return f"its audio streams are {', '.join(indices)}"
        return f"its only audio stream is {indices[0]}" if indices else "it has no sound"


def start_of(stream: VideoStream | AudioStream) -> Fraction:
    """First presentation time of a stream, in seconds, exact."""
    return round(Fraction(stream.start_s) / stream.time_base) * stream.time_base


def clip_start(video: VideoStream, audio: AudioStream) -> Fraction:
    """Clip time 0 on the container's own timeline, in seconds, exact.

    It is the earlier start of both streams, or up to one analysis frame before it, to put the first
    video frame on the 25 fps grid. Otherwise every frame of a 25 fps clip would be placed up to
    half a frame early or late. Both streams are placed relative to clip time 0, so the difference
    of their starts is part of the measured offset.
    """
    video_start, audio_start = start_of(video), start_of(audio)
    n_frames_before = max(math.ceil((video_start - audio_start) * VIDEO_FPS), 0)
    return video_start - Fraction(n_frames_before, VIDEO_FPS)
