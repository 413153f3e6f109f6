"""The offset over the time of a clip: constant, drifting or in pieces; found by `search`."""

from dataclasses import dataclass
from enum import StrEnum

from core.timing import TimeSpan

Interval = tuple[float, float]
"""Lower and upper border."""


class MapKind(StrEnum):
    """What the offset does over time."""

    CONSTANT = "constant"
    DRIFT = "drift"
    JUMPS = "jumps"


class DriftCause(StrEnum):
    """What usually makes sound drift at the rate that was found; NONE if nothing matches."""

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
"""How many times as long as the picture the sound lasts, by cause, where that is exact."""


@dataclass(frozen=True, slots=True)
class Piece:
    """A stretch of the clip over which the offset changes evenly, or not at all.

    Attributes:
        span: Clip time that it covers.
        start_offset_s: Offset at its start; positive means that the audio is early.
        end_offset_s: Likewise at its end.
        start_interval_s: Holds the offset at its start with the level asked for.
        end_interval_s: Likewise at its end.
        start_margin_s: So far its start may lie from `span.start_s`, either way, at the same level;
            0 for the first piece.
    """

    span: TimeSpan
    start_offset_s: float
    end_offset_s: float
    start_interval_s: Interval
    end_interval_s: Interval
    start_margin_s: float = 0.0

    def offset_at(self, time_s: float) -> float:
        """Return the offset at a moment of clip time; the line goes on beyond the span."""
        if self.start_offset_s == self.end_offset_s:
            return self.start_offset_s
        share = (time_s - self.span.start_s) / self.span.duration_s
        return self.start_offset_s + share * (self.end_offset_s - self.start_offset_s)


@dataclass(frozen=True, slots=True)
class SyncMap:
    """The offset over the whole clip.

    Which correction follows: for a constant, a delay by the offset; for a drift, the sound made
    `stretch` times as long and then delayed by `delay_s`; for jumps, each piece delayed by its own
    offset.

    Attributes:
        kind: What the offset does.
        pieces: In order of time, without gaps; at least two for jumps, otherwise one. That of a
            drift ends where the offset leaves the range of the detection.
        drift_ppm: Change of the offset, in microseconds per second of clip time; 0 unless it
            drifts. Positive means that the sound runs too fast.
        drift_interval_ppm: Holds the drift with the level asked for.
        cause: What usually makes such a drift.
        confidence: Probability, 0..1, that the truth lies near the line, judged as that of any
            answer; of several pieces the least.
    """

    kind: MapKind
    pieces: tuple[Piece, ...]
    drift_ppm: float = 0.0
    drift_interval_ppm: Interval = (0.0, 0.0)
    cause: DriftCause = DriftCause.NONE
    confidence: float = 0.0

    @property
    def stretch(self) -> float:
        """How many times as long the sound has to become: exactly so for the cause, if known.

        An event seen at t is heard at t - offset(t), so sound that drifts by r lasts 1 - r times as
        long as the picture.
        """
        return 1 / AUDIO_LENGTHS.get(self.cause, 1 - self.drift_ppm * 1e-6)

    @property
    def delay_s(self) -> float:
        """The delay of the sound after `stretch` that puts it right in the middle of the clip."""
        middle_s = TimeSpan(self.pieces[0].span.start_s, self.pieces[-1].span.end_s).centre_s
        return middle_s - self.stretch * (middle_s - self.offset_at(middle_s))

    @property
    def corners(self) -> tuple[tuple[float, float], ...]:
        """Clip time and offset at the start and end of each piece: the line to draw."""
        return tuple(
            corner
            for piece in self.pieces
            for corner in (
                (piece.span.start_s, piece.start_offset_s),
                (piece.span.end_s, piece.end_offset_s),
            )
        )

    def offset_at(self, time_s: float) -> float:
        """Return the offset at a moment of clip time, before and after the pieces too."""
        for piece in self.pieces[:-1]:
            if time_s < piece.span.end_s:
                return piece.offset_at(time_s)
        return self.pieces[-1].offset_at(time_s)
