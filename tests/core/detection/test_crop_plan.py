import pytest

from core.detection.config import DetectionConfig
from core.detection.crop_plan import (
    CENTRE,
    CROP_RULES,
    CropPlan,
    ShotSquare,
    Square,
    centre_square,
    joined_plans,
    plan_of,
    stated_square,
)


def test_plan_gives_the_square_of_the_shot() -> None:
    square = Square(8, 16)
    plan = CropPlan((ShotSquare(10, square), ShotSquare(20, None)))
    assert [plan.square_at(frame) for frame in (9, 10, 19, 20)] == [None, square, square, None]
    assert CENTRE.square_at(5) is None


def test_part_of_a_plan_is_what_is_seen_there() -> None:
    square = Square(8, 16)
    plan = CropPlan((ShotSquare(10, square), ShotSquare(20, None)))
    assert plan.between(0, 10) == plan.between(20, 30) == CENTRE
    assert plan.between(12, 20) == CropPlan((ShotSquare(12, square),))
    assert plan.between(12, 25) == CropPlan((ShotSquare(12, square), ShotSquare(20, None)))


def test_equal_neighbours_are_one_shot() -> None:
    square = Square(8, 16)
    shots = [ShotSquare(0, square), ShotSquare(5, square), ShotSquare(9, None)]
    assert plan_of(shots) == CropPlan((ShotSquare(0, square), ShotSquare(9, None)))
    assert plan_of([ShotSquare(0, None), ShotSquare(5, None)]) == CENTRE


def test_plans_of_pieces_follow_each_other() -> None:
    one, other, third = Square(0, 16), Square(8, 16), Square(16, 16)
    first = CropPlan((ShotSquare(0, one), ShotSquare(40, other), ShotSquare(90, one)))
    second = CropPlan((ShotSquare(0, third),))
    best, more = joined_plans([(0, (first,)), (80, (CENTRE, second)), (160, (second,))])
    assert [best.square_at(frame) for frame in (0, 40, 90, 160)] == [one, other, None, third]
    assert [more.square_at(frame) for frame in (0, 40, 90, 160)] == [one, other, third, third]
    assert joined_plans([(0, (CENTRE,)), (80, (CENTRE,))]) == (CENTRE,)


@pytest.mark.parametrize(
    ("crop", "size", "square"),
    [
        ("0.5,0.5,0.875", (454, 256), Square(115, 16, 224)),
        ("0.5,0.5,0.875", (256, 454), Square(16, 115, 224)),
        ("0,0,1", (454, 256), Square(0, 0, 256)),
        ("1, 1, 0.5", (256, 454), Square(128, 326, 128)),
        ("0.5,0.25,0.5", (256, 400), Square(64, 36, 128)),
    ],
)
def test_a_stated_square_lies_within_the_picture(
    crop: str, size: tuple[int, int], square: Square
) -> None:
    stated = stated_square(crop)
    assert stated is not None
    assert stated.within(*size) == square


@pytest.mark.parametrize("rule", CROP_RULES)
def test_rules_state_no_square(rule: str) -> None:
    assert stated_square(rule) is None
    assert DetectionConfig(crop=rule).crop == rule


@pytest.mark.parametrize(
    "crop",
    ["", "center", "AUTO", "0.5", "0.5,0.5", "0.5,0.5,0.5,0.5", "a,b,c", "0.5,0.5,0.05",
     "0.5,0.5,1.1", "-0.1,0.5,0.5", "0.5,1.5,0.5", "nan,0.5,0.5", "0.5,0.5,inf"],
)  # fmt: skip
def test_anything_else_is_refused(crop: str) -> None:
    with pytest.raises(ValueError, match=r"auto, centre, multi or x,y,s.*got"):
        DetectionConfig(crop=crop)


@pytest.mark.parametrize("size", [(454, 256), (256, 455), (341, 256), (256, 256), (257, 259)])
def test_centre_square_is_the_published_crop(size: tuple[int, int]) -> None:
    import numpy as np

    from core.model.synchformer.inputs import centre_crop

    width, height = size
    frame = np.arange(height * width).astype(np.uint8).reshape(1, height, width, 1)
    square = centre_square(width, height)
    rows, columns = (slice(start, start + 224) for start in (square.top_px, square.left_px))
    np.testing.assert_array_equal(centre_crop(frame), frame[:, rows, columns])
