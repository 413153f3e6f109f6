import numpy as np
import pytest

from core.detection.series import Series


def _counting(n: int) -> Series:
    series = Series()
    series.append(np.arange(n, dtype=np.float32))
    return series


def test_values_come_back_by_their_number() -> None:
    series = _counting(5)
    series.append(np.arange(5, 8, dtype=np.float32))
    assert series.get(3, 7).tolist() == [3, 4, 5, 6]


def test_what_is_not_there_is_zero() -> None:
    series = _counting(5)
    assert series.get(-2, 2).tolist() == [0, 0, 0, 1]
    assert series.get(3, 7).tolist() == [3, 4, 0, 0]
    assert series.get(8, 10).tolist() == [0, 0]
    assert Series().get(1, 3).tolist() == [0, 0]


@pytest.mark.parametrize(("before", "start"), [(-3, 0), (0, 0), (2, 2), (5, 5), (99, 5)])
def test_forgetting_keeps_the_numbers(before: int, start: int) -> None:
    series = _counting(5)
    series.forget(before)
    assert series.start == start
    series.append(np.array([5], np.float32))
    assert series.get(0, 6).tolist() == [0] * start + list(range(start, 6))


def test_nothing_can_be_forgotten_as_well() -> None:
    series = Series()
    series.forget(7)
    assert series.start == 0


def test_values_have_a_shape_and_a_first_number() -> None:
    series = Series()
    series.start = 40
    series.append(np.ones((2, 2, 3), np.float32))
    assert series.get(39, 43).sum(axis=(1, 2)).tolist() == [0, 6, 6, 0]


def test_what_was_given_out_can_be_changed() -> None:
    series = _counting(3)
    given = series.get(0, 3)
    given += 1
    assert series.get(0, 3).tolist() == [0, 1, 2]
