from dataclasses import replace

import numpy as np
import pytest

from core.detection.answer.confidence import ConfidenceFeatures, ConfidenceRule
from core.detection.answer.estimate import estimate_offset
from core.detection.answer.verdict import clip_verdict
from core.detection.config import DetectionConfig
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.result import Reason, Verdict
from core.detection.windows import Window
from core.timing import Tolerance

CONFIG = DetectionConfig(tolerance=Tolerance("test", "Test", 0.1, 0.1))
RULE = ConfidenceRule(-1.0, 0.5, 0.8, 0.6)
HOP_FRAMES = 8


def _evidence(
    offset_s: float | None,
    index: int = 0,
    *,
    hop_frames: int = HOP_FRAMES,
    resolution_s: float = 0.02,
    n_segments: int = 14,
    width_s: float = 0.02,
    depth: float = 20.0,
) -> OffsetEvidence:
    """Evidence with one peak, or flat evidence."""
    axis = offset_axis(2.0)
    log_likelihood = np.zeros_like(axis)
    if offset_s is not None:
        log_likelihood = np.maximum(-((axis - offset_s) ** 2) / (2 * width_s**2), -depth)
    window = Window(index, 2 + hop_frames * index, n_segments)
    return OffsetEvidence(window, axis, log_likelihood.astype(np.float32), resolution_s)


def _windows(*offsets_s: float | None, hop_frames: int = HOP_FRAMES) -> list[OffsetEvidence]:
    return [_evidence(o, i, hop_frames=hop_frames) for i, o in enumerate(offsets_s)]


def test_agreeing_windows_give_a_confident_answer() -> None:
    estimate = estimate_offset(_windows(*[0.4] * 20), CONFIG)
    assert estimate.offset_s == pytest.approx(0.4)
    assert estimate.confidence > 0.95
    assert estimate.verdict is Verdict.OUT_OF_SYNC
    assert estimate.reason is Reason.NONE
    assert estimate.windows_used == 20


def test_interval_inside_the_tolerance_is_in_sync() -> None:
    estimate = estimate_offset(_windows(*[0.02] * 5), CONFIG)
    assert estimate.verdict is Verdict.IN_SYNC


@pytest.mark.parametrize("offset_s", [0.1, -0.1])
def test_interval_across_the_tolerance_cannot_tell(offset_s: float) -> None:
    estimate = estimate_offset(_windows(*[offset_s] * 5), CONFIG)
    assert (estimate.verdict, estimate.reason) == (Verdict.CANNOT_TELL, Reason.TOO_COARSE)


@pytest.mark.parametrize("offset_s", [2.0, -2.0])
def test_answer_at_the_edge_of_the_range_may_lie_beyond(offset_s: float) -> None:
    estimate = estimate_offset(_windows(*[offset_s] * 20), CONFIG)
    assert (estimate.verdict, estimate.reason) == (Verdict.CANNOT_TELL, Reason.AT_EDGE)
    assert not estimate.is_confident


def test_flat_evidence_cannot_tell() -> None:
    estimate = estimate_offset(_windows(*[None] * 9), CONFIG)
    assert (estimate.verdict, estimate.reason) == (Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT)
    assert estimate.interval_s[1] - estimate.interval_s[0] > 3.5


def test_flat_windows_add_nothing() -> None:
    informative = _windows(0.4, 0.4, 0.4, hop_frames=120)
    flat = [_evidence(None, i, hop_frames=120) for i in range(3, 60)]
    estimate = estimate_offset([*informative, *flat], CONFIG)
    assert estimate.offset_s == pytest.approx(0.4)
    assert estimate.confidence > 0.9


def test_long_garbage_does_not_outvote_good_windows() -> None:
    rng = np.random.default_rng(0)
    garbage = [float(o) for o in rng.uniform(-1.9, 1.9, 200)]
    estimate = estimate_offset(_windows(*[0.4] * 20, *garbage, hop_frames=120), CONFIG)
    assert estimate.offset_s == pytest.approx(0.4, abs=0.02)
    assert estimate.confidence > 0.9


def test_long_garbage_alone_does_not_add_up_to_an_answer() -> None:
    rng = np.random.default_rng(1)
    garbage = [float(o) for o in rng.uniform(-1.9, 1.9, 400)]
    estimate = estimate_offset(_windows(*garbage, hop_frames=120), CONFIG)
    assert (estimate.verdict, estimate.reason) == (Verdict.CANNOT_TELL, Reason.DISAGREE)


def _among_others(others: list[OffsetEvidence]) -> list[OffsetEvidence]:
    """Put ten windows with a peak at 0.4 s among others that overlap them."""
    peaked = [_evidence(0.4, index) for index in range(20, 30)]
    return [*others[:20], *peaked, *others[30:]]


