from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from core.detection.engines.classical import ClassicalEngine
from core.detection.evidence import (
    ClassLogits,
    OffsetEvidence,
    evidence_from_classes,
    offset_axis,
)
from core.detection.windows import Window
from core.model.synchformer.offset_classes import OFFSET_GRID_S
from training.benchmark.estimators import EngineEstimator, VariantsEstimator
from training.benchmark.trials import (
    ClipTask,
    Question,
    decided_class,
    plan_trials,
    run_clip,
)


@pytest.mark.parametrize("class_index", [0, 7, 10, 20])
def test_the_class_that_holds_most_probability_is_decided(class_index: int) -> None:
    axis = offset_axis(2.1)
    centre_s = float(OFFSET_GRID_S[class_index])
    log_likelihood = -0.5 * ((axis - centre_s) / 0.05) ** 2
    # A needle elsewhere is more probable than any single offset of the class.
    log_likelihood[150 if class_index != 4 else 0] = 0.5
    evidence = OffsetEvidence(Window(0, 0), axis, log_likelihood.astype(np.float32), 0.02)
    assert decided_class(evidence) == class_index


def test_a_model_with_classes_decides_by_its_logits() -> None:
    logits = np.zeros(21, np.float32)
    logits[13] = 2
    evidence = evidence_from_classes(Window(0, 0), ClassLogits(0.0, logits), 2.1)
    assert decided_class(evidence) == 13


def test_offsets_depend_on_seed_and_name_alone() -> None:
    task = ClipTask(Path("a/clip.mp4"), "scene")
    same = ClipTask(Path("b/clip.mp4"), "other")
    assert plan_trials(task, 10.0, 3) == plan_trials(same, 10.0, 3)
    assert plan_trials(task, 10.0, 3) != plan_trials(task, 10.0, 4)


def test_all_classes_are_asked_for_where_wanted_and_far_offsets_of_long_clips() -> None:
    task = ClipTask(Path("clip.mp4"), "scene", foreign=(Path("other.mp4"),), all_classes=True)
    short, long = plan_trials(task, 19.9, 0), plan_trials(task, 20.0, 0)
    classes = [t.offset_s for t in short if t.question is Question.CLASS]
    np.testing.assert_allclose(classes, OFFSET_GRID_S, atol=1e-6)
    free = [t.offset_s for t in short if t.question is Question.FREE]
    assert len(free) == 10
    assert max(map(abs, free)) <= 1.9
    assert [t.foreign for t in short if t.foreign] == [Path("other.mp4")]
    assert all(t.question is not Question.FAR for t in short)
    far = [t.offset_s for t in long if t.question is Question.FAR]
    assert len(far) == 10
    assert max(map(abs, far)) > 2.1


def test_long_clips_can_serve_far_offsets_alone() -> None:
    task = ClipTask(Path("clip.mp4"), "scene", only_far=True)
    assert [t.question for t in plan_trials(task, 24.0, 0)] == [Question.FAR]


def test_known_shifts_of_a_clip_are_found_by_engine_and_variants(
    make_clip: Callable[..., Path],
) -> None:
    task = ClipTask(
        make_clip(seed=1), "flashes", foreign=(make_clip("other.mp4", seed=2, duration_s=8.0),)
    )
    estimators = (EngineEstimator("classical", ClassicalEngine()), VariantsEstimator())
    outcomes = run_clip(task, estimators, seed=0)
    assert len(outcomes) == 3 * 4
    for outcome in outcomes:
        assert outcome.group == "flashes"
        assert outcome.clip == "clip.mp4"
        n_distances = len(outcome.window_distances)
        assert n_distances == (
            len(outcome.window_errors_s) if outcome.question is Question.CLASS else 0
        )
        if outcome.question is Question.FOREIGN:
            continue
        assert abs(outcome.error_s) <= 0.1, outcome.estimator
        assert abs(outcome.class_distance) <= 1
        assert np.median(np.abs(outcome.window_errors_s)) <= 0.1


def test_an_estimator_is_not_asked_for_offsets_beyond_its_range(
    make_clip: Callable[..., Path],
) -> None:
    task = ClipTask(make_clip(duration_s=21.0), "flashes", only_far=True)
    narrow = EngineEstimator("classical", ClassicalEngine(max_range_s=2.0))
    assert run_clip(task, (narrow,), seed=0) == ()
    (outcome,) = run_clip(task, (EngineEstimator("classical", ClassicalEngine()),), seed=0)
    assert outcome.question is Question.FAR
    assert outcome.error_s == pytest.approx(0, abs=0.1)
