import numpy as np
import pytest

from core.detection.windows import Window, WindowSchedule, plan_windows
from core.model.synchformer.dimensions import WINDOW_SEGMENTS


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


@pytest.mark.parametrize("seed", range(6))
@pytest.mark.parametrize("piece", [1, 40])
def test_later_windows_lie_in_what_is_still_needed(seed: int, piece: int) -> None:
    rng = np.random.default_rng(seed)
    lengths = rng.choice([1, 5, 14, 60, 118, 131, 400], 24)
    usable = np.repeat(np.arange(24) % 2 == seed % 2, lengths)
    schedule = WindowSchedule(hop_segments=1 + 4 * (seed % 3))
    asked: list[tuple[tuple[int, int], ...]] = []
    n_windows = 0
    for i in range(0, len(usable) + 1, piece):
        is_last = i + piece > len(usable)
        windows = schedule.extend(i, usable[i : i + piece])
        for window in (*windows, *(schedule.finish() if is_last else ())):
            n_windows += 1
            for spans in asked:
                assert any(
                    first <= window.first_frame and (window.end_frame <= end or end == spans[1][1])
                    for first, end in spans
                )
        asked.append(schedule.still_needed((), i + piece))
    assert n_windows > 0


@pytest.mark.parametrize("n_frames", range(300, 308))
def test_last_window_before_a_long_gap_is_still_needed(n_frames: int) -> None:
    schedule = WindowSchedule(hop_segments=20)
    schedule.extend(0, np.arange(900) < n_frames)
    (first, end), _ = schedule.still_needed((), 900)
    (window,) = schedule.finish()
    assert first <= window.first_frame
    assert window.end_frame <= end


def test_pending_windows_are_still_needed() -> None:
    schedule = WindowSchedule(1)
    schedule.extend(0, np.ones(900, dtype=bool))
    ((first, end), _) = schedule.still_needed([Window(3, 100), Window(4, 108)], 900)
    assert first <= 100
    assert end == 900