@pytest.mark.parametrize("n_others", [40, 350, 3000])
@pytest.mark.parametrize("depth", [0.0, 1.0])
def test_nearly_uninformative_windows_do_not_matter_however_many(
    n_others: int, depth: float
) -> None:
    alone = estimate_offset([_evidence(0.4, index) for index in range(20, 30)], CONFIG)
    others = [_evidence(-0.7, i, width_s=0.1, depth=depth) for i in range(n_others + 10)]
    estimate = estimate_offset(_among_others(others), CONFIG)
    assert estimate.offset_s == pytest.approx(0.4)
    assert estimate.interval_s == pytest.approx(alone.interval_s, abs=0.011)
    assert estimate.confidence == pytest.approx(alone.confidence, abs=0.01)


def test_weak_windows_that_contradict_each_other_do_not_outvote_good_ones() -> None:
    rng = np.random.default_rng(2)
    others = [
        _evidence(float(rng.uniform(-1.9, 1.9)), i, width_s=0.1, depth=1.5) for i in range(360)
    ]
    estimate = estimate_offset(_among_others(others), CONFIG)
    assert estimate.offset_s == pytest.approx(0.4, abs=0.02)
    assert estimate.verdict is Verdict.OUT_OF_SYNC


def test_weak_windows_that_agree_add_up_to_an_answer() -> None:
    weak = [_evidence(0.4, i, width_s=0.1, depth=2.0, hop_frames=120) for i in range(40)]
    estimate = estimate_offset(weak, CONFIG)
    assert estimate.offset_s == pytest.approx(0.4)
    assert estimate.is_confident
    assert not estimate_offset(weak[:1], CONFIG).is_confident


@pytest.mark.parametrize("n_windows", [60, 361])
@pytest.mark.parametrize("share", [0.3, 0.5, 0.7])
def test_two_parts_with_offsets_of_their_own_give_no_answer(n_windows: int, share: float) -> None:
    n_first = round(share * n_windows)
    estimate = estimate_offset(_windows(*[0.4] * n_first, *[-0.3] * (n_windows - n_first)), CONFIG)
    assert (estimate.verdict, estimate.reason) == (Verdict.CANNOT_TELL, Reason.DISAGREE)
    assert estimate.confidence < 0.75


def test_single_stray_window_does_not_make_windows_disagree() -> None:
    estimate = estimate_offset(_windows(*[0.4] * 30, -0.3, *[0.4] * 30), CONFIG)
    assert (estimate.verdict, estimate.reason) == (Verdict.OUT_OF_SYNC, Reason.NONE)


def test_slow_drift_within_the_neighbourhood_is_no_disagreement() -> None:
    drifting = [float(o) for o in np.linspace(0.36, 0.44, 100)]
    assert estimate_offset(_windows(*drifting), CONFIG).is_confident


def test_interval_that_spans_unlike_offsets_is_no_confident_answer() -> None:
    divided = replace(
        _evidence(0.4),
        log_likelihood=np.logaddexp(
            _evidence(0.4).log_likelihood, _evidence(-0.9).log_likelihood - 1.5
        ),
    )
    estimate = estimate_offset([divided], CONFIG)
    assert estimate.confidence > 0.7
    assert estimate.reason is Reason.NOT_CONFIDENT


def test_padded_windows_without_an_answer_are_too_short() -> None:
    flat = [_evidence(None, n_segments=3)]
    assert estimate_offset(flat, CONFIG).reason is Reason.TOO_SHORT
    assert estimate_offset([_evidence(0.4, n_segments=13)], CONFIG).is_confident


@pytest.mark.parametrize("reason", [Reason.DISAGREE, Reason.TOO_SHORT])
def test_doubts_about_the_evidence_are_no_confident_answers(reason: Reason) -> None:
    estimate = estimate_offset(_windows(0.4), CONFIG, reason=reason)
    assert not estimate.is_confident
    assert clip_verdict(estimate, None, Tolerance("wide", "Wide", 9.0, 9.0)).reason is reason


def test_padded_window_is_less_certain() -> None:
    full, padded = _evidence(0.4), _evidence(0.4, n_segments=3)
    confidences = [estimate_offset([item], CONFIG).confidence for item in (full, padded)]
    assert confidences[1] < confidences[0]


def test_interval_is_never_narrower_than_the_resolution() -> None:
    evidence = [_evidence(0.4, resolution_s=0.1)]
    low, high = estimate_offset(evidence, CONFIG).interval_s
    assert low <= 0.3 + 1e-9
    assert high >= 0.5 - 1e-9


def test_higher_level_gives_a_wider_interval() -> None:
    evidence = _windows(*[0.4] * 3)
    widths = []
    for level in (0.5, 0.95):
        low, high = estimate_offset(evidence, DetectionConfig(level=level)).interval_s
        widths.append(high - low)
    assert widths[0] < widths[1]


def test_given_reason_rules_out_an_answer() -> None:
    estimate = estimate_offset(_windows(0.4), CONFIG, reason=Reason.SILENCE)
    assert (estimate.verdict, estimate.reason) == (Verdict.CANNOT_TELL, Reason.SILENCE)


