"""Damage in the middle of files is told as far as the demuxer marks it."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.errors import ExportError
from core.media.probe import probe
from tests.core.correction.steps import write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

MakeClip = Callable[..., Path]
TS_PACKET = 188


def told_of(clip: Path) -> list[str]:
    """Correct a file; return what was told."""
    info = probe(clip)
    told: list[str] = []
    correction = Correction((info.audios[0].index,), Fraction(160, 1000))
    write_corrected(info, clip.with_stem("out"), correction, overwrite=True, tell=told.append)
    return told


@pytest.mark.parametrize("is_zeroed", [True, False])
def test_missing_packets_of_a_transport_stream_are_told(
    make_clip: MakeClip, is_zeroed: bool
) -> None:
    clip = make_clip("clip.ts", duration_s=6, size=(160, 128))
    assert told_of(clip) == []
    content, n_missing = clip.read_bytes(), 103 * TS_PACKET
    begin = len(content) // 2 // TS_PACKET * TS_PACKET
    zeros = bytes(n_missing * is_zeroed)
    clip.write_bytes(content[:begin] + zeros + content[begin + n_missing :])
    (told,) = told_of(clip)
    assert told.startswith("clip.ts is damaged or was joined from parts, in stream 0 (at 2.9 s)")


def test_a_stream_that_begins_in_the_middle_is_refused(make_clip: MakeClip) -> None:
    clip = make_clip("clip.flv", duration_s=6, size=(160, 128), rate_hz=44100)
    content = clip.read_bytes()
    with av.open(str(clip)) as reader:
        places = [packet.pos or 0 for packet in reader.demux() if packet.size]
    # A tag of texts, which become a stream (Adobe FLV specification 10.1, E.4.4).
    text = b"\2\0\12onTextData\10\0\0\0\1\0\4text\2\0\2hi\0\0\11"
    tag = b"\22" + len(text).to_bytes(3, "big") + bytes(7) + text
    tag += len(tag).to_bytes(4, "big")
    at = places[-20]
    clip.write_bytes(content[:at] + tag + content[at:])
    with pytest.raises(ExportError, match="a stream that begins in its middle"):
        told_of(clip)
