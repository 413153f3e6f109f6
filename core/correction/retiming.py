"""Retiming of audio that one delay cannot correct: a piecewise linear map of times.

Times are seconds on the container's own timeline. `core.workflow.from_detection` makes the pieces
from a sync map; `core.correction.retime.stretch` applies them to the samples.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction
from typing import Self

from core.timing import LARGEST_STRETCH

LEAST_PIECE_S = Fraction(1, 10)
"""Shortest piece: room for the fades at both ends."""


@dataclass(frozen=True, slots=True)
class RetimedPiece:
    """A piece of audio with one linear map: time t of the source becomes `ratio` · t + `shift_s`.

    Attributes:
        begin_s: Beginning in the source; None for the beginning of the audio.
        end_s: End in the source; None for the end of the audio.
        ratio: Stretch factor; above 1 makes the piece longer.
        shift_s: Shift after the stretch, seconds.
    """

    begin_s: Fraction | None
    end_s: Fraction | None
    ratio: Fraction
    shift_s: Fraction

    def __post_init__(self) -> None:
        if not Fraction(1, LARGEST_STRETCH) <= self.ratio <= LARGEST_STRETCH:
            raise ValueError(
                f"sound becomes at most {LARGEST_STRETCH} times as long or short, got {self.ratio}"
            )
        if self.begin_s is not None and self.end_s is not None:
            length_s = self.end_s - self.begin_s
            if length_s < LEAST_PIECE_S:
                raise ValueError(
                    f"a piece lasts {float(LEAST_PIECE_S)} s at least, got {float(length_s)}"
                )

    def target_of(self, time_s: Fraction) -> Fraction:
        """Time in the target of a moment of the source; the line continues beyond the piece."""
        return self.ratio * time_s + self.shift_s

    def source_of(self, time_s: Fraction) -> Fraction:
        """Time in the source of a moment of the target."""
        return (time_s - self.shift_s) / self.ratio


@dataclass(frozen=True, slots=True)
class Retiming:
    """New times for all audio of a stream.

    Between two pieces, audio of the source may be cut out and silence may open in the target; no
    audio is played twice.

    Attributes:
        pieces: Pieces in order of time.
        keeps_pitch: Whether stretched audio keeps its pitch, at the price of accuracy. Otherwise
            the pitch follows, right after a wrong rate has changed both.
    """

    pieces: tuple[RetimedPiece, ...]
    keeps_pitch: bool = False

    def __post_init__(self) -> None:
        if not self.pieces:
            raise ValueError("a retiming has one piece at least, got none")
        for before, after in zip(self.pieces, self.pieces[1:], strict=False):
            if before.end_s is None or after.begin_s is None:
                raise ValueError("only the first and the last piece are open")
            is_ordered = before.end_s <= after.begin_s
            if not is_ordered or before.target_of(before.end_s) > after.target_of(after.begin_s):
                raise ValueError(f"pieces follow each other, got {before} before {after}")

    @property
    def is_stretched(self) -> bool:
        """Whether any piece gets longer or shorter."""
        return any(piece.ratio != 1 for piece in self.pieces)

    @property
    def is_rough(self) -> bool:
        """Whether it is stretched with its pitch kept, and so placed approximately only."""
        return self.keeps_pitch and self.is_stretched

    def target_of(self, time_s: Fraction) -> Fraction:
        """Time in the target of a moment of the source, also of audio that is cut out."""
        for piece in self.pieces[:-1]:
            if piece.end_s is not None and time_s < piece.end_s:
                return piece.target_of(time_s)
        return self.pieces[-1].target_of(time_s)

    @classmethod
    def stretched(cls, ratio: Fraction, fixed_s: Fraction, *, keeps_pitch: bool = False) -> Self:
        """Retiming that stretches all audio around one fixed moment."""
        piece = RetimedPiece(None, None, ratio, (1 - ratio) * fixed_s)
        return cls((piece,), keeps_pitch)

    @classmethod
    def moved(cls, delays_s: Sequence[Fraction], changes_s: Sequence[Fraction]) -> Self:
        """Retiming with a delay for each piece.

        Where the delay falls, audio would overlap: the earlier piece ends and the later one begins
        at the change. Where it grows, a gap opens around the change.

        Args:
            delays_s: Delays of the pieces, in order.
            changes_s: Times of the changes in the video; one fewer than delays.

        Raises:
            ValueError: The changes are out of order or too close to each other.
        """
        ends_s: list[Fraction | None] = []
        begins_s: list[Fraction | None] = [None]
        for change_s, before_s, after_s in zip(changes_s, delays_s[:-1], delays_s[1:], strict=True):
            middle_s = change_s - (before_s + after_s) / 2
            ends_s.append(min(change_s - before_s, middle_s))
            begins_s.append(max(change_s - after_s, middle_s))
        pieces = (
            RetimedPiece(begin_s, end_s, Fraction(1), delay_s)
            for begin_s, end_s, delay_s in zip(begins_s, [*ends_s, None], delays_s, strict=True)
        )
        return cls(tuple(pieces))
