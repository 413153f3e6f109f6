"""How much of a stream is missing, for clips that are filled up where it is."""

from collections.abc import Iterator
from fractions import Fraction

from av.audio.frame import AudioFrame

from core.media.reader import FrameT, StreamReader, time_of

GAP_S = 0.02
"""Smallest step between timestamp and sample count that counts as missing audio."""


class Gaps:
    """Sum of the gaps between the frames of a stream.

    Attributes:
        missing_s: Time without frames, in seconds.
        is_damaged: Some part could not be decoded. Gaps without damage are intended: screen
            recordings hold a frame while nothing moves.
    """

    def __init__(self) -> None:
        self.missing_s = Fraction(0)
        self.is_damaged = False

    def watch(self, reader: StreamReader[FrameT], video_frame_s: Fraction) -> Iterator[FrameT]:
        """Yield all frames of a reader and add up the gaps.

        Args:
            reader: Reader at the begin of its stream.
            video_frame_s: Duration of a video frame in seconds; audio frames have their own.
        """
        end: Fraction | None = None
        for frame in reader.frames():
            begin = time_of(frame)
            if begin is not None:
                lasts_s, least_s = video_frame_s, video_frame_s / 2
                if isinstance(frame, AudioFrame):
                    lasts_s = Fraction(frame.samples, frame.sample_rate)
                    least_s = Fraction(GAP_S)
                if end is not None and begin - end > least_s:
                    self.missing_s += begin - end
                end = begin + lasts_s
            yield frame
        self.is_damaged = reader.n_damaged > 0 or bool(reader.failure)


def share_filled(video: Gaps, audio: Gaps, length_s: float) -> float:
    """Filled-in share of a damaged clip, the larger of video and audio; 0 without damage."""
    if not (video.is_damaged or audio.is_damaged) or not length_s:
        return 0.0
    return min(1.0, float(max(video.missing_s, audio.missing_s)) / length_s)
