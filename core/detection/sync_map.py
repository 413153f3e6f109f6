"""Sync map: the offset over the time of a clip, constant, drifting or jumping."""

from dataclasses import dataclass
from enum import StrEnum

from core.timing import TimeSpan

Interval = tuple[float, float]
"""Lower and upper end."""


class MapKind(StrEnum):
    """Course of the offset over time."""

    CONSTANT = "constant"
    DRIFT = "drift"
    JUMPS = "jumps"


class DriftCause(StrEnum):
    """Usual cause of a drift rate; NONE if no known cause matches."""

    NONE = ""
    NTSC_AS_WHOLE = "29.97 fps taken for 30"
    WHOLE_AS_NTSC = "30 fps taken for 29.97"
    FILM_AS_PAL = "24 fps taken for 25"
    PAL_AS_FILM = "25 fps taken for 24"
    NTSC_FILM_AS_PAL = "23.976 fps taken for 25"
    PAL_AS_NTSC_FILM = "25 fps taken for 23.976"
    CD_AS_VIDEO = "44.1 kHz taken for 48"
    VIDEO_AS_CD = "48 kHz taken for 44.1"
    CLOCK = "clocks of different speed"


AUDIO_LENGTHS = {
    DriftCause.NTSC_AS_WHOLE: 1001 / 1000,
    DriftCause.WHOLE_AS_NTSC: 1000 / 1001,
    DriftCause.FILM_AS_PAL: 25 / 24,
    DriftCause.PAL_AS_FILM: 24 / 25,
    DriftCause.NTSC_FILM_AS_PAL: 25 * 1001 / 24000,
    DriftCause.PAL_AS_NTSC_FILM: 24000 / 1001 / 25,
    DriftCause.CD_AS_VIDEO: 44.1 / 48,
    DriftCause.VIDEO_AS_CD: 48 / 44.1,
}
"""Length of the audio relative to the video, by cause, if exact."""


@dataclass(frozen=True, slots=True)
class Piece:
    """Part of the clip with a constant or linearly changing offset.

    Attributes:
        span: Clip time.
        start_offset_s: Offset at the start; positive if the audio is early.
        end_offset_s: Offset at the end.
        start_interval_s: Interval of the offset at the start.
        end_interval_s: Interval of the offset at the end.
        start_margin_s: Half-width of the interval of the start time around `span.start_s`; 0 for
            the first piece.
    """

    span: TimeSpan
    start_offset_s: float
    end_offset_s: float
    start_interval_s: Interval
    end_interval_s: Interval
    start_margin_s: float = 0.0

    def offset_at(self, time_s: float) -> float:
        """Offset at a moment of clip time; the line is extended beyond the span."""
        if self.start_offset_s == self.end_offset_s:
            return self.start_offset_s
        share = (time_s - self.span.start_s) / self.span.duration_s
        return self.start_offset_s + share * (self.end_offset_s - self.start_offset_s)


@dataclass(frozen=True, slots=True)
class SyncMap:
    """Offset over the whole clip.

    The correction of a constant offset is a delay by the offset. The correction of a drift makes
    the audio `stretch` times as long and then delays it by `delay_s`. For jumps, each piece is
    delayed by its own offset.

    Attributes:
        kind: Course of the offset.
        pieces: Pieces in order of time, without gaps; at least two for jumps, otherwise one. The
            piece of a drift ends once the offset leaves the range of the detection.
        drift_ppm: Change of the offset, in microseconds per second of clip time; 0 without drift.
            Positive if the audio runs too fast.
        drift_interval_ppm: Interval of the drift.
        cause: Usual cause of the drift.
        confidence: Probability, 0..1, of a true offset near the line, as in `OffsetEstimate`; the
            smallest one of several pieces.
    """

    kind: MapKind
    pieces: tuple[Piece, ...]
    drift_ppm: float = 0.0
    drift_interval_ppm: Interval = (0.0, 0.0)
    cause: DriftCause = DriftCause.NONE
    confidence: float = 0.0

    @property
    def stretch(self) -> float:
        """Factor by which the audio has to become longer; exact for a known cause.

        An event seen at t is heard at t - offset(t), so with a drift of r the audio lasts 1 - r
        times as long as the video.
        """
        return 1 / AUDIO_LENGTHS.get(self.cause, 1 - self.drift_ppm * 1e-6)

    @property
    def delay_s(self) -> float:
        """Delay of the audio after `stretch`, correct in the middle of the clip."""
        middle_s = TimeSpan(self.pieces[0].span.start_s, self.pieces[-1].span.end_s).centre_s
        return middle_s - self.stretch * (middle_s - self.offset_at(middle_s))

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Clip time and offset at the start and end of each piece, for drawing."""
        return tuple(
            corner
            for piece in self.pieces
            for corner in (
                (piece.span.start_s, piece.start_offset_s),
                (piece.span.end_s, piece.end_offset_s),
            )
        )

    def offset_at(self, time_s: float) -> float:
        """Offset at a moment of clip time, also before and after the pieces."""
        for piece in self.pieces[:-1]:
            if time_s < piece.span.end_s:
                return piece.offset_at(time_s)
        return self.pieces[-1].offset_at(time_s)
