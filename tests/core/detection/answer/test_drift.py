import numpy as np

from core.detection.answer.drift import best_line
from core.detection.answer.pooling import PooledEvidence
from core.detection.evidence import offset_axis


def test_best_line_crosses_a_bin_of_distant_windows() -> None:
    times_s = np.concatenate([np.arange(10.0), 1800 + np.arange(10.0)])
    axis_s = offset_axis(2.0)
    gains = np.full((len(times_s), len(axis_s)), -3.0, np.float32)
    line = best_line(PooledEvidence(times_s, axis_s, np.ones(len(times_s)), gains), 0.9)
    assert line.score < 0
    assert line.piece.span.start_s in times_s
