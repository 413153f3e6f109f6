"""Where in the picture a network with a square view looks, shot by shot."""

from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.model.synchformer.dimensions import FRAME_SIDE_PX


@dataclass(frozen=True, slots=True)
class Square:
    """A square piece of the analysis picture, whose short side is 256 px.

    Attributes:
        left_px: Its first column.
        top_px: Its first row.
        side_px: Its width and height; scaled to 224 px if it is not that.
    """

    left_px: int
    top_px: int
    side_px: int = FRAME_SIDE_PX


@dataclass(frozen=True, slots=True)
class ShotSquare:
    """The square of a shot.

    Attributes:
        first_frame: Analysis frame at which the shot begins.
        square: None is the published centre crop.
    """

    first_frame: int
    square: Square | None


@dataclass(frozen=True, slots=True)
class CropPlan:
    """Squares over a clip.

    Attributes:
        shots: In order of time; before the first one, and with none at all, it is the centre.
    """

    shots: tuple[ShotSquare, ...] = ()

    def square_at(self, frame: int) -> Square | None:
        """Return the square of an analysis frame, None for the published centre crop."""
        position = bisect_right([shot.first_frame for shot in self.shots], frame)
        return self.shots[position - 1].square if position else None

    def between(self, first_frame: int, end_frame: int) -> "CropPlan":
        """Return the part for the analysis frames from the first to before the second."""
        inside = (shot for shot in self.shots if first_frame < shot.first_frame < end_frame)
        return plan_of([ShotSquare(first_frame, self.square_at(first_frame)), *inside])


CENTRE = CropPlan()


def plan_of(shots: Iterable[ShotSquare]) -> CropPlan:
    """Put squares of shots together; equal neighbours are one, and all centre is `CENTRE`."""
    kept: list[ShotSquare] = []
    for shot in shots:
        if not kept or kept[-1].square != shot.square:
            kept.append(shot)
    return CropPlan(tuple(kept)) if any(shot.square for shot in kept) else CENTRE


def joined_plans(parts: Sequence[tuple[int, Sequence[CropPlan]]]) -> tuple[CropPlan, ...]:
    """Put the plans of pieces of a clip together; a piece with fewer shows its first one again.

    Args:
        parts: The analysis frame at which each piece begins, in order of time, and its plans, at
            least one, the best one first.
    """
    ends = [first_frame for first_frame, _ in parts[1:]]
    found = []
    for rank in range(max((len(plans) for _, plans in parts), default=1)):
        shots: list[ShotSquare] = []
        for (first_frame, plans), end_frame in zip(parts, [*ends, None], strict=True):
            plan = plans[rank if rank < len(plans) else 0]
            shots.append(ShotSquare(first_frame, plan.square_at(first_frame)))
            shots += (
                shot
                for shot in plan.shots
                if shot.first_frame > first_frame
                and (end_frame is None or shot.first_frame < end_frame)
            )
        found.append(plan_of(shots))
    return tuple(found)


CROP_RULES = ("auto", "centre", "multi")
"""Names of the ways to choose a square; the fourth way is to state it as "x,y,s"."""

LEAST_SIDE = 0.1
"""Smallest square that may be stated, as a share of the short side: it is scaled up ninefold."""


@dataclass(frozen=True, slots=True)
class StatedSquare:
    """A square as users state it, whatever the size of the picture.

    Attributes:
        x: Its centre, as a share of the picture's width.
        y: Its centre, as a share of the picture's height.
        side: As a share of the picture's short side.
    """

    x: float
    y: float
    side: float

    def within(self, width_px: int, height_px: int) -> Square:
        """Return the square of an analysis picture that comes nearest to it."""
        side_px = round(self.side * min(width_px, height_px))
        left_px, top_px = (
            min(max(round(share * length_px - side_px / 2), 0), length_px - side_px)
            for share, length_px in ((self.x, width_px), (self.y, height_px))
        )
        return Square(left_px, top_px, side_px)


def stated_square(crop: str) -> StatedSquare | None:
    """Read where to look; None is one of the `CROP_RULES`.

    Raises:
        ValueError: It is neither a rule nor a square.
    """
    if crop in CROP_RULES:
        return None
    try:
        x, y, side = (float(part) for part in crop.split(","))
    except ValueError:
        x = y = side = -1.0
    if not (0 <= x <= 1 and 0 <= y <= 1 and LEAST_SIDE <= side <= 1):
        raise ValueError(
            "the square is auto, centre, multi or x,y,s: its centre as shares of width and height,"
            f" 0 to 1, and its side as a share of the short side, {LEAST_SIDE} to 1; got {crop!r}"
        )
    return StatedSquare(x, y, side)


def centre_square(width_px: int, height_px: int) -> Square:
    """Return the published centre crop of an analysis picture, rounded half to even as there."""
    left_px, top_px = (
        round((length_px - FRAME_SIDE_PX) / 2) for length_px in (width_px, height_px)
    )
    return Square(left_px, top_px)
