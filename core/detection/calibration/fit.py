"""Fit of a calibration to trials: bias, class response and minimum width of intervals."""

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.estimate import estimate_offset
from core.detection.calibration.trials import CONFIG, ClipTrials, Trial
from core.detection.engines.synchformer.class_response import (
    DISTANCES_S,
    ClassResponse,
    mean_log_likelihood,
    settled,
)
from core.detection.engines.user_calibration import UserCalibration
from core.detection.evidence import AXIS_STEP_S, ClassLogits, moved
from core.errors import DetectionError
from core.model.synchformer.offset_classes import MAX_OFFSET_S, N_CLASSES, OFFSET_GRID_S, STEP_S

LEAST_CLIPS = 5
"""Minimum number of usable clips for a bias."""

FEW_CLIPS = 20
"""Number of clips from which on the bias is known to a few milliseconds."""

NEAR_S = STEP_S
"""Maximum error of an answer used for the intervals; larger errors concern the confidence."""

_RESOLUTIONS_S = np.arange(0.01, 0.2001, 0.005)
_N_DRAWS = np.geomspace(0.2, 200.0, 128)
_LEAST_FLOOR = 0.002
_NO_LAPSE = 1e-4

_SIGMA_OF_MAD = 1.4826
_SIGMA_OF_MEAN = 1.2533
_ERROR_OF_MEDIAN = 1.2533
"""Factors for normally distributed values: standard deviation from the median and the mean absolute
deviation, and standard error of the median in units of that of the mean."""


def fit(clips: Sequence[ClipTrials], weights_sha256: str) -> UserCalibration:
    """Fit a calibration.

    The bias is the median over the clips. The response, the lapse rate and the number of draws are
    fitted with it removed, in this order; the resolution comes last.

    Args:
        clips: Trials of all clips; unusable ones are skipped.
        weights_sha256: Hash of the model's weights, stored with the calibration.

    Raises:
        DetectionError: There are fewer than `LEAST_CLIPS` usable clips.
    """
    used = [clip for clip in clips if clip.trials]
    if len(used) < LEAST_CLIPS:
        raise DetectionError(
            f"A calibration needs {LEAST_CLIPS} or more clips in sync with a confident answer, but"
            f" only {len(used)} of {len(clips)} have one. Add clips with a visible sound source."
        )
    biases = np.array([clip.bias_s for clip in used])
    bias_s = float(np.median(biases))
    distances = np.abs(biases - bias_s)
    # The median distance alone would be 0 if half of the biases are equal.
    spread = max(
        _SIGMA_OF_MAD * float(np.median(distances)), _SIGMA_OF_MEAN * float(distances.mean())
    )
    # Answers have steps; the rounding error is uniform within one.
    error_s = float(np.hypot(_ERROR_OF_MEDIAN * spread, AXIS_STEP_S / 12**0.5) / len(used) ** 0.5)
    trials = [trial for clip in used for trial in clip.trials]
    response = ClassResponse()
    has_classes = all(item.evaluations for trial in trials for item in trial.evidence)
    if has_classes:
        response = measure_response(trials, bias_s)
        averaged = [_averaged(trial, response, bias_s) for trial in trials]
        response = replace(response, lapse=_lapse_rate(averaged))
        response = replace(response, n_draws=_fit_draws(averaged))
        trials = [_with_response(one, response) for one in averaged]
    else:
        trials = [
            replace(trial, evidence=tuple(moved(item, bias_s) for item in trial.evidence))
            for trial in trials
        ]
    resolution_s = _fit_resolution(trials)
    return UserCalibration(
        n_clips=len(used),
        bias_s=round(bias_s, 4),
        bias_error_s=error_s,
        resolution_s=resolution_s,
        weights_sha256=weights_sha256,
        response=response.curve if has_classes else (),
        floor=response.floor,
        n_draws=response.n_draws,
        lapse=response.lapse,
    )


