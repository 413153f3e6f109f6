"""Calibration of the built-in network on clips outside of its training."""

import functools
import multiprocessing
import tempfile
import zlib
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import astuple, dataclass, replace
from pathlib import Path

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from core.detection.answer.confidence import ConfidenceFeatures, ConfidenceRule
from core.detection.answer.estimate import confidence_features, estimate_offset
from core.detection.answer.posterior import clip_posterior, near_answer
from core.detection.config import DetectionConfig
from core.detection.engines.lag import NAME, LagEngine
from core.detection.evidence import OffsetEvidence, joined
from core.model.builtin.file import BuiltinModel, Calibration, read_builtin, write_builtin
from core.progress import Monitor, Progress
from training.benchmark.clips import read_audio, read_recording
from training.benchmark.estimators import EngineEstimator, use_one_thread
from training.benchmark.trials import NEAR_RANGE_S, NEAR_S

USUAL_S = 0.2
"""Largest offset of most real clips."""

RIGHT_S = 0.1
"""Largest error of a right answer."""

TEMPERATURES = np.geomspace(0.5, 3.0, 37)
RESOLUTIONS_S = np.arange(0.01, 0.11, 0.005)
EVIDENCE_WEIGHTS = (0.0, 0.25, 0.5, 0.75, 1.0, 1.5, 2.0, 2.5, 3.0, 4.0)
LEASTS = np.arange(0.5, 0.991, 0.01)
SPREAD_SHARES = np.arange(0.0, 3.01, 0.1)
MOST_WRONG = 0.02
"""Largest share of wrong answers among the confident ones."""

MOST_FOOLED = 0.03
"""Largest share of confident answers for unrelated audio, foreign or reversed."""

LEVEL = 0.9
CONFIG = DetectionConfig(range_s=NEAR_RANGE_S, level=LEVEL)

_RIDGE = 1e-2
_NEWTON_STEPS = 30


def fit_temperature(logits: torch.Tensor, truth: torch.Tensor) -> float:
    """Temperature with the largest likelihood of the truth.

    Args:
        logits: (N, L) of windows, foreign pairs included.
        truth: (N,) int64, index of the true lag; L for "unrelated".
    """
    losses = [float(F.cross_entropy(F.pad(logits, (0, 1)) / float(t), truth)) for t in TEMPERATURES]
    return float(TEMPERATURES[int(np.argmin(losses))])


@dataclass(frozen=True, slots=True)
class Case:
    """An answer for a clip with a known offset, or with unrelated audio.

    Attributes:
        signs: Signs for the answer, the inputs of the confidence rule.
        error_s: Answer minus truth; infinite with unrelated audio.
    """

    signs: ConfidenceFeatures
    error_s: float

    @property
    def is_right(self) -> bool:
        return abs(self.error_s) <= RIGHT_S


