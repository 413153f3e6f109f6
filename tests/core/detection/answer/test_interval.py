import numpy as np
import pytest

from core.detection.answer.interval import (
    are_disjoint,
    central_interval,
    shortest_interval,
    widened,
)
from core.detection.evidence import offset_axis


def test_shortest_interval_of_a_normal_posterior_has_the_normal_width() -> None:
    axis = offset_axis(2.0)
    posterior = np.exp(-0.5 * ((axis - 0.4) / 0.1) ** 2)
    low, high = shortest_interval(axis, posterior / posterior.sum(), 0.9)
    assert (low, high) == pytest.approx((0.4 - 0.1645, 0.4 + 0.1645), abs=0.01)


def test_shortest_interval_leaves_a_small_second_peak_out() -> None:
    axis = offset_axis(2.0)
    posterior = np.exp(-0.5 * ((axis - 0.4) / 0.05) ** 2)
    posterior += 0.05 * np.exp(-0.5 * ((axis + 1.5) / 0.05) ** 2)
    low, high = shortest_interval(axis, posterior / posterior.sum(), 0.9)
    assert 0.2 < low < high < 0.6


def test_shortest_interval_of_all_probability_is_the_range() -> None:
    axis = offset_axis(0.1)
    low, high = shortest_interval(axis, np.full(len(axis), 1 / len(axis)), 1.0)
    assert (low, high) == pytest.approx((-0.105, 0.105))


def test_central_interval_cuts_both_tails_equally() -> None:
    values = np.arange(1000.0).reshape(10, 100)[::-1]
    low, high = central_interval(values, np.full(values.shape, 1e-3), 0.9)
    assert (low, high) == pytest.approx((50, 950), abs=2)


def test_interval_keeps_a_margin_around_its_centre() -> None:
    assert widened((0.1, 0.4), 0.2, 0.15) == pytest.approx((0.05, 0.4))


def test_intervals_with_a_common_value_are_not_disjoint() -> None:
    assert not are_disjoint((0.0, 0.2), (0.2, 0.3))
    assert are_disjoint((0.0, 0.2), (0.3, 0.4))
    assert are_disjoint((0.3, 0.4), (0.0, 0.2))
