"""How much of a stream is missing, for clips that are filled up where it is."""

from collections.abc import Iterator
from fractions import Fraction

from av.audio.frame import AudioFrame

from core.media.reader import FrameT, StreamReader, time_of

GAP_S = 0.02
"""Timestamps that leave the count of samples by more mean that sound is missing."""


class Gaps:
    """Adds up the gaps between the frames of a stream.

    Attributes:
        missing_s: Time between frames, in seconds, beyond what frames last.
        is_damaged: Whether something could not be decoded. Without that, gaps are as the clip was
            made: screen recordings hold a picture for as long as nothing moves.
    """

    def __init__(self) -> None:
        self.missing_s = Fraction(0)
        self.is_damaged = False

    def watch(self, reader: StreamReader[FrameT], video_start_s: Fraction) -> Iterator[FrameT]:
        """Yield all frames of a reader.

        Args:
            reader: At the beginning of its stream.
            video_start_s: How long a picture lasts, in seconds; sound tells itself.
        """
        end: Fraction | None = None
        for frame in reader.frames():
            begin = time_of(frame)
            if begin is not None:
                lasts_s, least_s = video_start_s, video_start_s / 2
                if isinstance(frame, AudioFrame):
                    lasts_s = Fraction(frame.samples, frame.sample_rate)
                    least_s = Fraction(GAP_S)
                if end is not None and begin - end > least_s:
                    self.missing_s += begin - end
                end = begin + lasts_s
            yield frame
        self.is_damaged = reader.n_damaged > 0 or bool(reader.failure)


def share_filled(video: Gaps, audio: Gaps, length_s: float) -> float:
    """Return which share of a damaged clip is filled in, of picture or sound; 0 of others."""
    if not (video.is_damaged or audio.is_damaged) or not length_s:
        return 0.0
    return min(1.0, float(max(video.missing_s, audio.missing_s)) / length_s)
