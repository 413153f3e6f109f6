from fractions import Fraction

import pytest

from core.timing import (
    TOLERANCES,
    TimeSpan,
    delay_for,
    parse_delay,
    tolerance_named,
)


@pytest.mark.parametrize(
    ("text", "seconds"),
    [
        ("160", Fraction(160, 1000)),
        ("160ms", Fraction(160, 1000)),
        (" -7 ms ", Fraction(-7, 1000)),
        ("0.16s", Fraction(16, 100)),
        ("+.5s", Fraction(1, 2)),
        ("0.1ms", Fraction(1, 10000)),
        ("4f", Fraction(4 * 1001, 30000)),
        ("7056sa", Fraction(16, 100)),
        ("-1 sample", Fraction(-1, 44100)),
        ("100.5 samples", Fraction(201, 88200)),
    ],
)
def test_delays_are_read_exactly(text, seconds):
    assert parse_delay(text, Fraction(30000, 1001), 44100) == seconds


@pytest.mark.parametrize(
    "text", ["", "ms", "1m", "1,5", "nan", "inf", "1e3", "４f", "4 f f", "4 sam"]
)
def test_what_is_no_delay_is_refused_with_the_forms_that_are(text):
    with pytest.raises(ValueError, match=r"160, 160ms, 0\.16s, 4f or 7680sa"):
        parse_delay(text, Fraction(25))


def test_a_fraction_without_a_unit_is_not_guessed_at():
    with pytest.raises(ValueError, match=r"write 0\.16s or 0\.16ms"):
        parse_delay("0.16")


@pytest.mark.parametrize(("text", "counted"), [("4f", "frames"), ("4sa", "samples")])
def test_what_is_counted_needs_its_rate(text, counted):
    with pytest.raises(ValueError, match=f"counts {counted}, but their rate is not known"):
        parse_delay(text)


def test_early_audio_is_repaired_by_delaying_it():
    assert delay_for(0.16) == Fraction(16, 100)
    assert delay_for(-0.0400001) == Fraction(-4, 100)


@pytest.mark.parametrize("offset_s", [float("nan"), float("inf")])
def test_only_finite_offsets_can_be_repaired(offset_s):
    with pytest.raises(ValueError, match="finite"):
        delay_for(offset_s)


def test_tolerances_allow_more_lag_than_lead_and_include_their_borders():
    detectable = tolerance_named("bt1359")

    assert detectable is TOLERANCES[0]
    assert detectable.accepts(0.045)
    assert detectable.accepts(-0.125)
    assert detectable.accepts(0.02 + 0.025)
    assert not detectable.accepts(0.046)
    assert not detectable.accepts(-0.126)


def test_an_unknown_tolerance_is_answered_with_the_known_ones():
    with pytest.raises(ValueError, match="ebu-r37"):
        tolerance_named("ebu")


@pytest.mark.parametrize("text", ["40/60", " 40 / 60 ms", "40.0/60"])
def test_a_custom_tolerance_is_how_early_and_how_late(text):
    custom = tolerance_named(text)

    assert (custom.early_s, custom.late_s) == (0.04, 0.06)
    assert custom.name == "40/60"
    assert tolerance_named(custom.name) == custom


@pytest.mark.parametrize("text", ["0/0", "40/9999", "-40/60", "40", "/60", "40/60/80"])
def test_what_is_no_tolerance_is_refused(text):
    with pytest.raises(ValueError, match="tolerance"):
        tolerance_named(text)


def test_a_span_knows_its_centre_and_refuses_to_run_backwards():
    assert TimeSpan(1.0, 2.0).centre_s == 1.5
    with pytest.raises(ValueError, match="ends after it starts"):
        TimeSpan(2.0, 1.0)
