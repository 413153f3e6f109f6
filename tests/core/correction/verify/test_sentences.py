from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.plan.moves import Method, Move
from core.correction.plan.plan import CorrectionPlan
from core.correction.verify.retimed_audio import RetimedCheck
from core.correction.verify.sentences import (
    failed_verification_sentence,
    kept_text,
    moved_text,
    verification_sentence,
)
from core.correction.verify.verify import Verification
from core.media.formats.output_format import AVI
from tests.core.correction.steps import unread_plan

EXACT = Verification(packets_equal=True, shift_error_s=0.0, lost_streams=())


def plan(method: Method = Method.TIMES, n_units: int = 0) -> CorrectionPlan:
    move = Move(1, method, Fraction(-4 if n_units < 0 else 4, 25), n_units)
    return unread_plan(AVI, (move,))


@pytest.mark.parametrize(
    ("method", "n_units", "kept"),
    [
        (Method.TIMES, 0, "picture and sound are unchanged, and the audio is exactly"),
        (Method.SAMPLES, -7, "unchanged but for the first 160 ms of the sound, which were cut off"),
        (Method.PACKETS, 3, "unchanged but for 160 ms of silence in front"),
        (Method.DECODED, 0, "the picture is unchanged, the moved sound was decoded to PCM"),
        (Method.RETIMED, 0, "all but the audio encoded again is unchanged"),
    ],
)
def test_only_what_is_unchanged_is_called_so(method: Method, n_units: int, kept: str) -> None:
    assert kept in verification_sentence(EXACT, plan(method, n_units))


def test_a_remainder_is_told() -> None:
    found = replace(EXACT, remainder_s=0.008)
    assert "8.0 ms too late, as announced" in verification_sentence(found, plan(Method.PACKETS, 2))


def test_sound_that_could_not_be_measured_is_not_called_exact():
    silent = RetimedCheck("stream 1", "AAC", 0.0, 0.001, n_places=0)
    found = Verification(True, 0.0, (), retimed=(silent,))
    assert "exactly" not in verification_sentence(found, plan())
    assert "listen to it" in verification_sentence(found, plan())
    measured = replace(found, retimed=(replace(silent, n_places=5),))
    assert "exactly at its place" in verification_sentence(measured, plan())


def test_what_differs_in_a_refused_file_is_named():
    found = Verification(True, 0.0, (), differing=("the start of chapter 2",))
    assert not found.passed
    said = failed_verification_sentence(Path("out.mp4"), found)
    assert "packets unchanged, different: the start of chapter 2); choose another" in said


def test_pieces_that_could_not_be_measured_are_told():
    check = RetimedCheck("stream 1", "AAC", 0.0, 0.001, n_places=5, n_unmeasured=1)
    found = Verification(True, 0.0, (), retimed=(check,))
    assert "but for 1 piece, which is too quiet or too short" in verification_sentence(
        found, plan()
    )
    found = replace(found, retimed=(check, replace(check, n_unmeasured=2)))
    assert "but for 3 pieces, which are too quiet" in verification_sentence(found, plan())


@pytest.mark.parametrize(
    ("asked_ms", "moved_ms", "text"),
    [
        ("160", None, "moved 160 ms later"),
        ("-3.3", None, "moved 3.3 ms earlier"),
        ("0", None, "not moved"),
        ("40", "48", "moved 48 ms later, 8 ms later than asked for"),
        ("-40", "-48", "moved 48 ms earlier, 8 ms earlier than asked for"),
        ("7", "0", "not moved, 7 ms earlier than asked for"),
        ("3.3", "3.3125", "moved 3.3 ms later"),
    ],
)
def test_sound_is_said_to_go_where_it_went(asked_ms: str, moved_ms: str | None, text: str) -> None:
    moved_s = None if moved_ms is None else Fraction(moved_ms) / 1000
    assert moved_text(Fraction(asked_ms) / 1000, moved_s) == text


@pytest.mark.parametrize(
    ("method", "delay_ms", "n_units", "text"),
    [
        (Method.TIMES, -160, 0, "picture and sound are unchanged"),
        (
            Method.SAMPLES,
            -160,
            -7680,
            "picture and sound are unchanged but for the first 160 ms of the sound, which were cut "
            "off",
        ),
        (
            Method.SAMPLES,
            40,
            1920,
            "picture and sound are unchanged but for 40 ms of silence in front",
        ),
        (Method.DECODED, 40, 1920, "the picture is unchanged, the moved sound was decoded to PCM"),
        (
            Method.DECODED,
            -40,
            -1920,
            "the picture is unchanged, the moved sound was decoded to PCM and lost its first 40 ms",
        ),
        (Method.RETIMED, 40, 0, "all but the audio encoded again is unchanged"),
    ],
)
def test_nothing_is_called_unchanged_that_is_not(
    method: Method, delay_ms: int, n_units: int, text: str
) -> None:
    assert kept_text((Move(1, method, Fraction(delay_ms, 1000), n_units),)) == text
