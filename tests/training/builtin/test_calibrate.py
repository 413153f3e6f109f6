from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import torch

from core.detection.answer.confidence import ConfidenceFeatures, ConfidenceRule
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.windows import Window
from core.errors import Cancelled, MediaError
from core.model.builtin.file import BuiltinModel, read_builtin
from core.progress import SILENT, Progress
from training.builtin.calibrate import (
    LEVEL,
    MOST_WRONG,
    RESOLUTIONS_S,
    Case,
    Question,
    Span,
    _fit_rule,
    calibrate,
    fit_evidence_weight,
    fit_least,
    fit_resolution,
    fit_spread_share,
    fit_temperature,
)
from training.builtin.calibrate import _spans as _interval_spans

TRUE_RULE = ConfidenceRule(-0.8, 0.6, 0.9, 0.4)


def _honest(n: int = 6000, n_lags: int = 9) -> tuple[torch.Tensor, torch.Tensor]:
    """Draw logits, and truths with the probabilities that the logits state."""
    source = torch.Generator().manual_seed(0)
    logits = 1.5 * torch.randn(n, n_lags, generator=source)
    full = torch.nn.functional.pad(logits, (0, 1)).softmax(1)
    return logits, torch.multinomial(full, 1, generator=source)[:, 0]


def test_honest_logits_keep_their_temperature() -> None:
    assert fit_temperature(*_honest()) == pytest.approx(1.0, abs=0.06)


@pytest.mark.parametrize("factor", [2.0, 0.7])
def test_temperature_undoes_too_much_and_too_little_confidence(factor: float) -> None:
    logits, truth = _honest()
    assert fit_temperature(factor * logits, truth) == pytest.approx(factor, rel=0.06)


def _cases(n: int = 4000) -> list[Case]:
    """Draw signs, and answers that are right as often as TRUE_RULE says."""
    rng = np.random.default_rng(1)
    cases = []
    for row in rng.normal(0, 2.5, (n, 3)).clip(-6, 6):
        signs = ConfidenceFeatures(*map(float, row))
        is_right = rng.random() < TRUE_RULE.confidence(signs)
        cases.append(Case(signs, 0.01 if is_right else float(rng.choice([0.9, np.inf]))))
    return cases


def test_rule_is_found_again() -> None:
    found = ConfidenceRule(*_fit_rule(_cases()))
    assert found.intercept == pytest.approx(TRUE_RULE.intercept, abs=0.15)
    assert found.own == pytest.approx(TRUE_RULE.own, abs=0.1)
    assert found.synchronizability == pytest.approx(TRUE_RULE.synchronizability, abs=0.1)
    assert found.second == pytest.approx(TRUE_RULE.second, abs=0.1)


def test_stated_confidence_is_how_often_answers_are_right() -> None:
    cases = _cases()
    rule = ConfidenceRule(*_fit_rule(cases[:2000]))
    stated = np.array([rule.confidence(case.signs) for case in cases[2000:]])
    right = np.array([case.is_right for case in cases[2000:]])
    for low in np.arange(0, 1, 0.2):
        inside = (stated >= low) & (stated < low + 0.2)
        assert inside.sum() > 50
        assert right[inside].mean() == pytest.approx(stated[inside].mean(), abs=0.06)


def test_rule_stays_finite_where_the_signs_decide_everything() -> None:
    cases = [
        Case(ConfidenceFeatures(value, value, value), 0.0 if value > 0 else np.inf)
        for value in (-6.0, -2.0, 2.0, 6.0)
        for _ in range(20)
    ]
    rule = ConfidenceRule(*_fit_rule(cases))
    assert np.isfinite([rule.intercept, rule.own, rule.synchronizability, rule.second]).all()
    assert rule.confidence(ConfidenceFeatures(6, 6, 6)) > 0.99
    assert rule.confidence(ConfidenceFeatures(-6, -6, -6)) < 0.01


def _spans(
    error_s: float, widths_s: tuple[float, float] = (0.0, 0.0), spread_s: float = 0.0
) -> list[Span]:
    errors_s = np.random.default_rng(2).normal(0, error_s, 2000)
    return [Span(float(error_s), widths_s, spread_s) for error_s in errors_s]


def test_resolution_grows_with_the_errors() -> None:
    found = [fit_resolution(_spans(error_s)) for error_s in (0.004, 0.01, 0.02, 0.04)]
    assert found == sorted(set(found))
    # 90 % of a normal distribution lie within 1.645 standard deviations.
    assert found[1] == pytest.approx(0.01645, abs=0.005)
    assert found[2] == pytest.approx(0.0329, abs=0.005)


def test_resolution_holds_the_truth_as_often_as_the_level_says() -> None:
    spans = _spans(0.02)
    resolution_s = fit_resolution(spans)
    assert np.mean([abs(span.error_s) <= resolution_s for span in spans]) >= LEVEL - 0.005


def test_intervals_that_are_wide_enough_need_no_resolution() -> None:
    assert fit_resolution(_spans(0.02, (0.05, 0.05))) == RESOLUTIONS_S[0]


