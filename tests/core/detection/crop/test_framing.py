import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.crop.action import ShotAction
from core.detection.crop.framing import CLEARLY_BETTER, best_squares, source_maps
from core.detection.crop.plan import Square, centre_square

WIDE = (454, 256)
ROWS, COLUMNS, N_LAGS = 16, 28, 51


def _source(*places: tuple[int, int, float]) -> NDArray[np.float64]:
    """Put probabilities on cells, (row, column, probability)."""
    source = np.zeros((ROWS, COLUMNS))
    for row, column, probability in places:
        source[row, column] = probability
    return source.ravel()


def _action(first_frame: int, cell: int, lag: int, log_likelihood: float) -> ShotAction:
    table = np.zeros((ROWS * COLUMNS, N_LAGS), np.float32)
    table[cell, lag] = log_likelihood
    return ShotAction(first_frame, np.ones(ROWS * COLUMNS, np.float32), table)


@pytest.mark.parametrize(("more", "is_moved"), [(-0.05, False), (0.05, True)])
def test_square_leaves_the_centre_only_if_it_is_clearly_better(more: float, is_moved: bool) -> None:
    gain = CLEARLY_BETTER + more
    found = best_squares(_source((8, 2, gain), (8, 14, 0.0)), *WIDE, 1)
    assert (found != [centre_square(*WIDE)]) is is_moved


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
