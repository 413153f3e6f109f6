from dataclasses import replace

import pytest

from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.classical import ClassicalEngine
from core.detection.result import Coverage, Stop
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.timing import TimeSpan
from synchformer_gui.wording.coverage import coverage_sentence, part_sentence

FORTY_SECONDS = (TimeSpan(0.0, 20.0), TimeSpan(500.0, 520.0))


@pytest.fixture
def ten_minutes(make_clip):
    analyzed = detect(make_clip(offset_s=0.3, duration_s=6.0), ClassicalEngine())
    return replace(analyzed, info=replace(analyzed.info, duration_s=600.0))


def test_the_whole_goes_without_saying(ten_minutes):
    assert coverage_sentence(ten_minutes) == ""


@pytest.mark.parametrize(
    ("stop", "why"),
    [(Stop.PRECISE, "because the margin is ± 70 ms."), (Stop.BUDGET, "at the time limit.")],
)
def test_why_less_was_analyzed_is_told(ten_minutes, stop, why):
    analyzed = replace(ten_minutes, coverage=Coverage(FORTY_SECONDS, stop))
    assert coverage_sentence(analyzed) == f"Analyzed 0:40 of 10:00; stopped {why}"


def test_a_margin_that_cannot_be_reached_is_told(ten_minutes):
    analyzed = replace(
        ten_minutes,
        config=DetectionConfig(until_s=0.02),
        coverage=Coverage(FORTY_SECONDS, Stop.PRECISE),
    )
    assert coverage_sentence(analyzed).endswith("± 70 ms, about as narrow as it can get.")


def test_no_margin_is_told_where_the_offset_changes(ten_minutes):
    around = (0.29, 0.31)
    pieces = tuple(
        Piece(TimeSpan(start_s, start_s + 300), 0.3, 0.3, around, around) for start_s in (0, 300)
    )
    analyzed = replace(
        ten_minutes,
        coverage=Coverage(FORTY_SECONDS, Stop.PRECISE),
        sync_map=SyncMap(MapKind.JUMPS, pieces),
    )
    assert coverage_sentence(analyzed).endswith("of 10:00; stopped because the answer is clear.")


def test_what_a_correction_rests_on_is_told(ten_minutes):
    assert part_sentence(ten_minutes) == ""
    part = replace(ten_minutes, config=DetectionConfig(start_s=60.0, end_s=900.0))
    assert "on the part from 01:00.000 to 10:00.000 only" in part_sentence(part)


def test_a_part_is_named(ten_minutes):
    config = DetectionConfig(start_s=60.0, end_s=900.0)
    part = replace(ten_minutes, config=config)
    assert coverage_sentence(part) == "Analyzed only the part from 01:00.000 to 10:00.000."
    less = replace(part, coverage=Coverage(FORTY_SECONDS, Stop.BUDGET))
    assert coverage_sentence(less).startswith("Analyzed 0:40 of 9:00 from 01:00.000 to 10:00.000;")
