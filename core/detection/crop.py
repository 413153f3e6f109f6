"""Where in the picture a network with a square view looks, shot by shot."""

from bisect import bisect_right
from dataclasses import dataclass

from core.model.config import FRAME_SIDE_PX


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


CENTRE = CropPlan()
