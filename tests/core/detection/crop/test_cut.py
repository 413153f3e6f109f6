import numpy as np

from core.detection.crop.cut import cut_squares
from core.detection.crop_plan import CENTRE, CropPlan, ShotSquare, Square, centre_square
from core.model.synchformer.inputs import centre_crop

FRAMES = np.random.default_rng(0).integers(0, 256, (4, 256, 454, 3), dtype=np.uint8)


def test_the_centre_is_the_published_crop_bit_for_bit() -> None:
    expected = centre_crop(FRAMES)
    named = CropPlan((ShotSquare(0, centre_square(454, 256)),))
    for plan in (CENTRE, CropPlan((ShotSquare(0, None),)), named):
        np.testing.assert_array_equal(cut_squares(FRAMES, 0, plan), expected)


def test_each_frame_is_cut_by_the_square_of_its_shot() -> None:
    plan = CropPlan((ShotSquare(0, None), ShotSquare(12, Square(230, 32))))
    cut = cut_squares(FRAMES, 10, plan)
    np.testing.assert_array_equal(cut[:2], centre_crop(FRAMES[:2]))
    np.testing.assert_array_equal(cut[2:], FRAMES[2:, 32:256, 230:454])


def test_other_sizes_are_scaled_to_the_same_side() -> None:
    plain = np.full((1, 256, 454, 3), 90, np.uint8)
    plain[:, :128, :128] = 200
    cut = cut_squares(plain, 0, CropPlan((ShotSquare(0, Square(0, 0, 128)),)))
    assert cut.shape == (1, 224, 224, 3)
    assert (cut == 200).all()
