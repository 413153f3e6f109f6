"""Truncated files are recognised by their structure; whole ones are not suspected."""

import os
import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.errors import SyncError
from core.media.formats.output_format import Layout
from core.media.formats.truncation import is_truncated
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

PCM = {"audio_codec": "pcm_s16le"}
KINDS = {
    "mp4": {},
    "mov": PCM,
    "mkv": {},
    "webm": {"video_codec": "libvpx", "audio_codec": "libopus", "rate_hz": 48000},
    "ts": {},
    "m2ts": {},
    "flv": {"rate_hz": 44100},
    "avi": {"video_codec": "mpeg4"} | PCM,
    "mxf": {"video_codec": "mpeg2video", "rate_hz": 48000} | PCM,
}
OTHERS = ("faststart.mp4", "fragmented.mp4", "live.mkv")
TS_PACKET = {"ts": 188, "m2ts": 192}


def made_whole(name: str, make_clip: Callable[..., Path], tmp_path: Path) -> Path:
    """Write a whole file in a container."""
    if name in KINDS:
        return make_clip(f"clip.{name}", duration_s=3, size=(96, 80), **KINDS[name])
    clip, target = make_clip("plain.mp4", duration_s=3, size=(96, 80)), tmp_path / name
    if name == "live.mkv":
        with av.open(str(clip)) as source, av.open(str(target), "w", options={"live": "1"}) as made:
            streams = [made.add_stream_from_template(stream) for stream in source.streams]
            for packet in source.demux():
                if packet.size:
                    packet.stream = streams[packet.stream_index]
                    made.mux(packet)
        return target
    layout = Layout(target.stem)
    return write_corrected(probe(clip), target, Correction((1,), Fraction(1, 100)), layout=layout)


@pytest.mark.parametrize("name", [*KINDS, *OTHERS])
def test_a_cut_is_seen_and_told(name: str, make_clip: Callable[..., Path], tmp_path: Path) -> None:
    whole = made_whole(name, make_clip, tmp_path)
    container, content = probe(whole).container, whole.read_bytes()
    assert not is_truncated(whole, container)
    size, unit = len(content), TS_PACKET.get(whole.suffix[1:], 0)
    rng = random.Random(1)
    places = [size - 1, size - 3, *(rng.randrange(size // 8, size) for _ in range(40))]
    for place in sorted(places, reverse=True):
        os.truncate(whole, place)
        if not unit or place % unit:
            assert is_truncated(whole, container), place - size
    for place in (size // 4, size // 2, size * 9 // 10, size - 101):
        whole.write_bytes(content[: place + (place % unit == 0 if unit else 0)])
        assert_refused_or_told(whole, tmp_path / f"out{whole.suffix}")


def assert_refused_or_told(cut: Path, target: Path) -> None:
    try:
        info = probe(cut)
        correction = Correction((info.audios[0].index,), Fraction(160, 1000))
        notes = plan_correction(info, correction, target).notes
        assert notes[0].startswith(f"The end of {cut.name} seems to be missing")
        write_corrected(info, target, correction)
        is_equal = verify_corrected(info, target, correction).packets_equal
        target.unlink()
        message = ""
    except SyncError as error:
        is_equal = False
        message = error.message
    assert is_equal or (message.startswith(cut.name) and "again" in message)
    assert not target.exists()


def test_what_stands_behind_a_whole_file_is_no_cut(make_clip: Callable[..., Path]) -> None:
    for name, tail in (("clip.mp4", bytes(700)), ("clip.mkv", b"TAG" + bytes(125))):
        clip = make_clip(name, duration_s=1, size=(64, 48))
        with clip.open("ab") as file:
            file.write(tail)
        assert not is_truncated(clip, probe(clip).container)


def test_a_file_that_is_gone_is_not_called_cut(tmp_path: Path) -> None:
    assert not is_truncated(tmp_path / "gone.mp4", "mov,mp4,m4a,3gp,3g2,mj2")
