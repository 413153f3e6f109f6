"""Streams of unknown codecs and texts in other character sets do not stop a correction."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.media.probe import probe
from core.media.reader import UNREADABLE_TEXT
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected
from tests.core.media.formats.mp4_boxes import box

CYRILLIC = b"\xce\xe1\xf0\xe0\xe1\xee\xf2\xf7\xe8\xea  "
LATER = Correction((1,), Fraction(4, 25))


def test_audio_of_an_unknown_codec_is_left_out_with_a_note(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_clip(duration_s=1.0, n_audio=2)
    content = path.read_bytes()
    place = content.rfind(b"mp4a")
    unknown = content[place:].replace(b"mp4a", b"apac").replace(b"esds", b"dapa")
    path.write_bytes(content[:place] + unknown)
    info, target = probe(path), tmp_path / "out.mkv"
    assert any(
        "Stream 2 of clip.mp4 (audio, of kind apac)" in note
        for note in plan_correction(info, LATER, target).notes
    )
    write_corrected(info, target, LATER)
    assert verify_corrected(info, target, LATER).passed


def test_the_bytes_of_an_unreadable_text_are_kept(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_clip("clip.mov", duration_s=1.0)
    path.write_bytes(path.read_bytes().replace(b"SoundHandler", CYRILLIC))
    info, target = probe(path), tmp_path / "out.mov"
    write_corrected(info, target, LATER)
    assert verify_corrected(info, target, LATER).passed
    with av.open(str(target), metadata_errors=UNREADABLE_TEXT) as reader:
        name = reader.streams[1].metadata["handler_name"]
    assert name.encode("utf-8", UNREADABLE_TEXT) == CYRILLIC


@pytest.mark.usefixtures("written_anew")
def test_what_a_new_file_lacks_is_said_before(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_clip(duration_s=1.0)
    path.write_bytes(path.read_bytes() + box(b"sefd", bytes(9)))
    notes = plan_correction(probe(path), LATER, tmp_path / "out.mp4").notes
    assert "out.mp4 will lack boxes of the file (of type sefd), found in clip.mp4." in notes


def test_an_encrypted_file_is_not_written_anew(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    path = make_clip("clip.ts", duration_s=1.0)
    with av.open(str(path)) as reader:
        pid = reader.streams[1].id
    content = bytearray(path.read_bytes())
    info = probe(path)
    for begin in range(0, len(content), 188):
        if int.from_bytes(content[begin + 1 : begin + 3], "big") & 0x1FFF == pid:
            content[begin + 3] |= 0x80
    path.write_bytes(content)
    assert "clip.ts is encrypted" in plan_correction(info, LATER, tmp_path / "out.ts").refused[0]
