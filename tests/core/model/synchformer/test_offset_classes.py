import numpy as np
import pytest
from numpy.typing import NDArray

from core.model.synchformer.offset_classes import OFFSET_GRID_S, class_of


@pytest.mark.golden
def test_class_centres_are_the_published_ones(goldens: dict[str, NDArray[np.float32]]) -> None:
    np.testing.assert_array_equal(OFFSET_GRID_S, goldens["grid/values"])


@pytest.mark.golden
def test_every_offset_falls_into_the_published_class(
    goldens: dict[str, NDArray[np.float32]],
) -> None:
    classes = [class_of(offset_s) for offset_s in goldens["grid/offsets"]]
    np.testing.assert_array_equal(classes, goldens["grid/class_of_offset"])


def test_no_offset_is_the_class_in_the_middle() -> None:
    assert class_of(0.0) == 10
    assert OFFSET_GRID_S[10] == 0
