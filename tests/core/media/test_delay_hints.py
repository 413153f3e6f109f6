from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.media.delay_hints import delay_hints, without_delay
from core.media.info import MediaInfo, start_of
from core.media.probe import probe

MakeClip = Callable[..., Path]


@pytest.fixture
def late(make_clip: MakeClip) -> MediaInfo:
    """A clip whose sound starts about 300 ms after its picture."""
    return probe(make_clip("talk.mkv", duration_s=2.0, size=(96, 80), audio_start_s=0.3))


@pytest.mark.parametrize(
    ("name", "delay_ms"),
    [
        ("talk DELAY -33ms.mkv", -33),
        ("film T01 delay 120 ms.mkv", 120),
        ("talk_DELAY_-120ms.mkv", -120),
        ("talk_DELAY -120 ms_final.mkv", -120),
        ("talk DELAY +120ms.mkv", 120),
        ("states a delay of 7 ms; it is not applied. DELAY 5ms.mkv", 5),
    ],
)
def test_a_delay_in_the_name_is_a_hint(late: MediaInfo, name: str, delay_ms: int) -> None:
    hint = delay_hints(replace(late, path=Path(name)))[0]
    assert hint.delay_s == Fraction(delay_ms, 1000)
    assert hint.audio_stream_index is None
    assert f"{delay_ms} ms; it is not applied" in hint.sentence


def test_names_that_state_no_delay_give_no_hint(make_clip: MakeClip) -> None:
    plain = probe(make_clip("film.mkv", duration_s=2.0, size=(96, 80)))
    for name in (
        "film.mkv",
        "delayed 33ms.mkv",
        "nodelay 33ms.mkv",
        "film DELAY 33msec.mkv",
        "film DELAY 0ms.mkv",
    ):
        assert delay_hints(replace(plain, path=Path(name))) == ()


def test_different_starts_are_a_hint_to_start_together(late: MediaInfo) -> None:
    (hint,) = delay_hints(late)
    assert late.video is not None
    assert start_of(late.audios[0]) + hint.delay_s == start_of(late.video)
    assert hint.audio_stream_index == late.audios[0].index
    assert "audio stream 1 starts 300 ms after the picture" in hint.sentence


def test_sound_may_start_first(make_clip: MakeClip) -> None:
    early = probe(make_clip("early.mkv", duration_s=2, size=(96, 80), video_start_s=0.5))
    (hint,) = delay_hints(early)
    assert hint.delay_s > 0
    assert "500 ms before the picture" in hint.sentence


@pytest.mark.parametrize(
    ("stem", "rest"),
    [
        ("talk DELAY -33ms", "talk"),
        ("talk T80 2_0ch DELAY 160 ms eng", "talk T80 2_0ch eng"),
        ("talk - DELAY 0ms - eng", "talk - eng"),
        ("talk (Delay 5ms) [DELAY 7ms].cut", "talk.cut"),
        ("DELAY 5ms talk", "talk"),
        ("DELAY 5ms", "clip"),
        (" delayed talk 5ms -", " delayed talk 5ms -"),
    ],
)
def test_a_stated_delay_leaves_the_rest_of_a_name(stem: str, rest: str) -> None:
    assert without_delay(stem) == rest
