"""Crop plan: square of the frame analyzed by networks with a square view, shot by shot."""

import math
from bisect import bisect_right
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from core.model.synchformer.dimensions import FRAME_SIDE_PX


@dataclass(frozen=True, slots=True)
class Square:
    """Square of the analysis frame, measured at a short side of 256 px.

    Attributes:
        left_px: First column.
        top_px: First row.
        side_px: Width and height; scaled to 224 px for the network.
    """

    left_px: int
    top_px: int
    side_px: int = FRAME_SIDE_PX


@dataclass(frozen=True, slots=True)
class ShotSquare:
    """The square of a shot.

    Attributes:
        first_frame: First analysis frame of the shot.
        square: The square; None is the published centre crop.
    """

    first_frame: int
    square: Square | None


@dataclass(frozen=True, slots=True)
class CropPlan:
    """Squares over a clip.

    Attributes:
        shots: Squares in order of time; the centre crop before the first one.
    """

    shots: tuple[ShotSquare, ...] = ()

    def square_at(self, frame: int) -> Square | None:
        """Square of an analysis frame; None for the published centre crop."""
        position = bisect_right([shot.first_frame for shot in self.shots], frame)
        return self.shots[position - 1].square if position else None

    def between(self, first_frame: int, end_frame: int) -> "CropPlan":
        """Part of the plan from `first_frame` to before `end_frame`."""
        return plan_of(self.shots_between(first_frame, end_frame))

    def shots_between(self, first_frame: int, end_frame: float) -> list[ShotSquare]:
        """Squares of the shots from `first_frame` to before `end_frame`."""
        inside = (shot for shot in self.shots if first_frame < shot.first_frame < end_frame)
        return [ShotSquare(first_frame, self.square_at(first_frame)), *inside]


CENTRE = CropPlan()


def plan_of(shots: Iterable[ShotSquare]) -> CropPlan:
    """Join squares of shots; equal neighbours are merged, and only centre crops give `CENTRE`."""
    kept: list[ShotSquare] = []
    for shot in shots:
        if not kept or kept[-1].square != shot.square:
            kept.append(shot)
    return CropPlan(tuple(kept)) if any(shot.square for shot in kept) else CENTRE


def joined_plans(parts: Sequence[tuple[int, Sequence[CropPlan]]]) -> tuple[CropPlan, ...]:
    """Join the plans of chunks of a clip; a chunk with fewer plans repeats its first one.

    Args:
        parts: First analysis frame and plans of each chunk, in order of time; at least one plan
            each, the best one first.
    """
    ends = [*(first_frame for first_frame, _ in parts[1:]), math.inf]
    found = []
    for rank in range(max((len(plans) for _, plans in parts), default=1)):
        shots: list[ShotSquare] = []
        for (first_frame, plans), end_frame in zip(parts, ends, strict=True):
            plan = plans[rank if rank < len(plans) else 0]
            shots += plan.shots_between(first_frame, end_frame)
        found.append(plan_of(shots))
    return tuple(found)


CROP_RULES = ("auto", "centre", "multi")
"""Crop rules by name; a fourth rule is a square given as "x,y,s"."""

LEAST_SIDE = 0.1
"""Side of the smallest square allowed, relative to the short side; scaled up ninefold."""


@dataclass(frozen=True, slots=True)
class StatedSquare:
    """Square given by the user, relative to the size of the frame.

    Attributes:
        x: Centre, relative to the width.
        y: Centre, relative to the height.
        side: Side, relative to the short side of the frame.
    """

    x: float
    y: float
    side: float

    def within(self, width_px: int, height_px: int) -> Square:
        """Nearest square of an analysis frame."""
        side_px = round(self.side * min(width_px, height_px))
        left_px, top_px = (
            min(max(round(share * length_px - side_px / 2), 0), length_px - side_px)
            for share, length_px in ((self.x, width_px), (self.y, height_px))
        )
        return Square(left_px, top_px, side_px)


def stated_square(crop: str) -> StatedSquare | None:
    """Read a crop rule; None for one of the `CROP_RULES`, else its square.

    Raises:
        ValueError: The text is neither a rule nor a square.
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
    """Published centre crop of an analysis frame, rounded half to even as in the publication."""
    left_px, top_px = (
        round((length_px - FRAME_SIDE_PX) / 2) for length_px in (width_px, height_px)
    )
    return Square(left_px, top_px)