def measure_response(trials: Sequence[Trial], bias_s: float) -> ClassResponse:
    """Measure the mean probability of a class by the distance of the true offset from its centre.

    The shifts of the trials decide the measured distances. Values are interpolated between them and
    smoothed over 0.04 s.

    Args:
        trials: Trials with class answers.
        bias_s: Bias of the model, added to the true offset.
    """
    distances, shares = [], []
    for trial in trials:
        for answer in (answer for item in trial.evidence for answer in item.evaluations):
            truth_s = trial.offset_s + answer.audio_shift_s + bias_s
            if abs(truth_s) <= MAX_OFFSET_S:
                distances.append(truth_s - OFFSET_GRID_S.astype(np.float64))
                shares.append(answer.probabilities)
    distance, share = np.concatenate(distances), np.concatenate(shares)
    is_far = np.abs(distance) > DISTANCES_S[-1]
    floor = float(np.clip(share[is_far].mean() * N_CLASSES, _LEAST_FLOOR, 1.0))
    step = DISTANCES_S[1] - DISTANCES_S[0]
    total, weight = np.zeros(len(DISTANCES_S)), np.full(len(DISTANCES_S), 1e-9)
    for number, centre in enumerate(DISTANCES_S):
        near = np.maximum(0.0, 1 - np.abs(distance - centre) / (2 * step))
        total[number], weight[number] = near @ share, weight[number] + near.sum()
    curve = np.maximum(total / weight - floor / N_CLASSES, 0.0)
    if not curve.any():
        return ClassResponse(floor=1.0)
    return ClassResponse(curve=tuple(float(x) for x in curve), floor=floor)


@dataclass(frozen=True, slots=True, eq=False)
class _AveragedTrial:
    """Trial with the mean log-likelihood of each window's class answers, bias removed."""

    trial: Trial
    means: tuple[NDArray[np.float64], ...]


def _averaged(trial: Trial, response: ClassResponse, bias_s: float) -> _AveragedTrial:
    means = []
    for item in trial.evidence:
        answers = [ClassLogits(a.audio_shift_s + bias_s, a.logits) for a in item.evaluations]
        means.append(mean_log_likelihood(answers, response, CONFIG.range_s))
    return _AveragedTrial(trial, tuple(means))


def _with_response(averaged: _AveragedTrial, response: ClassResponse) -> Trial:
    evidence = tuple(
        replace(item, log_likelihood=settled(mean, response))
        for item, mean in zip(averaged.trial.evidence, averaged.means, strict=True)
    )
    return replace(averaged.trial, evidence=evidence)


def _lapse_rate(averaged: Sequence[_AveragedTrial]) -> float:
    """Lapse rate: share of misleading windows, with Laplace smoothing, so never 0."""
    misled = [
        abs(item.axis_s[mean.argmax()] - one.trial.offset_s) > NEAR_S
        for one in averaged
        for item, mean in zip(one.trial.evidence, one.means, strict=True)
    ]
    return float((sum(misled) + 1) / (len(misled) + 2))


def _fit_draws(averaged: Sequence[_AveragedTrial]) -> float:
    """Largest number of draws with the required coverage of the intervals.

    Misleading windows widen intervals for another reason; the lapse rate is 0 here, nearly.
    """

    def is_covered(n_draws: float) -> bool:
        response = ClassResponse(n_draws=float(n_draws), lapse=_NO_LAPSE)
        widths = _half_widths([_with_response(one, response) for one in averaged])
        return _coverage(widths, 0.0) >= CONFIG.level

    low, high = 0, len(_N_DRAWS)
    while high - low > 1:
        middle = (low + high) // 2
        low, high = (middle, high) if is_covered(_N_DRAWS[middle]) else (low, middle)
    return float(_N_DRAWS[low])


def _fit_resolution(trials: Sequence[Trial]) -> float:
    """Smallest half-width of the intervals with the required coverage."""
    widths = _half_widths(trials)
    for resolution_s in _RESOLUTIONS_S:
        if _coverage(widths, float(resolution_s)) >= CONFIG.level:
            return float(round(resolution_s, 3))
    return float(_RESOLUTIONS_S[-1])


def _half_widths(trials: Sequence[Trial]) -> NDArray[np.float64]:
    """Error and distance to both borders, (N, 3), of the answers near the true offset."""
    rows = []
    for trial in trials:
        evidence = [replace(item, resolution_s=0.0) for item in trial.evidence]
        estimate = estimate_offset(evidence, CONFIG)
        error_s = estimate.offset_s - trial.offset_s
        if abs(error_s) <= NEAR_S:
            low, high = estimate.interval_s
            rows.append((error_s, estimate.offset_s - low, high - estimate.offset_s))
    return np.array(rows).reshape(-1, 3)


def _coverage(widths: NDArray[np.float64], resolution_s: float) -> float:
    """Share of the intervals of at least this half-width that hold the true offset."""
    if not len(widths):
        return 0.0
    error, below, above = widths.T
    is_held = (error <= np.maximum(below, resolution_s) + 1e-9) & (
        -error <= np.maximum(above, resolution_s) + 1e-9
    )
    return float(is_held.mean())
