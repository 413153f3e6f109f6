"""Where an engine looked, as a part of the JSON of a detection."""

from collections.abc import Mapping, Sequence
from typing import Any

from core.detection.crop.plan import CropPlan, ShotSquare, Square


def crop_to_json(plan: CropPlan) -> list[object]:
    """Write the squares of shots, null for the centre; an empty list is the centre all along."""
    return [
        {
            "first_frame": shot.first_frame,
            "square_px": [shot.square.left_px, shot.square.top_px, shot.square.side_px]
            if shot.square
            else None,
        }
        for shot in plan.shots
    ]


def crop_from_json(shots: Sequence[Mapping[str, Any]]) -> CropPlan:
    """Return the plan that was written.

    Raises:
        KeyError, TypeError: It is incomplete.
    """
    return CropPlan(
        tuple(
            ShotSquare(
                shot["first_frame"], Square(*shot["square_px"]) if shot["square_px"] else None
            )
            for shot in shots
        )
    )
