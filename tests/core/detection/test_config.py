import math

import pytest

from core.detection.config import DetectionConfig


@pytest.mark.parametrize(
    "options",
    [
        {"hop_s": 0.3},
        {"hop_s": math.nan},
        {"range_s": 31.0},
        {"range_s": 0.1},
        {"level": 1.0},
        {"simulate_offset_s": math.inf},
        {"window_start_s": -0.1},
        {"window_start_s": math.inf},
        {"window_start_s": math.nan},
        {"start_s": -1.0},
        {"start_s": math.nan},
        {"start_s": 5.0, "end_s": 5.0},
        {"end_s": math.inf},
        {"until_s": 0.0},
        {"until_s": math.nan},
        {"budget_s": 0.0},
        {"budget_s": math.inf},
        {"window_start_s": 1.0, "end_s": 9.0},
        {"window_start_s": 1.0, "budget_s": 9.0},
        {"shift_step_s": 0.005},
        {"shift_step_s": 0.2},
        {"shift_step_s": math.nan},
    ],
)
def test_options_that_mean_nothing_are_refused(options: dict[str, float]) -> None:
    with pytest.raises(ValueError, match="got"):
        DetectionConfig(**options)  # type: ignore[arg-type]


@pytest.mark.parametrize(("hop_s", "n_segments"), [(0.32, 1), (0.5, 2), (1.0, 3), (4.8, 15)])
def test_hops_are_whole_segments(hop_s: float, n_segments: int) -> None:
    assert DetectionConfig(hop_s=hop_s).hop_segments == n_segments
