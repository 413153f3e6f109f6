"""Response of a classifier to offsets, and fusion of its answers at several audio shifts.

An answer at audio shift s is evidence about offset + s. The response R(c | x) is the probability
given to class c for a true offset x: measured by `calibrate`, triangular by default. An answer q
then has the likelihood sum_c q_c R(c | x), as of one class drawn from q.

Answers of one window share the video and most of the audio. They neither count as n draws nor fail
independently, so their logarithms are averaged. The mean counts as `n_draws` draws, fitted so that
intervals hold the truth at their nominal rate; by default it is one, an exponent of 1/n for each of
n shifts. A network with well-calibrated classes may be worth more than a draw. Finally, with
probability `lapse` the window misleads the classifier at all shifts and every offset is equally
likely.

Beyond the reach of the classes, answers at coarse shifts ("bases") have to be compared. Their
softmax sums to one wherever the truth lies, so the raw logits l take its place: the size of the sum
over exp(l_c) R(c | x) (the negative energy of Liu et al., NeurIPS 2020) also shows if the
classifier recognised anything at a base. Each offset gets the mean over the answers in reach.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.engines.user_calibration import RESPONSE_POINTS, UserCalibration
from core.detection.evidence import ClassLogits, offset_axis
from core.model.synchformer.dimensions import SEGMENT_HOP_FRAMES
from core.model.synchformer.offset_classes import MAX_OFFSET_S, N_CLASSES, OFFSET_GRID_S, STEP_S
from core.timing import VIDEO_FPS

CLASS_REACH_S = MAX_OFFSET_S + STEP_S / 2
"""Reach of the outermost classes, in seconds; an answer is no evidence about offsets beyond."""

DISTANCES_S: NDArray[np.float64] = np.linspace(-0.6, 0.6, RESPONSE_POINTS)
"""(61,) distances of the truth from a class centre, in seconds; the response is 0 beyond."""

_BASE_S = 3 * SEGMENT_HOP_FRAMES / VIDEO_FPS
"""Distance of the coarse shifts, 0.96 s. A multiple of the hop, so their audio is encoded for other
windows anyway; and 0.04 s short of whole classes, so the four in reach of an offset are four phases
of the sub-grid too."""

_BLUR_S = 0.03
"""Standard deviation of the blur of the default triangle, in seconds."""


def _triangle() -> tuple[float, ...]:
    fine = np.arange(-100, 101) * 0.01
    triangle = np.maximum(0.0, 1 - np.abs(fine) / STEP_S)
    blur = np.exp(-(fine**2) / (2 * _BLUR_S**2))
    curve = np.convolve(triangle, blur / blur.sum(), mode="same")
    return tuple(float(x) for x in np.interp(DISTANCES_S, fine, curve))


@dataclass(frozen=True, slots=True)
class ClassResponse:
    """Response of a classifier.

    Attributes:
        curve: (61,) response of a class over the distance of the truth from its centre
            (`DISTANCES_S`), in any unit.
        floor: Share of an answer spread evenly over all classes.
        n_draws: Worth of the answers of one window together, in draws.
        lapse: Probability of a misleading window.
        resolution_s: Smallest half-width of an interval.
    """

    curve: tuple[float, ...] = _triangle()
    floor: float = 0.02
    n_draws: float = 1.0
    lapse: float = 0.02
    resolution_s: float = 0.04

    def __post_init__(self) -> None:
        if len(self.curve) != len(DISTANCES_S) or min(self.curve) < 0 or sum(self.curve) <= 0:
            raise ValueError(f"a response has {len(DISTANCES_S)} values of at least 0")
        for name in ("floor", "lapse"):
            if not 0 < getattr(self, name) <= 1:
                raise ValueError(f"the {name} is above 0 to 1, got {getattr(self, name)}")
        if min(self.n_draws, self.resolution_s) <= 0:
            raise ValueError(
                f"draws and resolution are above 0, got {self.n_draws} and {self.resolution_s}"
            )

    def shares(self, truth_s: NDArray[np.float64]) -> NDArray[np.float64]:
        """(21, M) R(c | x) for (M,) true offsets x; sums to one over the classes."""
        # No change is known between the outermost centre and the border of its class.
        inside = np.clip(truth_s, -MAX_OFFSET_S, MAX_OFFSET_S)
        distances = inside - OFFSET_GRID_S.astype(np.float64)[:, None]
        shares = np.interp(distances, DISTANCES_S, self.curve, left=0.0, right=0.0)
        sums = shares.sum(axis=0)
        even = 1 / N_CLASSES
        shares = np.divide(shares, sums, out=np.full_like(shares, even), where=sums > 0)
        found: NDArray[np.float64] = (1 - self.floor) * shares + self.floor * even
        return found


DEFAULT_RESPONSE = ClassResponse()


def response_of(calibration: UserCalibration | None) -> ClassResponse:
    """Measured response of a model; the default without calibration."""
    if calibration is None or not calibration.response:
        return DEFAULT_RESPONSE
    return ClassResponse(
        curve=calibration.response,
        floor=calibration.floor,
        n_draws=calibration.n_draws,
        lapse=calibration.lapse,
        resolution_s=calibration.resolution_s,
    )


def fused_likelihood(
    evaluations: Sequence[ClassLogits], response: ClassResponse, range_s: float
) -> NDArray[np.float32]:
    """Fuse the answers about one window to its (M,) log-likelihood over `offset_axis(range_s)`."""
    mean = mean_log_likelihood(evaluations, response, range_s)
    return settled(mean, response)


def mean_log_likelihood(
    evaluations: Sequence[ClassLogits], response: ClassResponse, range_s: float
) -> NDArray[np.float64]:
    """Average the log-likelihoods of the answers about one window.

    Args:
        evaluations: Answers, at least one.
        response: Response of the classifier.
        range_s: Half-length of the offset axis.

    Returns:
        (M,) over `offset_axis(range_s)`, up to a constant. Offsets out of reach of all answers get
        the value of an answer without preference.
    """
    axis = offset_axis(range_s)
    total, n_answers = np.zeros(len(axis)), np.zeros(len(axis))
    neutral = 0.0
    for evaluation in evaluations:
        logits = evaluation.logits.astype(np.float64)
        top = float(logits.max())
        weights = np.exp(logits - top)
        neutral += top + math.log(weights.sum() / N_CLASSES)
        truth = axis + evaluation.audio_shift_s
        first, end = np.searchsorted(truth, (-CLASS_REACH_S - 1e-9, CLASS_REACH_S + 1e-9))
        total[first:end] += top + np.log(weights @ response.shares(truth[first:end]))
        n_answers[first:end] += 1
    neutral /= len(evaluations)
    mean: NDArray[np.float64] = np.full(len(axis), neutral)
    np.divide(total, n_answers, out=mean, where=n_answers > 0)
    return mean


def settled(mean: NDArray[np.float64], response: ClassResponse) -> NDArray[np.float32]:
    """Weight the mean of a window by draws, and allow for a misleading window.

    Args:
        mean: (M,) result of `mean_log_likelihood`.
        response: Number of draws and lapse rate.

    Returns:
        (M,) log-likelihood, relative to a window without information.
    """
    likelihood = np.exp(response.n_draws * (mean - mean.max()))
    relative = likelihood / likelihood.mean()
    found: NDArray[np.float32] = np.log((1 - response.lapse) * relative + response.lapse).astype(
        np.float32
    )
    return found


@functools.cache
def sub_grid(step_s: float) -> tuple[float, ...]:
    """Audio shifts between neighbouring class centres, including 0, in seconds."""
    n_shifts = max(1, round(STEP_S / step_s)) if step_s else 1
    first = -(n_shifts // 2) if n_shifts % 2 else 1 - n_shifts // 2
    return tuple(round(number * step_s, 6) for number in range(first, first + n_shifts))


def coarse_shifts(range_s: float) -> tuple[float, ...]:
    """Audio shifts in seconds; two or more of them reach each offset of a range."""
    if range_s <= CLASS_REACH_S + 1e-9:
        return (0.0,)
    n_bases = math.ceil((range_s - 1) / _BASE_S)
    return tuple(number * _BASE_S for number in range(-n_bases, n_bases + 1))
