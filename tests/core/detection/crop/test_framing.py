import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.crop.framing import CENTRE_SHARE, best_squares, source_maps
from core.detection.crop.motion_map import ShotAction
from core.detection.crop_plan import Square, centre_square

WIDE = (454, 256)
ROWS, COLUMNS, N_LAGS = 16, 28, 51


def _source(*places: tuple[int, int, float]) -> NDArray[np.float64]:
    """Put probabilities on cells, (row, column, probability)."""
    source = np.zeros((ROWS, COLUMNS))
    for row, column, probability in places:
        source[row, column] = probability
    return source.ravel()


def _action(first_frame: int, cell: int, lag: int, log_likelihood: float) -> ShotAction:
    n_cells = ROWS * COLUMNS
    table = np.zeros((2, n_cells, N_LAGS), np.float32)
    table[0, cell, lag] = log_likelihood
    faces = np.zeros(n_cells, np.float32)
    return ShotAction(first_frame, np.ones((2, n_cells), np.float32), table, faces)


@pytest.mark.parametrize("likely", [1.0, 0.1])
@pytest.mark.parametrize(("more", "is_moved"), [(0.05, False), (-0.05, True)])
def test_square_leaves_the_centre_only_if_it_is_clearly_better(
    likely: float, more: float, is_moved: bool
) -> None:
    source = _source((8, 2, likely), (8, 18, (CENTRE_SHARE + more) * likely))
    found = best_squares(source, *WIDE, 1)
    assert (found != [centre_square(*WIDE)]) is is_moved


def test_a_face_is_looked_at_where_little_moves_with_the_sound() -> None:
    action = _action(0, 400, 20, 4.0)
    action.faces[5] = 0.9
    (source,) = source_maps([action])
    assert source[5] > 2 * source[400]


def test_a_face_does_not_outvote_what_clearly_moves_with_the_sound() -> None:
    action = _action(0, 400, 20, 30.0)
    action.faces[5] = 1.0
    (source,) = source_maps([action])
    assert source[400] > 0.9


def test_of_two_faces_the_one_that_moves_with_the_sound_is_looked_at() -> None:
    action = _action(0, 400, 20, 7.0)
    action.faces[[5, 400]] = 0.5
    (source,) = source_maps([action])
    assert source[400] > 2 * source[5]


def test_what_is_heard_comes_to_lie_in_the_middle_where_it_can() -> None:
    (square,) = best_squares(_source((8, 21, 1.0)), *WIDE, 1)
    assert square.left_px + 112 == pytest.approx(21.5 * 16, abs=8)
    assert best_squares(_source((8, 27, 1.0)), *WIDE, 1)[0].left_px == 454 - 224


def test_second_square_shows_what_the_first_leaves_out() -> None:
    source = _source((8, 2, 0.6), (8, 25, 0.3), (8, 14, 0.02))
    first, second = best_squares(source, *WIDE, 3)
    assert first.left_px < 32
    assert second.left_px + 224 > 25 * 16 + 16


def test_square_picture_can_only_be_shifted_a_little() -> None:
    (square,) = best_squares(np.eye(1, 256, 0).ravel(), 256, 256, 1)
    assert square == Square(0, 0)


def test_nothing_in_common_with_the_sound_speaks_for_no_cell() -> None:
    (source,) = source_maps([_action(0, 5, 20, 0.0)])
    assert source.sum() == pytest.approx(0.5)
    assert source.max() == pytest.approx(source.min())


def test_a_weak_shot_is_helped_by_the_lag_of_the_others() -> None:
    strong, weak = _action(0, 5, 20, 20.0), _action(100, 300, 20, 9.0)
    alone = source_maps([weak])[0][300]
    helped = source_maps([strong, weak])[1][300]
    hindered = source_maps([_action(0, 5, 40, 20.0), weak])[1][300]
    assert hindered <= alone < helped
