from dataclasses import replace
from itertools import pairwise

import pytest

from core.detection.result import OffsetEstimate, Reason, Verdict
from core.detection.schedule.chunks import (
    Chunk,
    aligned,
    is_settled,
    next_chunk,
    plan_chunks,
)
from core.detection.windows import Window, plan_windows

TEN_MINUTES = 15_000


def _windows(chunk: Chunk, end_frame: int, hop_segments: int) -> list[Window]:
    n_frames = chunk.n_frames or end_frame - chunk.first_frame
    return list(plan_windows(chunk.first_frame, n_frames, hop_segments))


@pytest.mark.parametrize("hop_segments", [1, 2, 7, 15, 40])
@pytest.mark.parametrize("n_frames", [130, 500, 777, 1501, 4500, TEN_MINUTES])
@pytest.mark.parametrize("first_frame", [0, 13])
def test_stretches_have_the_windows_of_one_pass(
    first_frame: int, n_frames: int, hop_segments: int
) -> None:
    whole = Chunk(first_frame, n_frames)
    chunks = plan_chunks(whole, n_frames, hop_segments)
    end = first_frame + n_frames
    found = [w.first_frame for s in chunks for w in _windows(s, end, hop_segments)]
    once = [w.first_frame for w in plan_windows(first_frame, n_frames, hop_segments)]
    assert found == once


def test_a_stretch_is_about_twenty_seconds_long() -> None:
    *others, last = plan_chunks(Chunk(0, None), TEN_MINUTES, 1)
    assert {one.n_frames for one in others} == {498}
    assert last.n_frames is None
    assert 250 <= TEN_MINUTES - last.first_frame <= 750


def test_a_short_clip_is_one_stretch() -> None:
    assert plan_chunks(Chunk(50, 300), 300, 1) == (Chunk(50, 300),)


@pytest.mark.parametrize("late_frames", [1, 3, 8, 100])
@pytest.mark.parametrize("hop_segments", [1, 3])
def test_the_grid_begins_where_picture_and_sound_do(late_frames: int, hop_segments: int) -> None:
    planned = plan_chunks(Chunk(0, 4500), 4500, hop_segments)
    chunks = aligned(planned, late_frames + 2, hop_segments)
    assert chunks[0] == planned[0]
    hop = 8 * hop_segments
    assert {one.first_frame % hop for one in chunks[1:]} == {late_frames % hop}
    last = chunks[-1]
    assert last.n_frames is not None
    assert last.first_frame + last.n_frames == 4500
    for one, other in pairwise(chunks):
        assert one.n_frames is not None
        assert other.first_frame < one.first_frame + one.n_frames


def _estimate(
    offset_s: float, margin_s: float = 0.03, reason: Reason = Reason.NONE
) -> OffsetEstimate:
    interval_s = (offset_s - margin_s, offset_s + margin_s)
    return OffsetEstimate(offset_s, interval_s, 0.9, 0.95, Verdict.IN_SYNC, reason, 9)


def _order(answers: list[OffsetEstimate | None]) -> list[int]:
    found: dict[int, OffsetEstimate | None] = {}
    while (index := next_chunk(found, len(answers))) is not None:
        found[index] = answers[index]
    return list(found)


def test_the_clip_is_covered_coarsely_first_and_then_wholly() -> None:
    order = _order([_estimate(0.0)] * 9)
    assert order[:5] == [0, 8, 4, 2, 6]
    assert sorted(order) == list(range(9))
    assert _order([_estimate(0.0)]) == [0]


def test_stretches_that_contradict_are_looked_between_first() -> None:
    answers: list[OffsetEstimate | None] = [*[_estimate(0.0)] * 11, *[_estimate(0.5)] * 22]
    assert _order(answers)[:6] == [0, 32, 16, 8, 12, 10]


@pytest.mark.parametrize("silent", [None, _estimate(0.0, 0.9, Reason.NOT_CONFIDENT)])
def test_stretches_that_tell_nothing_are_looked_beside_first(
    silent: OffsetEstimate | None,
) -> None:
    answers = [silent, *[_estimate(0.0)] * 32]
    assert _order(answers)[:5] == [0, 32, 16, 8, 4]


def test_a_narrow_interval_settles_it_after_three_places() -> None:
    good = _estimate(0.1)
    assert not is_settled(good, {0: good, 8: good}, 9, 0.04)
    assert is_settled(good, {0: good, 8: good, 4: good}, 9, 0.04)
    assert is_settled(good, {0: good}, 1, 0.04)


def test_a_wide_or_doubtful_interval_does_not_settle_it() -> None:
    wide = _estimate(0.1, 0.08)
    unsure = _estimate(0.1, 0.03, Reason.NOT_CONFIDENT)
    for one in (wide, unsure):
        assert not is_settled(one, {0: one, 8: one, 4: one}, 9, 0.04)


def test_nothing_is_waited_for_that_the_evidence_cannot_resolve() -> None:
    coarse = replace(_estimate(0.1, 0.1), least_margin_s=0.1)
    assert is_settled(coarse, {0: coarse, 8: coarse, 4: coarse}, 9, 0.04)


def test_a_jump_is_looked_for_until_it_lies_between_neighbours() -> None:
    good, other = _estimate(0.0), _estimate(0.5)
    assert not is_settled(good, {0: good, 4: good, 8: other}, 9, 0.04)
    assert is_settled(good, {0: good, 4: good, 5: other, 8: other}, 9, 0.04)
