"""Where retimed sound is measured, and what is said where it cannot be."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest

from core.correction.correction import Correction
from core.correction.retiming import RetimedPiece, Retiming
from core.correction.verify.retimed_audio import _excerpts
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import SILENT
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

MS = Fraction(1, 1000)


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Callable[..., MediaInfo]:
    """Return a function that makes a clip of 6 s."""

    def make(name: str, **options: object) -> MediaInfo:
        settings: dict[str, object] = {"rate_hz": 48000, "size": (96, 80), "duration_s": 6.0}
        return probe(make_clip(name, **(settings | options)))

    return make


def moving(*pieces: tuple[float | None, float | None, int]) -> Correction:
    """Return a correction of pieces with a begin, an end and a delay in ms of their own."""
    return Correction(
        (1,),
        Fraction(0),
        retiming=Retiming(
            tuple(
                RetimedPiece(
                    None if begin_s is None else Fraction(begin_s),
                    None if end_s is None else Fraction(end_s),
                    Fraction(1),
                    delay_ms * MS,
                )
                for begin_s, end_s, delay_ms in pieces
            )
        ),
    )


def test_channels_in_opposite_phase_are_heard() -> None:
    left = np.sin(np.arange(4800) / 10)
    block = SimpleNamespace(position=0, end=4800, samples=np.stack([left, -left]))
    audio: Any = SimpleNamespace(rate_hz=48_000, blocks=lambda _: [block])
    (excerpt,) = _excerpts(audio, [(0.0, 0.1)], SILENT)
    assert np.abs(excerpt).max() > 0.2


def test_an_error_in_a_short_piece_is_found(
    clip: Callable[..., MediaInfo], clip_events: Callable[..., list[float]], tmp_path: Path
) -> None:
    info, target = clip("clip.mov", audio_codec="pcm_s16le"), tmp_path / "out.mov"
    begin_s = clip_events(0, 6.0)[3] - 0.1
    end_s = begin_s + 0.5
    asked = moving((None, begin_s, 0), (begin_s, end_s, 30), (end_s, None, 60))
    made = moving((None, begin_s, 0), (begin_s, end_s, 45), (end_s, None, 60))

    write_corrected(info, target, asked)
    right = verify_corrected(info, target, asked)
    assert right.passed
    assert not right.retimed[0].n_unmeasured
    write_corrected(info, target, made, overwrite=True)
    wrong = verify_corrected(info, target, asked)
    assert not wrong.passed
    assert wrong.retimed[0].error_s == pytest.approx(0.015, abs=0.001)


def test_pieces_that_are_too_short_or_too_quiet_are_counted(
    clip: Callable[..., MediaInfo], clip_events: Callable[..., list[float]], tmp_path: Path
) -> None:
    info, target = clip("clip.mov", audio_codec="pcm_s16le"), tmp_path / "out.mov"
    event_s = clip_events(0, 6.0)[3]
    # Beeps last 0.15 s; what lies between is faint noise.
    borders_s = [event_s - 0.03, event_s + 0.08, event_s + 0.3, event_s + 0.42]
    correction = moving(
        (None, borders_s[0], 0),
        (borders_s[0], borders_s[1], 20),
        (borders_s[1], borders_s[2], 40),
        (borders_s[2], borders_s[3], 60),
        (borders_s[3], None, 80),
    )
    write_corrected(info, target, correction)
    found = verify_corrected(info, target, correction)
    assert found.passed
    assert found.retimed[0].n_unmeasured == 2


@pytest.mark.parametrize("suffix", [".mp4", ".mkv", ".avi"])
@pytest.mark.parametrize("delay_s", [-2, 2])
def test_what_the_container_cannot_hold_is_not_looked_for(
    suffix: str, delay_s: int, clip: Callable[..., MediaInfo], tmp_path: Path
) -> None:
    codecs = {".avi": ("mpeg4", "pcm_s16le")}.get(suffix, ("libx264", "aac"))
    info = clip(f"clip{suffix}", video_codec=codecs[0], audio_codec=codecs[1])
    target = tmp_path / f"out{suffix}"
    retiming = Retiming.stretched(Fraction(1001, 1000), Fraction(0))
    correction = Correction((1,), Fraction(delay_s), retiming=retiming)
    notes = " ".join(plan_correction(info, correction, target).notes)
    assert ("loses its first 2000 ms" in notes) == (suffix == ".avi" and delay_s < 0)
    assert ("gets 2000 ms of silence in front" in notes) == (suffix == ".avi" and delay_s > 0)
    write_corrected(info, target, correction)
    assert verify_corrected(info, target, correction).passed


@pytest.mark.parametrize(
    ("ratio", "delay_s", "words"),
    [
        (Fraction(25, 24), 0, "loses its last 250 ms"),
        (Fraction(1), 2, "loses its last 2000 ms"),
        (Fraction(24, 25), 0, "gets 240 ms of silence after it"),
    ],
)
def test_mxf_ends_sound_with_the_picture_and_says_so(
    ratio: Fraction, delay_s: int, words: str, clip: Callable[..., MediaInfo], tmp_path: Path
) -> None:
    info = clip("clip.mxf", video_codec="mpeg2video", audio_codec="pcm_s16le")
    target = tmp_path / "out.mxf"
    retiming = Retiming.stretched(ratio, Fraction(0))
    correction = Correction((1,), Fraction(delay_s), retiming=retiming)
    assert words in " ".join(plan_correction(info, correction, target).notes)
    write_corrected(info, target, correction)
    found = verify_corrected(info, target, correction)
    assert found.passed
    assert found.retimed[0].n_places > 3
    assert probe(target).audios[0].duration_s == pytest.approx(6.0, abs=0.05)
