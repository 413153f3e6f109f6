from collections.abc import Sequence

import numpy as np
import pytest

from core.detection.signals.ring_buffer import Series


def _counting(n: int) -> Series:
    series = Series()
    series.append(np.arange(n, dtype=np.float32))
    return series


def test_values_are_found_by_position() -> None:
    series = _counting(5)
    series.append(np.arange(5, 8, dtype=np.float32))
    assert series.get(3, 7).tolist() == [3, 4, 5, 6]


def test_missing_values_are_zero() -> None:
    series = _counting(5)
    assert series.get(-2, 2).tolist() == [0, 0, 0, 1]
    assert series.get(3, 7).tolist() == [3, 4, 0, 0]
    assert series.get(8, 10).tolist() == [0, 0]
    assert Series().get(1, 3).tolist() == [0, 0]


def _in_pieces() -> Series:
    """Values 0 to 11 in four pieces of three."""
    series = Series()
    for i in range(0, 12, 3):
        series.append(np.arange(i, i + 3, dtype=np.float32))
    return series


@pytest.mark.parametrize(
    ("spans", "kept"),
    [
        ([(0, 12)], range(12)),
        ([(-9, 1)], range(3)),
        ([(3, 6)], range(3, 6)),
        ([(5, 7)], range(3, 9)),
        ([(2, 3), (10, 99)], [*range(3), *range(9, 12)]),
        ([(12, 99)], []),
        ([], []),
    ],
)
def test_only_pieces_that_touch_a_span_are_kept(
    spans: list[tuple[int, int]], kept: Sequence[int]
) -> None:
    series = _in_pieces()
    series.keep(*spans)
    assert series.get(0, 12).tolist() == [i if i in kept else 0 for i in range(12)]


def test_later_values_keep_their_position() -> None:
    series = _in_pieces()
    series.keep()
    series.append(np.array([5], np.float32))
    assert series.get(11, 14).tolist() == [0, 5, 0]


def test_shape_outlasts_the_values() -> None:
    series = Series()
    series.append(np.ones((2, 4), np.float32))
    series.keep()
    assert series.get(0, 3).shape == (3, 4)


def test_values_keep_their_shape_and_start() -> None:
    series = Series()
    series.end = 40
    series.append(np.ones((2, 2, 3), np.float32))
    assert series.get(39, 43).sum(axis=(1, 2)).tolist() == [0, 6, 6, 0]


def test_returned_values_are_a_copy() -> None:
    series = _counting(3)
    values = series.get(0, 3)
    values += 1
    assert series.get(0, 3).tolist() == [0, 1, 2]