def calibrate(
    model: BuiltinModel,
    clips: Sequence[Path],
    unfamiliar: Sequence[Path],
    seed: int,
    monitor: Monitor,
    n_workers: int = 1,
) -> Calibration:
    """Fit the least width of intervals and the rule for the confidence to whole clips.

    Args:
        model: Model with its temperature.
        clips: Clips in sync of trained event types, but not trained on.
        unfamiliar: Clips in sync of other event types; intervals must hold the truth as often.
        seed: Seed of the offsets.
        monitor: Gets the progress; may cancel.
        n_workers: Number of processes.

    Raises:
        MediaError: A clip cannot be read.
        DetectionError: A clip is too short.
        Cancelled: The monitor asked to stop.
    """
    # A rule makes the second opinion run, also with a weight of 0 for it.
    neutral = ConfidenceRule(intercept=0.0, own=1.0, synchronizability=0.0, second=0.0)
    trial = replace(model.calibration, resolution_s=0.0, confidence=astuple(neutral))
    by_clip: list[list[Question]] = []
    all_clips = (*clips, *unfamiliar)
    # Half the list apart, as files of one event type are neighbours.
    far = max(1, len(all_clips) // 2)
    pairs = [
        (path, all_clips[(number + far) % len(all_clips)]) for number, path in enumerate(all_clips)
    ]
    monitor.check()
    with (
        tempfile.TemporaryDirectory(prefix="calibration-") as folder,
        ProcessPoolExecutor(
            n_workers, multiprocessing.get_context("spawn"), initializer=use_one_thread
        ) as pool,
    ):
        # Workers read the weights from a file; for tensors, a thread would keep serving them.
        weights = Path(folder) / "trial.safetensors"
        write_builtin(weights, replace(model, calibration=trial))
        try:
            ask = functools.partial(_questions, weights, seed)
            for number, found in enumerate(pool.map(ask, pairs), 1):
                by_clip.append(found)
                monitor.report(Progress("Calibrating", number / len(pairs)))
                monitor.check()
        finally:
            pool.shutdown(cancel_futures=True)
    questions = [question for of_clip in by_clip for question in of_clip]
    weight = fit_evidence_weight(questions)
    cases = [_case(question, weight) for question in questions]
    regression = _fit_rule(cases)
    least = fit_least(ConfidenceRule(*regression), cases)
    rule = ConfidenceRule(*regression, weight, least, spread_share=1.0)
    groups = [
        [span for of_clip in some for span in _spans(of_clip, rule)]
        for some in (by_clip[: len(clips)], by_clip[len(clips) :])
    ]
    resolution_s = fit_resolution(groups[0])
    rule = replace(rule, spread_share=fit_spread_share(groups, resolution_s))
    return replace(model.calibration, resolution_s=resolution_s, confidence=astuple(rule))


@dataclass(frozen=True, slots=True)
class Span:
    """Interval of a confident answer.

    Attributes:
        error_s: Answer minus truth.
        half_widths_s: Distances from the answer to the lower and the upper border, without a least
            width.
        spread_s: Mean spread of the windows.
    """

    error_s: float
    half_widths_s: tuple[float, float]
    spread_s: float

    def holds_truth(self, least_s: float, spread_share: float = 0.0) -> bool:
        """Test if the truth is inside the interval with a least half-width."""
        least_s = max(least_s, spread_share * self.spread_s)
        below_s, above_s = (max(width_s, least_s) for width_s in self.half_widths_s)
        return -above_s <= self.error_s <= below_s


@dataclass(frozen=True, slots=True, eq=False)
class Question:
    """Evidence of both opinions for a clip with a known offset.

    Attributes:
        evidence: Evidence of the model.
        second: Evidence of the second opinion.
        offset_s: True offset; infinite with unrelated audio.
    """

    evidence: Sequence[OffsetEvidence]
    second: Sequence[OffsetEvidence]
    offset_s: float


@functools.cache
def _engine(weights: Path) -> LagEngine:
    """Load the model, once in each process."""
    return LagEngine(read_builtin(weights))


def _questions(weights: Path, seed: int, pair: tuple[Path, Path]) -> list[Question]:
    """Analyze a clip with its own audio, shifted and reversed, and with foreign audio."""
    path, other = pair
    recording = read_recording(path)
    analyze = EngineEstimator(NAME, _engine(weights)).begin(recording)
    rng = np.random.default_rng([seed, zlib.crc32(path.name.encode())])
    offsets_s = [float(rng.uniform(-reach_s, reach_s)) for reach_s in (NEAR_S, USUAL_S)]
    audios = (
        *((recording.audio.shifted(offset_s), offset_s) for offset_s in offsets_s),
        (recording.audio.backwards(), np.inf),
        (read_audio(other).of_length(recording.n_frames), np.inf),
    )
    return [
        Question(found.evidence, found.second, truth_s)
        for audio, truth_s in audios
        for found in analyze(audio, CONFIG)
    ]


def fit_evidence_weight(questions: Sequence[Question]) -> float:
    """Weight of the second opinion with the largest likelihood of the truth, over whole clips."""
    true = [question for question in questions if np.isfinite(question.offset_s)]

    def loss(weight: float) -> float:
        total = 0.0
        for question in true:
            evidence = joined(question.evidence, question.second, weight)
            posterior = clip_posterior(evidence)
            near = np.abs(evidence[0].axis_s - question.offset_s) <= RIGHT_S
            total -= np.log(posterior[near].sum() + 1e-6)
        return total

    return min(EVIDENCE_WEIGHTS, key=loss)


def fit_least(rule: ConfidenceRule, cases: Sequence[Case]) -> float:
    """Least confidence for which confident answers are rarely enough wrong.

    Answers for shifted audio must meet `MOST_WRONG`, answers for unrelated audio `MOST_FOOLED`.
    """
    shifted = [case for case in cases if np.isfinite(case.error_s)]
    unrelated = [case for case in cases if not np.isfinite(case.error_s)]
    for least in LEASTS:
        given = [case for case in shifted if rule.confidence(case.signs) >= least]
        n_wrong = sum(not case.is_right for case in given)
        n_fooled = sum(rule.confidence(case.signs) >= least for case in unrelated)
        if n_wrong <= MOST_WRONG * len(given) and n_fooled <= MOST_FOOLED * len(unrelated):
            return float(round(least, 2))
    return float(LEASTS[-1])


def _case(question: Question, weight: float) -> Case:
    evidence = joined(question.evidence, question.second, weight)
    estimate = estimate_offset(evidence, CONFIG)
    near = near_answer(evidence[0].axis_s, estimate.offset_s, resolution_s=0.0)
    signs = confidence_features(evidence, question.second, near, estimate.confidence)
    return Case(signs, estimate.offset_s - question.offset_s)


def _spans(questions: Sequence[Question], rule: ConfidenceRule) -> list[Span]:
    """Intervals of the confident answers for a clip's own audio."""
    found = []
    for question in questions:
        if not np.isfinite(question.offset_s):
            continue
        evidence = joined(question.evidence, question.second, rule.evidence_weight)
        whole, bare = (
            estimate_offset(evidence, CONFIG, rule=each, second=question.second)
            for each in (rule, replace(rule, spread_share=0.0))
        )
        if whole.is_confident:
            low, high = bare.interval_s
            widths_s = (bare.offset_s - low, high - bare.offset_s)
            found.append(Span(bare.offset_s - question.offset_s, widths_s, whole.least_margin_s))
    return found


def fit_resolution(spans: Sequence[Span]) -> float:
    """Least half-width for intervals to hold the truth with a share of `LEVEL`."""
    for least_s in RESOLUTIONS_S:
        if spans and np.mean([span.holds_truth(float(least_s)) for span in spans]) >= LEVEL:
            return float(round(least_s, 3))
    return float(RESOLUTIONS_S[-1])


def fit_spread_share(groups: Sequence[Sequence[Span]], resolution_s: float) -> float:
    """Least share of the spread for the same, in the mean of the groups."""
    for share in SPREAD_SHARES:
        held = [
            np.mean([span.holds_truth(resolution_s, float(share)) for span in spans])
            for spans in groups
            if spans
        ]
        if held and np.mean(held) >= LEVEL:
            return float(round(share, 2))
    return float(SPREAD_SHARES[-1])


def _fit_rule(cases: Sequence[Case]) -> tuple[float, float, float, float]:
    """Fit a logistic regression of "right" on the signs by Newton's method, lightly damped."""
    rows = [(1.0, c.signs.own, c.signs.synchronizability, c.signs.second) for c in cases]
    features: NDArray[np.float64] = np.array(rows)
    right = np.array([case.is_right for case in cases], np.float64)
    weights = np.zeros(4)
    for _ in range(_NEWTON_STEPS):
        probability = 1 / (1 + np.exp(-features @ weights))
        gradient = features.T @ (right - probability) - _RIDGE * weights
        curvature = (features * (probability * (1 - probability))[:, None]).T @ features
        weights += np.linalg.solve(curvature + _RIDGE * np.eye(4), gradient)
    intercept, own, synchronizability, second = (float(w) for w in weights)
    return intercept, own, synchronizability, second