def test_interval_reaches_from_the_answer_to_the_truth_on_the_right_side() -> None:
    # The truth lies below an answer that is too high, so the lower half has to hold it.
    too_high, too_low = Span(0.06, (0.07, 0.0), 0.0), Span(-0.06, (0.0, 0.07), 0.0)
    assert fit_resolution([too_high, too_low]) == RESOLUTIONS_S[0]
    assert fit_resolution([replace(too_high, half_widths_s=(0.0, 0.07))]) > 0.05


def test_broad_peaks_widen_intervals_as_far_as_their_errors_ask() -> None:
    sharp, broad = _spans(0.01, spread_s=0.01), _spans(0.03, spread_s=0.03)
    # 90 % of a normal distribution lie within 1.645 standard deviations.
    assert fit_spread_share([broad], 0.01) == pytest.approx(1.645, abs=0.1)
    assert fit_spread_share([sharp, broad], 0.01) == pytest.approx(1.645, abs=0.1)
    assert fit_spread_share([sharp], 0.03) == 0.0


def test_each_group_counts_the_same() -> None:
    good, bad = _spans(0.01), _spans(0.03, spread_s=0.02)
    assert fit_spread_share([good, bad[:50]], 0.02) > fit_spread_share([good + bad[:50]], 0.02)


def test_without_an_answer_intervals_are_as_wide_as_can_be() -> None:
    assert fit_resolution([]) == RESOLUTIONS_S[-1]


def test_only_answers_that_are_given_to_own_sound_have_an_interval() -> None:
    sure, doubtful = (ConfidenceRule(x, 0.0, 0.0, 0.0, spread_share=1.0) for x in (4.0, 0.0))
    questions = [_question(0.4, 0.4, 0.42), _question(0.4, 0.4, np.inf)]
    (span,) = _interval_spans(questions, sure)
    assert span.error_s == pytest.approx(-0.02)
    assert 0.0 < sum(span.half_widths_s) < 0.4
    assert 0.03 < span.spread_s < 0.08
    assert not _interval_spans(questions, doubtful)


@pytest.fixture
def model(builtin_weights: Path) -> BuiltinModel:
    found = read_builtin(builtin_weights)
    return replace(found, calibration=replace(found.calibration, temperature=1.3))


class Counted:
    """Keeps what is reported and asks to stop in the end, if it should."""

    def __init__(self, left: int = 99) -> None:
        self.reported, self.left = list[Progress](), left

    def report(self, progress: Progress) -> None:
        self.reported.append(progress)

    def check(self) -> None:
        self.left -= 1
        if self.left < 0:
            raise Cancelled


def test_clips_are_turned_into_a_calibration(
    model: BuiltinModel, make_clip: Callable[..., Path]
) -> None:
    clips = [make_clip(f"{seed}.mp4", seed=seed, duration_s=5.2) for seed in range(2)]
    monitor = Counted()
    found = calibrate(model, clips[:1], clips[1:], 0, monitor)
    assert found.temperature == 1.3
    assert RESOLUTIONS_S[0] <= found.resolution_s <= 0.111
    assert len(found.confidence) == 7
    assert np.isfinite(found.confidence).all()
    assert [progress.fraction for progress in monitor.reported] == [0.5, 1.0]


def test_calibration_can_be_stopped(model: BuiltinModel) -> None:
    with pytest.raises(Cancelled):
        calibrate(model, [Path("never opened.mp4")], [], 0, Counted(left=0))


def test_calibration_names_a_file_that_cannot_be_read(model: BuiltinModel, tmp_path: Path) -> None:
    path = tmp_path / "broken.mp4"
    path.write_bytes(b"no clip")
    with pytest.raises(MediaError, match=r"broken\.mp4"):
        calibrate(model, [path], [], 0, SILENT)


def _question(own_s: float, second_s: float, offset_s: float) -> Question:
    axis = offset_axis(2.1)

    def opinion(peak_s: float) -> list[OffsetEvidence]:
        curve = 3 * np.exp(-((axis - peak_s) ** 2) / (2 * 0.05**2))
        return [OffsetEvidence(Window(0, 2), axis, curve.astype(np.float32), 0.0)]

    return Question(opinion(own_s), opinion(second_s), offset_s)


@pytest.mark.parametrize(("own_s", "second_s", "is_heeded"), [(1.0, 0.4, True), (0.4, 1.0, False)])
def test_second_opinion_weighs_what_it_is_worth(
    own_s: float, second_s: float, is_heeded: bool
) -> None:
    weight = fit_evidence_weight([_question(own_s, second_s, 0.4)])
    assert (weight > 1) == is_heeded
    assert is_heeded or weight == 0


def test_answers_are_withheld_until_hardly_any_is_wrong() -> None:
    cases = _cases()
    rule = ConfidenceRule(*_fit_rule(cases))
    least = fit_least(rule, cases)
    shifted = [case for case in cases if np.isfinite(case.error_s)]
    given = [case for case in shifted if rule.confidence(case.signs) >= least]
    assert 0.5 < least < 0.99
    assert np.mean([not case.is_right for case in given]) <= MOST_WRONG
    sooner = [case for case in shifted if rule.confidence(case.signs) >= 0.5]
    assert np.mean([not case.is_right for case in sooner]) > MOST_WRONG
