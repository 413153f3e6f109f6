from pathlib import Path

import numpy as np
import pytest
from numpy.typing import NDArray

from core.detection.answer.estimate import estimate_offset
from core.detection.calibration.fit import fit, measure_response
from core.detection.calibration.trials import CONFIG, OFFSETS_S, ClipTrials, Trial
from core.detection.engines.synchformer.class_response import (
    DEFAULT_RESPONSE,
    DISTANCES_S,
    ClassResponse,
    fused_likelihood,
    response_of,
    sub_grid,
)
from core.detection.evidence import ClassLogits, OffsetEvidence, offset_axis
from core.detection.windows import Window
from core.errors import DetectionError
from core.model.synchformer.offset_classes import OFFSET_GRID_S

BIAS_S = 0.03
N_WINDOWS = 4
HOP_FRAMES = 32


def _trial(
    rng: np.random.Generator, offset_s: float, response: ClassResponse, bias_s: float = 0.0
) -> Trial:
    """Trial of a classifier with a bias, jitter between windows, and misleading windows."""
    clip_s = rng.normal(0, 0.01)
    evidence = []
    for index in range(N_WINDOWS):
        apparent_s = offset_s + BIAS_S - bias_s + clip_s + rng.normal(0, 0.02)
        if rng.random() < 0.08:
            apparent_s = rng.uniform(-2, 2)
        own = rng.normal(0, 0.5, 21)
        answers = []
        for shift in sub_grid(0.04):
            logits = -np.abs(OFFSET_GRID_S - apparent_s - shift) / 0.06
            logits += own + rng.normal(0, 0.5, 21)
            answers.append(ClassLogits(shift, logits.astype(np.float32)))
        window = Window(index, 2 + HOP_FRAMES * index)
        evidence.append(
            OffsetEvidence(
                window,
                offset_axis(2.0),
                fused_likelihood(answers, response, 2.0),
                response.resolution_s,
                ClassLogits(0.0, answers[2].logits),
                evaluations=tuple(answers),
            )
        )
    return Trial(offset_s, tuple(evidence))


def _clips(rng: np.random.Generator, n_clips: int) -> list[ClipTrials]:
    return [
        ClipTrials(Path("clip.mp4"), tuple(_trial(rng, o, DEFAULT_RESPONSE) for o in OFFSETS_S))
        for _ in range(n_clips)
    ]


def _intervals(
    rng: np.random.Generator, n: int, response: ClassResponse, bias_s: float
) -> NDArray[np.float64]:
    """Offset and interval, (N, 3), of the right answers among n clips."""
    found = []
    for offset_s in rng.uniform(-1.6, 1.6, n):
        estimate = estimate_offset(_trial(rng, offset_s, response, bias_s).evidence, CONFIG)
        if abs(estimate.offset_s - offset_s) <= 0.2:
            found.append((offset_s, *estimate.interval_s))
    return np.array(found)


@pytest.mark.slow
def test_calibrated_intervals_of_other_clips_have_the_stated_coverage() -> None:
    rng = np.random.default_rng(5)
    found = fit(_clips(rng, 60), "")
    offset_s, low, high = _intervals(rng, 600, response_of(found), found.bias_s).T
    assert len(offset_s) > 570
    assert 0.87 <= np.mean((low <= offset_s) & (offset_s <= high)) <= 0.93


def test_calibration_finds_the_bias_and_narrows_the_intervals() -> None:
    rng = np.random.default_rng(5)
    found = fit(_clips(rng, 10), "")
    assert found.n_clips == 10
    assert found.bias_s == pytest.approx(BIAS_S, abs=0.012)
    assert 0.001 < found.bias_error_s < 0.01
    assert 0.03 < found.lapse < 0.2
    _, low, high = _intervals(rng, 40, response_of(found), found.bias_s).T
    _, low_before, high_before = _intervals(rng, 40, DEFAULT_RESPONSE, BIAS_S).T
    assert np.median(high - low) < np.median(high_before - low_before) / 2


def test_measured_response_has_the_peak_of_the_classifier() -> None:
    rng = np.random.default_rng(6)
    trials = [trial for clip in _clips(rng, 6) for trial in clip.trials]
    curve = np.array(measure_response(trials, BIAS_S).curve)
    assert abs(DISTANCES_S[curve.argmax()]) <= 0.05
    near, far = np.abs(DISTANCES_S) < 0.05, np.abs(DISTANCES_S) > 0.3
    assert curve[near].mean() > 20 * curve[far].mean()


def test_four_clips_are_too_few() -> None:
    clips = _clips(np.random.default_rng(7), 4)
    with pytest.raises(DetectionError, match=r"needs 5 or more clips.* only 4 of 5 have one"):
        fit([*clips, ClipTrials(Path("broken.mp4"), (), "broken.mp4 cannot be read.")], "")
