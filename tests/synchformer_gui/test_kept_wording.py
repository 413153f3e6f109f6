from fractions import Fraction

import pytest

from core.media.plan import Method, Move
from synchformer_gui.kept_wording import kept_text, moved_text


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
