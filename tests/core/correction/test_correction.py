from fractions import Fraction

import pytest

from core.correction.correction import Correction


def test_a_negative_stream_index_is_refused() -> None:
    with pytest.raises(ValueError, match="got -1"):
        Correction((-1,), Fraction(1))
