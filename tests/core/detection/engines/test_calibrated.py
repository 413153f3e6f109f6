from dataclasses import replace

import pytest

from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.calibrated import CalibratedEngine, bias_text
from core.detection.engines.classical import ClassicalEngine
from core.detection.engines.user_calibration import UserCalibration

FOUND = UserCalibration(n_clips=9, bias_s=0.1, bias_error_s=0.002, resolution_s=0.015)


def test_the_bias_is_taken_off_and_the_resolution_set(make_clip) -> None:
    clip = make_clip(offset_s=0.2, duration_s=6)
    bare = ClassicalEngine()
    engine = CalibratedEngine(bare, FOUND)
    before, after = (detect(clip, one, DetectionConfig()) for one in (bare, engine))
    moved_s = before.estimate.offset_s - after.estimate.offset_s
    assert moved_s == pytest.approx(0.1, abs=0.011)
    assert {item.resolution_s for item in after.evidence} == {0.015}
    assert after.opinion.engine_id == before.opinion.engine_id


def test_it_passes_for_the_engine_that_it_calibrates() -> None:
    bare = ClassicalEngine()
    engine = CalibratedEngine(bare, FOUND)
    for attribute in ("id", "max_range_s", "sees_square", "is_slow", "confidence_rule"):
        assert getattr(engine, attribute) == getattr(bare, attribute)


@pytest.mark.parametrize(
    ("bias_s", "words"),
    [
        (0.012, "calibrated: its bias of 12 ms towards early audio is taken off"),
        (-0.04, "calibrated: its bias of 40 ms towards late audio is taken off"),
        (0.0002, "calibrated, without bias"),
    ],
)
def test_a_bias_is_said_in_words(bias_s: float, words: str) -> None:
    assert bias_text(bias_s) == words
    name = CalibratedEngine(ClassicalEngine(), replace(FOUND, bias_s=bias_s)).name
    assert name == f"{ClassicalEngine().name} ({words})"
