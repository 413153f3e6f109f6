import re

import pytest

from synchformer_gui.wording.line_breaks import breakable, unbroken


@pytest.mark.parametrize("text", ["/" + "x" * 100 + "/y.mp4 is damaged", "C:\\\\" + "x" * 100])
def test_long_names_can_be_broken_and_nothing_is_lost(text):
    broken = breakable(text)

    assert broken.replace("\N{ZERO WIDTH SPACE}", "") == text
    assert max(map(len, re.split("[\N{ZERO WIDTH SPACE} ]", broken))) <= 41


def test_numbers_stay_with_their_units():
    assert unbroken("late ± 10 ms at 25 fps") == (
        "late ±\N{NO-BREAK SPACE}10\N{NO-BREAK SPACE}ms at 25\N{NO-BREAK SPACE}fps"
    )
