"""One piece of evidence of what was seen through several squares."""

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np

from core.detection.evidence import OffsetEvidence


def merge_squares(evidence_per_plan: Sequence[Sequence[OffsetEvidence]]) -> list[OffsetEvidence]:
    """Make one piece of evidence of each window that was looked at through several squares.

    What is heard is in one of them, and nobody knows in which: the likelihood is the mean of
    theirs, each relative to its own mean over all offsets. All else is that of the square that says
    most. Evidence that several plans share counts once.

    Args:
        evidence_per_plan: At least one plan; all have the same windows in the same order.

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
