from collections.abc import Callable
from pathlib import Path

import pytest

from core.detection.config import DetectionConfig
from core.detection.result import Coverage, Detection, OffsetEstimate, Opinion, Reason, Verdict
from core.media.delay_hints import delay_hints
from core.media.info import MediaInfo
from core.media.probe import probe
from core.timing import parse_delay
from synchformer_gui.views.export.initial_values import propose

MakeClip = Callable[..., Path]


@pytest.fixture
def late(make_clip: MakeClip) -> MediaInfo:
    """A clip whose sound starts about 300 ms after its picture."""
    path = make_clip("talk.mkv", duration_s=2.0, size=(96, 80), audio_start_s=0.3)
    return probe(path)


def test_a_hint_is_proposed_as_it_would_be_typed(late: MediaInfo) -> None:
    (hint,) = delay_hints(late)
    proposal = propose(late, late.audios[0].index, hint=hint)

    assert parse_delay(proposal.delay) == hint.delay_s
    assert proposal.audio_stream_index == late.audios[0].index


def test_nothing_is_proposed_unmeasured(late: MediaInfo) -> None:
    proposal = propose(late, 1)

    assert proposal.delay == ""
    assert "Nothing was measured yet" in proposal.advice


def test_no_delay_of_0_is_proposed(late: MediaInfo) -> None:
    estimate = OffsetEstimate(
        0.0003, (-0.03, 0.03), 0.9, 0.99, Verdict.IN_SYNC, Reason.NONE, windows_used=9
    )
    detection = Detection(
        info=late,
        config=DetectionConfig(),
        opinion=Opinion("built-in model", "builtin", estimate),
        second_opinion=None,
        evidence=(),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage(()),
    )
    proposal = propose(late, 1, detection)

    assert proposal.delay == ""
    assert "found on time" in proposal.advice
