from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction, Inexact
from core.correction.plan.file_name import default_target
from core.media.delay_hints import delay_hints
from core.media.info import MediaInfo
from core.media.probe import probe


@pytest.fixture
def plain(make_clip: Callable[..., Path]) -> MediaInfo:
    return probe(make_clip("plain.mp4", duration_s=1, size=(96, 80)))


@pytest.mark.parametrize(
    ("source", "target"),
    [
        ("/a/clip.mp4", "clip.synced.mp4"),
        ("/a/my.clip.MOV", "my.clip.synced.MOV"),
        ("/a/clip.m2ts", "clip.synced.m2ts"),
        ("/a/clip.LRV", "clip.synced.LRV"),
        ("/a/misnamed.avi", "misnamed.synced.avi"),
    ],
)
def test_the_usual_target_stands_beside_the_source(
    source: str, target: str, plain: MediaInfo
) -> None:
    assert default_target(replace(plain, path=Path(source))) == Path("/a") / target


def test_a_container_without_patches_and_muxer_becomes_matroska(plain: MediaInfo) -> None:
    info = replace(plain, path=Path("/a/clip.wmv"), container="asf")
    assert default_target(info) == Path("/a/clip.synced.mkv")


def test_an_avi_with_coded_sound_goes_to_matroska_unless_it_may_be_inexact(
    make_clip: Callable[..., Path],
) -> None:
    coded = probe(make_clip("coded.avi", duration_s=1, audio_codec="libmp3lame", rate_hz=48000))
    assert default_target(coded).suffix == ".mkv"
    assert default_target(coded, Inexact.NEAREST).suffix == ".avi"
    plain = probe(make_clip("plain.avi", duration_s=1, audio_codec="pcm_s16le"))
    assert default_target(plain).suffix == ".avi"


@pytest.mark.parametrize(
    ("template", "name"),
    [
        ("{name}{ext}.fixed{ext}", "clip.mp4.fixed.mp4"),
        ("{name}.{delay_ms}ms.{stream}{ext}", "clip.-7.5ms.1-2.mp4"),
        ("fixed", "fixed"),
    ],
)
def test_names_follow_a_template(template: str, name: str, plain: MediaInfo) -> None:
    info = replace(plain, path=Path("/a/clip.mp4"))
    correction = Correction((1, 2), Fraction(-15, 2000))
    assert default_target(info, template=template, correction=correction) == Path("/a") / name


def test_the_name_of_a_corrected_file_states_no_delay(plain: MediaInfo) -> None:
    info = replace(plain, path=Path("/a/talk DELAY 160ms.mp4"))
    assert [hint.delay_s for hint in delay_hints(info)] == [Fraction(16, 100)]
    target = default_target(info, template="{name}.fixed{ext}")
    assert target == Path("/a/talk.fixed.mp4")
    assert delay_hints(replace(info, path=target)) == ()


@pytest.mark.parametrize(
    ("delay_ms", "text"),
    [("12345.678", "+12345.678"), ("-1234567", "-1234567"), ("0.0204", "+0.02"), ("0", "+0")],
)
def test_names_state_delays_to_a_thousandth_of_a_millisecond(
    delay_ms: str, text: str, plain: MediaInfo
) -> None:
    correction = Correction((1,), Fraction(delay_ms) / 1000)
    assert default_target(plain, template="{delay_ms}", correction=correction).name == text


@pytest.mark.parametrize("template", ["", "{title}", "{0}", "{name", "../{name}", "a/{name}"])
def test_a_wrong_template_is_refused(template: str, plain: MediaInfo) -> None:
    with pytest.raises(ValueError, match=r"is no (template|name of a file)|which is no name"):
        default_target(plain, template=template)
