import numpy as np
import pytest

from core.detection.answer.posterior import clip_posterior, near_answer, with_confidence
from core.detection.evidence import OffsetEvidence, offset_axis
from core.detection.windows import Window


def test_overlapping_copies_count_as_the_time_they_cover() -> None:
    axis = offset_axis(2.0)
    weak = np.where(np.abs(axis - 0.3) < 0.1, 2.0, 0.0).astype(np.float32)
    single = [OffsetEvidence(Window(0, 2), axis, weak, 0.02)]
    copies = [OffsetEvidence(Window(i, 2), axis, weak, 0.02) for i in range(30)]
    # The copies cover the time of one window, so they weigh as much as one.
    np.testing.assert_allclose(clip_posterior(copies), clip_posterior(single), rtol=0.05)


def test_offsets_within_the_resolution_count_for_an_answer() -> None:
    axis = offset_axis(2.0)
    near = axis[near_answer(axis, 0.5, resolution_s=0.1)]
    assert (near[0], near[-1]) == pytest.approx((0.3, 0.7))


@pytest.mark.parametrize("confidence", [0.2, 0.9])
def test_posterior_follows_the_confidence(confidence: float) -> None:
    axis = offset_axis(2.0)
    posterior = np.exp(-0.5 * ((axis - 0.5) / 0.1) ** 2)
    posterior /= posterior.sum()
    is_near = near_answer(axis, 0.5, resolution_s=0.02)
    scaled = with_confidence(posterior, is_near, confidence)
    assert scaled.sum() == pytest.approx(1)
    assert scaled[is_near].sum() == pytest.approx(confidence)
    assert scaled[is_near].argmax() == posterior[is_near].argmax()


def test_posterior_of_a_narrow_range_is_the_answer_entirely() -> None:
    axis = offset_axis(0.05)
    posterior = np.full(len(axis), 1 / len(axis))
    is_near = near_answer(axis, 0.0, resolution_s=0.02)
    assert with_confidence(posterior, is_near, 0.3) is posterior
