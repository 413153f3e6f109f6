import numpy as np
import pytest

from core.detection.evidence import OffsetEvidence
from synchformer_gui.views.timeline.heat_map import MAX_COLUMNS, HeatMap


def test_empty_map_knows_nothing() -> None:
    assert HeatMap(10.0).image(is_complete=False).size == 0


def test_brightest_row_is_the_likeliest_offset(evidence: tuple[OffsetEvidence, ...]) -> None:
    heat_map = HeatMap(10.0)
    heat_map.add(evidence)
    image = heat_map.image(is_complete=True)

    known = ~np.isnan(image).all(axis=0)
    assert known.mean() > 0.95
    rows = image[:, known].argmax(axis=0)
    assert heat_map.axis_s[rows] == pytest.approx(0.16)
    assert np.nanmax(image) == pytest.approx(1.0)


def test_map_fills_from_left_to_right(evidence: tuple[OffsetEvidence, ...]) -> None:
    heat_map = HeatMap(10.0)
    shares = []
    for one in evidence:
        heat_map.add((one,))
        shares.append((~np.isnan(heat_map.image(is_complete=False)[0])).mean())

    assert shares == sorted(shares)
    assert 0.2 < shares[0] < 0.3
    assert shares[-1] < 0.8


def test_order_of_arrival_does_not_matter(evidence: tuple[OffsetEvidence, ...]) -> None:
    forward, backward = HeatMap(10.0), HeatMap(10.0)
    forward.add(evidence)
    backward.add(evidence[::-1])

    np.testing.assert_array_equal(forward.image(is_complete=True), backward.image(is_complete=True))


def test_long_clips_keep_the_picture_small(evidence: tuple[OffsetEvidence, ...]) -> None:
    heat_map = HeatMap(7200.0)
    heat_map.add(evidence)

    assert heat_map.image(is_complete=True).shape[1] == MAX_COLUMNS
