"""Pooling of overlapping windows into time bins, the input of the drift and jump models."""

from collections.abc import Sequence
from dataclasses import dataclass
from itertools import groupby

import numpy as np
from numpy.typing import NDArray

from core.detection.evidence import AXIS_STEP_S, OffsetEvidence
from core.model.synchformer.dimensions import WINDOW_FRAMES
from core.timing import VIDEO_FPS

WINDOW_S = WINDOW_FRAMES / VIDEO_FPS

BIN_S = 0.96
"""Width of a time bin: three windows at the densest hop."""

MOST_BINS = 1500
"""Maximum number of bins; long clips get wider ones."""

CHANGE_COST = 5.0
"""Prior cost of a drift or a jump in nats, beside that of its parameters: without a better fit it
is 150 times less likely than a constant."""

INFORMATIVE = 0.5
"""Prior probability that a window is informative. An uninformative one costs a line no more than
log 2, wherever its peak lies."""

_RESOLUTION_SDS = 1.645
"""Half-width of a 90 % interval of a normal distribution, in standard deviations."""


@dataclass(frozen=True, slots=True, eq=False)
class PooledEvidence:
    """Evidence of a clip in N time bins.

    Attributes:
        times_s: (N,) clip time of each bin, ascending.
        axis_s: (M,) offsets.
        weights: (N,) independent windows per bin.
        gains: (N, M) float32, log-likelihood of an offset relative to that of an uninformative
            window, times the weight. The sum along a line is the log-likelihood of the line, as if
            windows did not overlap.
    """

    times_s: NDArray[np.float64]
    axis_s: NDArray[np.float64]
    weights: NDArray[np.float64]
    gains: NDArray[np.float32]

    def coarse(self, n_cells: int) -> "PooledEvidence":
        """Same evidence with every `n_cells` neighbouring offsets merged into one."""
        n_kept = len(self.axis_s) // n_cells * n_cells
        weights = self.weights[:, None].astype(np.float32)
        cells = np.exp(self.gains[:, :n_kept] / weights).reshape(len(self.gains), -1, n_cells)
        axis_s = self.axis_s[:n_kept].reshape(-1, n_cells).mean(axis=1)
        gains = np.log(cells.mean(axis=2)) * weights
        return PooledEvidence(self.times_s, axis_s, self.weights, gains)


def pool(evidence: Sequence[OffsetEvidence]) -> PooledEvidence:
    """Pool the evidence of windows, in any order and at any distance."""
    ordered = sorted(evidence, key=lambda item: item.window.first_frame)
    extent_s = ordered[-1].window.span.centre_s - ordered[0].window.span.centre_s
    bin_s = max(BIN_S, extent_s / MOST_BINS)
    groups = [
        tuple(group)
        for _, group in groupby(ordered, lambda item: int(item.window.span.centre_s / bin_s))
    ]
    times_s = np.array([float(np.mean([e.window.span.centre_s for e in g])) for g in groups])
    half = np.minimum(np.diff(times_s) / 2, WINDOW_S / 2)
    weights = (np.append(half, WINDOW_S / 2) + np.append(WINDOW_S / 2, half)) / WINDOW_S
    gains = [
        weight * np.log(likelihoods(group)).mean(axis=0)
        for weight, group in zip(weights, groups, strict=True)
    ]
    return PooledEvidence(times_s, evidence[0].axis_s, weights, np.stack(gains).astype(np.float32))


def likelihoods(evidence: Sequence[OffsetEvidence]) -> NDArray[np.float64]:
    """Likelihoods, (W, M), of each window relative to that of an uninformative window.

    Peaks are blurred by the resolution of the evidence, the limit of their reliability.
    """
    sd_steps = max(item.resolution_s for item in evidence) / _RESOLUTION_SDS / AXIS_STEP_S
    reach = int(np.ceil(3 * sd_steps))
    kernel = np.exp(-0.5 * (np.arange(-reach, reach + 1) / sd_steps) ** 2)
    probabilities = np.stack([item.probabilities for item in evidence])
    n_offsets = probabilities.shape[1]
    padded = np.pad(probabilities, ((0, 0), (reach, reach)), mode="edge")
    blurred = sum(
        share * padded[:, first : first + n_offsets]
        for first, share in enumerate(kernel / kernel.sum())
    )
    relative: NDArray[np.float64] = INFORMATIVE * n_offsets * blurred + (1 - INFORMATIVE)
    return relative
