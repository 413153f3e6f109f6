import json

import pytest

from core.detection.crop.plan import CENTRE, CropPlan, ShotSquare, Square
from core.detection.crop.report import crop_from_json, crop_to_json


@pytest.mark.parametrize(
    "plan", [CENTRE, CropPlan((ShotSquare(0, None), ShotSquare(40, Square(8, 16, 128))))]
)
def test_plan_is_written_and_read_without_loss(plan: CropPlan) -> None:
    assert crop_from_json(json.loads(json.dumps(crop_to_json(plan)))) == plan
