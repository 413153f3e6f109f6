from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.media.info import MediaInfo, start_of
from core.media.naming import delay_hints
from core.media.probe import probe
from core.timing import parse_delay
from synchformer_gui.export_proposal import clip_hints, propose

MakeClip = Callable[..., Path]


@pytest.fixture
def late(make_clip: MakeClip) -> MediaInfo:
    """A clip whose sound starts about 300 ms after its picture."""
    path = make_clip("talk.mkv", duration_s=2.0, size=(96, 80), audio_start_s=0.3)
    return probe(path)


@pytest.mark.parametrize(
    ("name", "delay_s"),
    [
        ("talk DELAY -33ms.mkv", Fraction(-33, 1000)),
        ("talk DELAY 120 ms.mkv", Fraction(120, 1000)),
        ("states a delay of 7 ms; it is not applied. DELAY 5ms.mkv", Fraction(5, 1000)),
    ],
)
def test_a_delay_in_the_name_is_a_hint(late: MediaInfo, name: str, delay_s: Fraction) -> None:
    hint = clip_hints(replace(late, path=Path(name)))[0]

    assert hint.delay_s == delay_s
    assert hint.audio_stream_index is None
    assert "not applied" in hint.sentence


def test_different_starts_are_a_hint_to_start_together(late: MediaInfo) -> None:
    (hint,) = clip_hints(late)

    assert late.picture is not None
    assert start_of(late.audios[0]) + hint.delay_s == start_of(late.picture)
    assert hint.audio_stream_index == late.audios[0].index
    assert "after the picture" in hint.sentence


def test_every_hint_of_the_core_is_understood(late: MediaInfo) -> None:
    info = replace(late, path=Path("a DELAY 9ms.mkv"))

    assert [hint.sentence for hint in clip_hints(info)] == list(delay_hints(info))


def test_a_hint_is_proposed_as_it_would_be_typed(late: MediaInfo) -> None:
    (hint,) = clip_hints(late)
    proposal = propose(late, late.audios[0].index, hint=hint)

    assert parse_delay(proposal.delay) == hint.delay_s
    assert proposal.audio_stream_index == late.audios[0].index


def test_nothing_is_proposed_unmeasured(late: MediaInfo) -> None:
    proposal = propose(late, 1)

    assert proposal.delay == ""
    assert "Nothing was measured yet" in proposal.advice
