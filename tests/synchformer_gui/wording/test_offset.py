import re
from dataclasses import replace
from fractions import Fraction

import pytest

from core.detection.result import OffsetEstimate, Reason, Verdict
from core.timing import TOLERANCES, parse_delay
from synchformer_gui.wording.offset import (
    delay_sentence,
    interval_text,
    margin_text,
    offset_text,
    tolerance_text,
)

PAL = Fraction(25)


def estimate(offset_s, verdict=Verdict.OUT_OF_SYNC, reason=Reason.NONE, half_s=0.01, **changes):
    made = OffsetEstimate(
        offset_s=offset_s,
        interval_s=(offset_s - half_s, offset_s + half_s),
        level=0.9,
        confidence=0.87,
        verdict=verdict,
        reason=reason,
        windows_used=17,
    )
    return replace(made, **changes)


@pytest.mark.parametrize(
    ("offset_s", "frame_rate", "text"),
    [
        (0.16, PAL, "160 ms early (4 frames at 25 fps)"),
        (-0.04, PAL, "40 ms late (1 frame at 25 fps)"),
        (0.1, Fraction(24000, 1001), "100 ms early (2.4 frames at 23.976 fps)"),
        (0.1, None, "100 ms early"),
        (0.0004, PAL, "on time"),
        (-0.0004, PAL, "on time"),
        (0.0005, None, "1 ms early"),
        (1.2345, PAL, "1235 ms early (30.9 frames at 25 fps)"),
    ],
)
def test_offsets_are_whole_milliseconds_and_tenths_of_frames(offset_s, frame_rate, text):
    assert offset_text(offset_s, frame_rate) == text


def test_the_margin_is_the_wider_side_rounded_up():
    uneven = estimate(0.16, interval_s=(0.1501, 0.1832))

    assert margin_text(uneven) == "± 24 ms"
    assert interval_text(uneven) == "150 to 183 ms early"


@pytest.mark.parametrize(
    ("interval_s", "text"),
    [
        ((-0.06, -0.04), "40 to 60 ms late"),
        ((-0.02, 0.035), "20 ms late to 35 ms early"),
        ((0.0, 0.02), "on time to 20 ms early"),
    ],
)
def test_intervals_name_both_borders(interval_s, text):
    assert interval_text(estimate(0.0, interval_s=interval_s)) == text


@pytest.mark.parametrize("delay", ["160", "-160ms", "0.16s", "-1s"])
def test_the_number_shown_is_the_delay_typed(delay):
    delay_s = parse_delay(delay)
    sentence = delay_sentence(delay_s)

    shown = re.search(r"(\d+) ms", sentence)
    assert shown
    sign = 1 if "delay audio by" in sentence else -1
    assert parse_delay(f"{sign * int(shown[1])}ms") == delay_s


def test_correction_sentences():
    assert delay_sentence(0.16) == "Correction: delay audio by 160 ms."
    assert delay_sentence(Fraction(-1, 25)) == "Correction: move audio 40 ms earlier."
    assert delay_sentence(0) == "Correction: none needed."
    assert delay_sentence(Fraction("0.0004")) == "Correction: delay audio by 0.4 ms."


@pytest.mark.parametrize("tolerance", TOLERANCES, ids=lambda t: t.name)
def test_every_tolerance_can_be_put_into_words(tolerance):
    assert re.fullmatch(r"\d+ ms early to \d+ ms late", tolerance_text(tolerance))
