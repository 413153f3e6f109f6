from fractions import Fraction

import pytest

from core import units


@pytest.mark.parametrize(
    ("delay_s", "text"),
    [
        (Fraction(4, 25), "160 ms"),
        (-0.16, "160 ms"),
        (0.1 + 0.2, "300 ms"),
        (Fraction("0.0033"), "3.3 ms"),
        (Fraction("0.0004"), "0.4 ms"),
        (Fraction(4 * 1001, 30000), "133.467 ms"),
        (Fraction("9.9999"), "9999.9 ms"),
        (Fraction(-13), "13 s"),
        (Fraction("12.3456"), "12.3456 s"),
        (Fraction(1, 10_000_000), "less than 0.001 ms"),
        (Fraction(0), "0 ms"),
    ],
)
def test_delays_are_shown_as_they_are_applied(delay_s, text):
    assert units.delay_text(delay_s) == text


@pytest.mark.parametrize(
    ("seconds", "frame_rate", "text"),
    [
        (0.4, Fraction(25), "10 frames"),
        (-0.04, Fraction(25), "1 frame"),
        (0.399, Fraction(25), "10.0 frames"),
        (0.1, Fraction(24000, 1001), "2.4 frames"),
    ],
)
def test_frames_are_whole_only_where_they_are_exact(seconds, frame_rate, text):
    assert units.frames_text(seconds, frame_rate) == text


@pytest.mark.parametrize(
    ("n_bytes", "text"),
    [(324_532, "0.3 MB"), (2_312_500, "2.3 MB"), (949_990_952, "950 MB"), (1.13e9, "1.1 GB")],
)
def test_sizes_are_rounded_to_what_matters(n_bytes, text):
    assert units.size_text(n_bytes) == text


@pytest.mark.parametrize(
    ("position_s", "text"),
    [(0.0, "00:00.000"), (65.04, "01:05.040"), (59.9996, "01:00.000"), (3725.5, "1:02:05.500")],
)
def test_positions_are_shown_to_the_millisecond(position_s, text):
    assert units.clock_text(position_s) == text


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(0.2, "0:00"), (7, "0:07"), (65, "1:05"), (59.6, "1:00"), (3723, "1:02:03")],
)
def test_durations_read_like_a_clock(seconds, text):
    assert units.duration_text(seconds) == text
