"""Containers named by default and by advice take the very file."""

import re
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction, Inexact
from core.correction.plan.file_name import default_target
from core.errors import ExportError
from core.media.info import MediaInfo
from core.media.probe import probe
from core.workflow.from_detection import stretch_correction
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

MakeClip = Callable[..., Path]
LATER = Correction((1,), Fraction(4, 25))


@pytest.fixture
def old_camera(make_clip: MakeClip) -> MediaInfo:
    """A clip with pictures in JPEG and coded audio that only AVI takes."""
    path = make_clip(
        "camera.avi", duration_s=2, size=(96, 80), video_codec="mjpeg", audio_codec="adpcm_ima_wav"
    )
    return probe(path)


def retimed(info: MediaInfo) -> Correction:
    """A correction that no patch can make."""
    return stretch_correction(info, (1,), Fraction(1001, 1000), Fraction(0))


@pytest.mark.parametrize("rewritten", [".webm", ".WEBM"])
def test_webm_with_other_codecs_becomes_matroska_only_if_it_is_written_anew(
    rewritten: str, make_clip: MakeClip
) -> None:
    source = make_clip("clip.mkv", duration_s=2, size=(96, 80))
    renamed = source.rename(source.with_suffix(rewritten))
    info = probe(renamed)
    assert default_target(info, correction=LATER).suffix == rewritten
    assert default_target(info, correction=retimed(info)).suffix == ".mkv"


@pytest.mark.parametrize(
    ("made", "name", "suffix"),
    [("a.mp4", "a.LRV", ".mp4"), ("a.mov", "a.qt", ".mov"), ("a.ts", "a.tod", ".ts")],
)
def test_an_unknown_suffix_becomes_that_of_the_content_if_it_is_written_anew(
    made: str, name: str, suffix: str, make_clip: MakeClip
) -> None:
    path = make_clip(made, duration_s=1, size=(96, 80))
    info = probe(path.rename(path.with_name(name)))
    assert default_target(info, correction=LATER).suffix == info.path.suffix
    assert default_target(info, correction=retimed(info)).suffix == suffix


def test_audio_that_only_avi_takes_is_encoded_again_there_on_request(
    old_camera: MediaInfo,
) -> None:
    target = default_target(old_camera)
    assert target.suffix == ".avi"
    planned = plan_correction(old_camera, LATER, target)
    assert planned.refused == ()
    assert [choice.inexact for choice in planned.choices] == [Inexact.REENCODE]
    (refusal,) = plan_correction(old_camera, LATER, target.with_suffix(".mkv")).refused
    assert refusal.endswith("choose a name that ends in .avi and let the sound become PCM.")
    again = Correction(LATER.audio_stream_indices, LATER.audio_delay_s, Inexact.REENCODE)
    write_corrected(old_camera, target, again)
    assert verify_corrected(old_camera, target, again).passed


def test_a_file_for_no_container_is_refused_without_naming_one(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    path = make_clip("a.asf", duration_s=1, size=(96, 80), video_codec="wmv2", audio_codec="aac")
    info = probe(path)
    for target in (default_target(info), tmp_path / "out.mov", tmp_path / "out.mp4"):
        planned = plan_correction(info, LATER, target)
        assert planned.refused
        assert not re.search(r"ends in", " ".join(planned.refused))
    with pytest.raises(ExportError, match="convert it with another program"):
        plan_correction(info, LATER, tmp_path / "out.avi")


def test_an_advised_container_takes_the_file(make_clip: MakeClip, tmp_path: Path) -> None:
    info = probe(make_clip("a.mkv", duration_s=1, size=(96, 80), audio_codec="flac"))
    (refusal,) = plan_correction(info, LATER, tmp_path / "out.ts").refused
    suffix = re.search(r"ends in (\.\w+)\.$", refusal)
    assert suffix is not None
    assert plan_correction(info, LATER, tmp_path / f"out{suffix[1]}").is_possible


@pytest.mark.usefixtures("written_anew")
def test_a_listed_stream_without_packets_is_left_out(make_clip: MakeClip, tmp_path: Path) -> None:
    path = make_clip(
        "a.ts", duration_s=3, size=(96, 80), audio_codec="ac3", rate_hz=48000, n_audio=2
    )
    with av.open(str(path)) as reader:
        pid = reader.streams[2].id
    content = bytearray(path.read_bytes())
    for begin in range(0, len(content), 188):
        if int.from_bytes(content[begin + 1 : begin + 3], "big") & 0x1FFF == pid:
            # Nothing but stuffing.
            content[begin + 3 : begin + 6] = bytes([content[begin + 3] & 0xF | 0x20, 183, 0])
    path.write_bytes(content)
    info, target = probe(path), tmp_path / "out.ts"
    assert any("it is empty" in note for note in plan_correction(info, LATER, target).notes)
    write_corrected(info, target, LATER)
    assert verify_corrected(info, target, LATER).passed
