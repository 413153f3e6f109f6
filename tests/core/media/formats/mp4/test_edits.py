"""Edit lists moved in time, and written."""

import struct
from fractions import Fraction

import pytest

from core.media.formats.mp4.edits import (
    PAUSE,
    RATE,
    Clock,
    ListEdit,
    edit_list_content,
    edits_in,
    parse_edits,
    shifted,
    total_length,
)
from core.media.formats.patch import Unpatchable

CLOCK = Clock(1000, 48000)
N_MEDIA = 528000
"""11 s."""


def moved(edits: list[ListEdit], *ticks: int, n_media: int = N_MEDIA) -> list[ListEdit]:
    for n in ticks:
        edits = shifted(edits, n, CLOCK, n_media)
    return edits


def first_at(edits: list[ListEdit]) -> int:
    """Time of the beginning of the media in ticks of the track."""
    lead = edits[0].length if edits[0].begin == PAUSE else 0
    first = next(edit for edit in edits if edit.begin != PAUSE)
    return CLOCK.to_track(lead) - first.begin


def test_a_pause_is_rounded_up_and_the_rest_is_trimmed() -> None:
    # 160.7 ms are 7713.6 samples.
    assert moved([ListEdit(11000, 0)], 7714) == [
        ListEdit(161, PAUSE),
        ListEdit(11000, 161 * 48 - 7714),
    ]


def test_earlier_sound_begins_later_in_its_media() -> None:
    assert moved([ListEdit(11000, 0)], -4800) == [ListEdit(10900, 4800)]
    assert moved([ListEdit(300, PAUSE), ListEdit(11000, 0)], -4800) == [
        ListEdit(200, PAUSE),
        ListEdit(11000, 0),
    ]


@pytest.mark.parametrize(
    "edits", [[ListEdit(11000, 0)], [ListEdit(10979, 1024)], [ListEdit(0, 1024)]]
)
@pytest.mark.parametrize("ticks", [1, 47, 7714, 30 * 48000 + 13])
def test_a_delay_taken_back_gives_the_same_list(edits: list[ListEdit], ticks: int) -> None:
    assert moved(edits, ticks, -ticks) == edits


@pytest.mark.parametrize("movie_hz", [1, 24, 600, 1000, 90000, 12345])
@pytest.mark.parametrize("track_hz", [8000, 44100, 48000, 96000])
def test_any_chain_lands_on_the_sum_in_ticks(movie_hz: int, track_hz: int) -> None:
    clock = Clock(movie_hz, track_hz)
    n_media = 100 * track_hz
    edits = [ListEdit(100 * movie_hz, 0)]
    total = 0
    for n in (7714, -2894, 5, 100_001, -90_000, 44):
        edits = shifted(edits, n, clock, n_media)
        total += n
        lead = edits[0].length if edits[0].begin == PAUSE else 0
        first = next(edit for edit in edits if edit.begin != PAUSE)
        assert clock.to_track(lead) - first.begin == total


def test_all_edits_keep_their_distances() -> None:
    edits = [
        ListEdit(500, PAUSE),
        ListEdit(2000, 1024),
        ListEdit(1000, 5000, 0),
        ListEdit(400, PAUSE),
        ListEdit(3000, 200000),
    ]
    assert moved(edits, -24000 - 480) == [ListEdit(1990, 1504), *edits[2:]]
    # Into the still, which has no time of its own.
    assert moved(edits, -2505 * 48) == [ListEdit(995, 5000, 0), *edits[3:]]
    # Into the pause behind it.
    assert moved(edits, -3600 * 48) == [ListEdit(300, PAUSE), edits[4]]
    assert moved(edits, -4000 * 48) == [ListEdit(2900, 204800)]


def test_media_at_another_speed_is_trimmed_by_its_own_time() -> None:
    half = ListEdit(4000, 0, RATE // 2)
    assert moved([half], -48000) == [ListEdit(3000, 24000, RATE // 2)]
    with pytest.raises(Unpatchable, match="backwards"):
        moved([ListEdit(4000, 0, 1 << 31)], 1)


def test_an_edit_shorter_than_the_media_gets_no_longer() -> None:
    assert moved([ListEdit(2000, 0)], 7714)[1].length == 1999
    assert first_at(moved([ListEdit(2000, 0)], 7714)) == 7714


@pytest.mark.parametrize(
    ("edits", "ticks"),
    [
        ([ListEdit(2000, 0)], -2000 * 48),
        ([ListEdit(0, 0)], -N_MEDIA),
        ([ListEdit(2000, 0), ListEdit(500, PAUSE)], -2100 * 48),
        ([ListEdit(2000, 0), ListEdit(500, 7, 0)], -2100 * 48),
    ],
)
def test_nothing_left_is_refused(edits: list[ListEdit], ticks: int) -> None:
    with pytest.raises(Unpatchable, match="nothing of the sound would be left"):
        moved(edits, ticks)


@pytest.mark.parametrize("edits", [[ListEdit(5, PAUSE)], [ListEdit(0, 0), ListEdit(5, 0)]])
def test_lists_without_a_meaning_are_refused(edits: list[ListEdit]) -> None:
    with pytest.raises(Unpatchable):
        moved(edits, 100)


def test_the_length_is_that_of_all_edits() -> None:
    assert total_length([ListEdit(100, PAUSE), ListEdit(2000, 0)], CLOCK, 0) == 2100
    assert total_length([ListEdit(100, PAUSE), ListEdit(0, 48)], CLOCK, 48000) == 1099
    assert total_length([ListEdit(100, PAUSE), ListEdit(0, 48)], CLOCK, 0) == 0


@pytest.mark.parametrize("length", [5, 1 << 32])
@pytest.mark.parametrize("begin", [PAUSE, 7, 1 << 31])
@pytest.mark.parametrize("is_long", [False, True])
def test_what_is_written_is_read_again(length: int, begin: int, is_long: bool) -> None:
    edits = [ListEdit(length, begin, RATE), ListEdit(1, 2, 0)]
    content = edit_list_content(edits, is_long)
    assert parse_edits(content) == edits
    assert content[0] == (is_long or length >> 32 > 0 or begin >> 31 > 0)
    with pytest.raises(Unpatchable, match="too large"):
        edit_list_content([ListEdit(1 << 64, 0)], is_long)


@pytest.mark.parametrize(
    "content",
    [b"", bytes(7), struct.pack(">IIIII", 0, 2, 1, 0, RATE), struct.pack(">II", 2 << 24, 0)],
)
def test_damaged_lists_are_refused(content: bytes) -> None:
    with pytest.raises(Unpatchable, match="damaged"):
        parse_edits(content)
    assert len(list(edits_in(content))) <= 1


def test_an_absurd_count_is_refused() -> None:
    with pytest.raises(Unpatchable, match="more than"):
        parse_edits(struct.pack(">II", 0, 1 << 30) + bytes(100))


def test_times_are_rounded_as_ffmpeg_does() -> None:
    clock = Clock(600, 44100)
    assert [clock.to_track(n) for n in (1, 2, 3)] == [74, 147, 221]
    assert clock.to_movie(147) == Fraction(2)
