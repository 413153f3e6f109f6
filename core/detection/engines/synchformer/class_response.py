"""How a classifier responds to an offset, and what its answers at several shifts say together.

An answer at audio shift s is evidence about offset + s. The response R(c | x) is the share of the
probability that the classifier gives to class c when the truth is x: measured by `calibrate`, or
triangular as long as nothing is measured. An answer q then has the likelihood sum_c q_c R(c | x),
which is that of one class drawn from q.

Answers of one window share picture and most of the sound, so they neither count as n draws nor
fail each by itself. Their logarithms are averaged, and the mean counts as so many draws as make
intervals hold the truth as often as they should; as long as nothing is measured as one, so that n
shifts have the exponent 1/n each. A network that weighs its classes well may be worth more than a
draw. Last, with some probability the window misleads the classifier at all shifts: then every
offset is as likely.

Beyond the reach of the classes, answers at coarse shifts ("bases") have to be compared. The softmax
of each sums to one wherever the truth lies, so the raw logits l take its place: the sum over
exp(l_c) R(c | x) also says, by its size (the energy of Liu et al., NeurIPS 2020, with the sign
turned), whether the classifier recognised anything at that base. Each offset gets the mean over the
answers that reach it.
"""

import functools
import math
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.detection.engines.user_calibration import RESPONSE_POINTS, UserCalibration
from core.detection.evidence import Evaluation, offset_axis
from core.model.synchformer.dimensions import SEGMENT_HOP_FRAMES
from core.model.synchformer.offset_classes import MAX_OFFSET_S, N_CLASSES, OFFSET_GRID_S, STEP_S
from core.timing import VIDEO_FPS

CLASS_REACH_S = MAX_OFFSET_S + STEP_S / 2
"""The outermost classes stand for offsets up to here; an answer says nothing about those beyond."""

DISTANCES_S: NDArray[np.float64] = np.linspace(-0.6, 0.6, RESPONSE_POINTS)
"""(61,) distances of the truth from a class centre at which a response is given; 0 beyond."""

_BASE_S = 3 * SEGMENT_HOP_FRAMES / VIDEO_FPS
"""Distance of the coarse shifts, 0.96 s. A multiple of the hop, so their sound is encoded for other
windows anyway; and 0.04 s short of whole classes, so the four that reach an offset are four phases
of the sub-grid too."""

_BLUR_S = 0.03
"""Standard deviation of what widens the triangle between class centres by default."""


def _triangle() -> tuple[float, ...]:
    fine = np.arange(-100, 101) * 0.01
    triangle = np.maximum(0.0, 1 - np.abs(fine) / STEP_S)
    blur = np.exp(-(fine**2) / (2 * _BLUR_S**2))
    curve = np.convolve(triangle, blur / blur.sum(), mode="same")
    return tuple(float(x) for x in np.interp(DISTANCES_S, fine, curve))


@dataclass(frozen=True, slots=True)
class ClassResponse:
    """The response of a classifier.

    Attributes:
        curve: (61,) what a class gets, by the distance of the truth from its centre
            (`DISTANCES_S`), in any unit.
        floor: Share of an answer that is spread over all classes, whatever the truth.
        n_draws: As many draws the answers of one window are worth together.
        lapse: Probability that a window misleads.
        resolution_s: Half-width below which no interval goes.
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
        """Return (21, M): R(c | x) for (M,) true offsets x; sums to one over the classes."""
        # Between the outermost centre and the border of its class nothing is known to change.
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
    """Return the response that was measured of a model, the default one if none was."""
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
    evaluations: Sequence[Evaluation], response: ClassResponse, range_s: float
) -> NDArray[np.float32]:
    """Fuse the answers about one window to (M,), its log-likelihood over `offset_axis(range_s)`."""
    mean = mean_log_likelihood(evaluations, response, range_s)
    return settled(mean, response.n_draws, response.lapse)


def mean_log_likelihood(
    evaluations: Sequence[Evaluation], response: ClassResponse, range_s: float
) -> NDArray[np.float64]:
    """Average what the answers about one window say.

    Args:
        evaluations: At least one.
        response: Of the classifier.
        range_s: Half-length of the offset axis.

    Returns:
        (M,) over `offset_axis(range_s)`, up to a constant. Offsets that no answer reaches get what
        an answer without preference says.
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


def settled(mean: NDArray[np.float64], n_draws: float, lapse: float) -> NDArray[np.float32]:
    """Let the mean of a window count as so many draws, and the window mislead.

    Args:
        mean: (M,) of `mean_log_likelihood`.
        n_draws: As in `ClassResponse`.
        lapse: As there.

    Returns:
        (M,) log-likelihood, relative to that of a window that tells nothing.
    """
    likelihood = np.exp(n_draws * (mean - mean.max()))
    relative = likelihood / likelihood.mean()
    found: NDArray[np.float32] = np.log((1 - lapse) * relative + lapse).astype(np.float32)
    return found


@functools.cache
def sub_grid(step_s: float) -> tuple[float, ...]:
    """Return the audio shifts between neighbouring class centres, 0 among them, in seconds."""
    n_shifts = max(1, round(STEP_S / step_s)) if step_s else 1
    first = -(n_shifts // 2) if n_shifts % 2 else 1 - n_shifts // 2
    return tuple(round(number * step_s, 6) for number in range(first, first + n_shifts))


def coarse_shifts(range_s: float) -> tuple[float, ...]:
    """Return audio shifts, in seconds, of which two or more reach each offset of a range."""
    if range_s <= CLASS_REACH_S + 1e-9:
        return (0.0,)
    n_bases = math.ceil((range_s - 1) / _BASE_S)
    return tuple(number * _BASE_S for number in range(-n_bases, n_bases + 1))