def test_synchronizability_is_the_mean_by_content() -> None:
    full, padded, silent = _evidence(0.4, 0), _evidence(0.4, 1, n_segments=7), _evidence(0.4, 2)
    scored = [replace(full, synchronizability=0.9), replace(padded, synchronizability=0.3)]
    estimate = estimate_offset([*scored, silent], CONFIG)
    assert estimate.synchronizability == pytest.approx(0.7)


def test_without_scores_there_is_no_synchronizability() -> None:
    assert estimate_offset(_windows(0.4, 0.4), CONFIG).synchronizability is None


def test_no_evidence_is_refused() -> None:
    with pytest.raises(ValueError, match="at least one window"):
        estimate_offset([], CONFIG)


def _second(offset_s: float | None) -> list[OffsetEvidence]:
    return [_evidence(offset_s, i) for i in range(3)]


def _scored(score: float) -> list[OffsetEvidence]:
    return [replace(item, synchronizability=score) for item in _windows(0.4, 0.4, 0.4)]


def test_agreement_of_the_second_opinion_raises_the_confidence_and_conflict_lowers_it() -> None:
    agreed, neutral, conflicting = (
        estimate_offset(_windows(0.4, 0.4), CONFIG, rule=RULE, second=second).confidence
        for second in (_second(0.4), (), _second(-1.0))
    )
    assert agreed > neutral > conflicting


def test_flat_second_opinion_is_as_good_as_none() -> None:
    with_flat, without = (
        estimate_offset(_windows(0.4), CONFIG, rule=RULE, second=second).confidence
        for second in (_second(None), ())
    )
    assert with_flat == pytest.approx(without)


def test_rule_takes_account_of_the_synchronizability() -> None:
    high, none, low = (
        estimate_offset(evidence, CONFIG, rule=RULE).confidence
        for evidence in (_scored(0.95), _windows(0.4, 0.4, 0.4), _scored(0.05))
    )
    assert high > none > low


def test_rule_does_not_move_the_answer() -> None:
    plain = estimate_offset(_scored(0.9), CONFIG)
    ruled = estimate_offset(_scored(0.9), CONFIG, rule=RULE, second=_second(0.4))
    assert ruled.offset_s == plain.offset_s


@pytest.mark.parametrize(("intercept", "is_wide"), [(-6.0, True), (-1.0, True), (2.5, False)])
def test_interval_reaches_as_far_as_the_rule_doubts(intercept: float, is_wide: bool) -> None:
    rule = ConfidenceRule(intercept, 0.0, 0.0, 0.0, least=0.5)
    estimate = estimate_offset(_windows(*[0.4] * 20), CONFIG, rule=rule)
    low, high = estimate.interval_s
    assert low <= 0.4 <= high
    assert (high - low > 1.0) == is_wide
    assert estimate.confidence == pytest.approx(rule.confidence(ConfidenceFeatures(0, 0, 0)))


def test_low_confidence_by_the_rule_cannot_tell() -> None:
    doubtful = ConfidenceRule(-9.0, 1.0, 0.0, 0.0)
    estimate = estimate_offset(_windows(*[0.4] * 20), CONFIG, rule=doubtful)
    assert (estimate.verdict, estimate.reason) == (Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT)
    assert estimate.offset_s == pytest.approx(0.4)


def test_without_a_rule_the_second_opinion_is_ignored() -> None:
    alone = estimate_offset(_windows(0.4), CONFIG)
    assert estimate_offset(_windows(0.4), CONFIG, second=_second(-1.0)) == alone


def test_another_tolerance_changes_the_verdict_only() -> None:
    estimate = estimate_offset(_windows(*[0.4] * 20), CONFIG)
    wide = clip_verdict(estimate, None, Tolerance("wide", "Wide", 0.6, 0.6))
    between = clip_verdict(estimate, None, Tolerance("between", "Between", 0.4, 0.4))
    assert (wide.verdict, wide.reason) == (Verdict.IN_SYNC, Reason.NONE)
    assert (between.verdict, between.reason) == (Verdict.CANNOT_TELL, Reason.TOO_COARSE)
    assert clip_verdict(between, None, CONFIG.tolerance) == estimate
    assert replace(wide, verdict=estimate.verdict) == estimate


@pytest.mark.parametrize("reason", [Reason.SILENCE, Reason.NO_MOTION])
def test_another_tolerance_does_not_remove_an_obstacle(reason: Reason) -> None:
    estimate = estimate_offset(_windows(*[0.4] * 20), CONFIG, reason=reason)
    found = clip_verdict(estimate, None, Tolerance("wide", "Wide", 0.6, 0.6))
    assert (found.verdict, found.reason) == (Verdict.CANNOT_TELL, reason)


def test_another_tolerance_does_not_make_an_answer_confident() -> None:
    estimate = estimate_offset(_windows(None, None), CONFIG)
    found = clip_verdict(estimate, None, Tolerance("wide", "Wide", 9.0, 9.0))
    assert (found.verdict, found.reason) == (Verdict.CANNOT_TELL, Reason.NOT_CONFIDENT)
