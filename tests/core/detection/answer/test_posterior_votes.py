import time

import numpy as np
import pytest

from core.detection.answer.posterior import clip_posterior, dissenting, window_votes
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.windows import Window

HOP_FRAMES = 8


def _evidence(offset_s: float | None, first_frame: int, n_segments: int = 14) -> OffsetEvidence:
    axis = offset_axis(2.0)
    log_likelihood = np.zeros(len(axis), np.float32)
    if offset_s is not None:
        log_likelihood[:] = np.maximum(-(((axis - offset_s) / 0.02) ** 2) / 2, -20)
    return OffsetEvidence(Window(0, first_frame, n_segments), axis, log_likelihood, 0.02)


def _row(*offsets_s: float | None) -> list[OffsetEvidence]:
    return [_evidence(offset_s, HOP_FRAMES * i) for i, offset_s in enumerate(offsets_s)]


@pytest.mark.parametrize("n_windows", [1, 16, 61])
def test_informative_windows_weigh_the_time_they_cover(n_windows: int) -> None:
    weights = window_votes(_row(*[0.4] * n_windows)).weights
    assert weights.sum() == pytest.approx(1 + HOP_FRAMES * (n_windows - 1) / 120)


def test_order_and_gaps_do_not_change_the_weights() -> None:
    row = [*_row(0.4, 0.4, 0.4), _evidence(0.4, 10_000)]
    weights = window_votes(row).weights
    assert weights[3] == pytest.approx(1)
    np.testing.assert_allclose(window_votes(row[::-1]).weights, weights[::-1])


def test_uninformative_neighbours_take_nothing_away() -> None:
    alone = window_votes(_row(*[0.4] * 10)).weights
    among = window_votes(_row(*[None] * 30, *[0.4] * 10, *[None] * 300)).weights
    assert among[30:40].sum() == pytest.approx(alone.sum(), rel=0.05)
    assert among.sum() - among[30:40].sum() < 0.05


def test_padded_window_weighs_its_content() -> None:
    padded = window_votes([_evidence(0.4, 0, n_segments=3)])
    assert padded.weights[0] == pytest.approx((16 + 2 * 8) / 120)


def test_sure_and_dissenting_windows_are_found() -> None:
    row = _row(0.4, 0.45, -0.9, None)
    votes = window_votes(row)
    near = np.abs(row[0].axis_s - 0.4) <= votes.reach_s
    assert votes.is_sure.tolist() == [True, True, True, False]
    assert votes.best_s[:3] == pytest.approx([0.4, 0.45, -0.9])
    assert dissenting(row, near).tolist()[:3] == [False, False, True]


def test_rival_needs_support_at_one_offset() -> None:
    axis = offset_axis(2.0)
    scattered = [float(o) for o in np.linspace(-1.9, 0.2, 16)]
    for others, has_rival in (([-0.3] * 16, True), (scattered, False)):
        row = [_evidence(o, 120 * i) for i, o in enumerate([*[0.6] * 16, *others])]
        dissents = dissenting(row, np.abs(axis - 0.6) <= 0.105)
        assert (window_votes(row).agreement(axis, dissents) < 1) == has_rival


def test_hour_of_windows_takes_a_second() -> None:
    row = _row(*[0.4] * 11_000)
    started_s = time.process_time()
    clip_posterior(row)
    assert time.process_time() - started_s < 2
