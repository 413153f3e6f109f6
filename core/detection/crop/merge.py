"""Combination of the evidence of several squares."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.detection.evidence import OffsetEvidence


def merge_squares(evidence_per_plan: Sequence[Sequence[OffsetEvidence]]) -> list[OffsetEvidence]:
    """Combine the evidence of each window over several crop plans.

    Mixture model: the audio source is in one unknown square. The likelihood is the mean over the
    squares, each relative to its own mean over all offsets. All other attributes come from the
    square with the highest relative likelihood. Evidence shared by several plans counts once.

    Args:
        evidence_per_plan: Evidence of at least one plan, with the same windows in the same order.

    Raises:
        ValueError: The plans have different windows.
    """
    merged = []
    for same in zip(*evidence_per_plan, strict=True):
        if len({item.window for item in same}) != 1:
            raise ValueError(f"expected one window, got {[item.window for item in same]}")
        same = tuple({id(item): item for item in same}.values())
        stacked = np.stack([item.log_likelihood for item in same]).astype(np.float64)
        relative = stacked - np.logaddexp.reduce(stacked, axis=1, keepdims=True)
        relative += math.log(stacked.shape[1])
        mixture = np.logaddexp.reduce(relative, axis=0) - math.log(len(same))
        best = same[int(relative.max(axis=1).argmax())]
        merged.append(replace(best, log_likelihood=mixture.astype(np.float32)))
    return merged
