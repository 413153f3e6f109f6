import numpy as np
import pytest

from core.detection.windows import Window, WindowSchedule, plan_windows
from core.model.config import WINDOW_SEGMENTS


def _scheduled(usable: np.ndarray, hop_segments: int = 1, piece: int = 25) -> tuple[Window, ...]:
    schedule = WindowSchedule(hop_segments)
    windows: list[Window] = []
    for first in range(0, len(usable), piece):
        windows += schedule.extend(first, usable[first : first + piece])
    return (*windows, *schedule.finish())


def test_first_window_of_a_five_second_clip_starts_two_frames_in() -> None:
    assert plan_windows(0, 125) == (Window(0, 2),)


def test_last_window_ends_with_the_last_whole_segment() -> None:
    windows = plan_windows(0, 250, hop_segments=5)
    assert 250 - 8 < windows[-1].end_frame <= 250


def test_short_run_becomes_one_padded_window() -> None:
    (window,) = plan_windows(10, 40)
    assert window == Window(0, 10, 4)
    assert window.is_padded
    assert window.end_frame == 50


@pytest.mark.parametrize(("n_frames", "hop"), [(15, 1), (125, 0)])
def test_refuses_what_makes_no_window(n_frames: int, hop: int) -> None:
    with pytest.raises(ValueError, match="at least"):
        plan_windows(0, n_frames, hop)


@pytest.mark.parametrize("n_frames", [16, 31, 119, 120, 123, 125, 128, 250, 391])
@pytest.mark.parametrize("hop_segments", [1, 3, 20])
@pytest.mark.parametrize("piece", [1, 25, 1000])
def test_schedule_lays_the_planned_windows_whatever_the_pieces(
    n_frames: int, hop_segments: int, piece: int
) -> None:
    usable = np.zeros(7 + n_frames + 60, dtype=bool)
    usable[7 : 7 + n_frames] = True
    assert _scheduled(usable, hop_segments, piece) == plan_windows(7, n_frames, hop_segments)


def test_schedule_without_usable_frames_has_no_windows() -> None:
    assert _scheduled(np.zeros(300, dtype=bool)) == ()


def test_short_dropout_costs_no_window() -> None:
    usable = np.ones(250, dtype=bool)
    usable[130:134] = False
    n_lost = len(plan_windows(0, 250)) - len(_scheduled(usable))
    assert n_lost <= 1


def test_windows_over_a_long_gap_are_left_out() -> None:
    usable = np.ones(600, dtype=bool)
    usable[200:320] = False
    windows = _scheduled(usable)
    assert all(np.mean(usable[w.first_frame : w.end_frame]) >= 0.9 for w in windows)
    assert any(w.end_frame <= 200 for w in windows)
    assert any(w.first_frame >= 320 for w in windows)
    assert {w.n_segments for w in windows} == {WINDOW_SEGMENTS}


def test_run_that_ends_early_does_not_hide_the_next_one() -> None:
    usable = np.ones(500, dtype=bool)
    usable[30:200] = False
    windows = _scheduled(usable)
    assert windows[0] == Window(0, 0, 2)
    assert windows[1].first_frame >= 200
    assert windows[-1].end_frame > 490
