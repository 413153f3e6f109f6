"""Damaged files: the readable part is used, and the rest is reported."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.errors import MediaError
from core.media.decoder import ClipDecoder

MakeClip = Callable[..., Path]
DecodeClip = Callable[..., Any]
OpenClip = Callable[..., ClipDecoder]


def _index_first(path: Path, target: Path) -> Path:
    """Copy an MP4 so that its index precedes the data."""
    with (
        av.open(str(path)) as source,
        av.open(str(target), "w", options={"movflags": "faststart"}) as out,
    ):
        copies = {s.index: out.add_stream_from_template(s) for s in source.streams}
        for packet in source.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                out.mux(packet)
    return target


def test_cut_off_file_is_used_and_told(
    make_clip: MakeClip, decode_clip: DecodeClip, tmp_path: Path
) -> None:
    path = _index_first(make_clip(duration_s=6.0), tmp_path / "cut.mp4")
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    clip = decode_clip(path)
    assert 50 <= np.count_nonzero(clip.has_video) <= 110
    assert any("picture ends after" in w and "states 6.0 s" in w for w in clip.warnings)
    assert all(w.startswith("cut.mp4: ") and w.endswith(".") for w in clip.warnings)


def test_cut_off_matroska_is_told(make_clip: MakeClip, decode_clip: DecodeClip) -> None:
    path = make_clip("cut.mkv", duration_s=6.0)
    path.write_bytes(path.read_bytes()[: path.stat().st_size * 6 // 10])
    (warning,) = decode_clip(path).warnings
    assert "picture and sound end after" in warning


def test_damage_in_the_middle_is_left_out_and_told(
    make_clip: MakeClip, decode_clip: DecodeClip, tmp_path: Path
) -> None:
    path = _index_first(make_clip(duration_s=6.0), tmp_path / "damaged.mp4")
    data = bytearray(path.read_bytes())
    middle = len(data) // 2
    data[middle : middle + 3000] = b"\x55" * 3000
    path.write_bytes(data)
    clip = decode_clip(path)
    assert 145 <= np.count_nonzero(clip.has_video) <= 150
    assert np.abs(clip.offsets_near(0.0)).max() < 0.05
    assert any("the picture is damaged in" in w for w in clip.warnings)
    assert any("the sound is damaged in" in w for w in clip.warnings)


@pytest.mark.parametrize("what", ["picture", "sound"])
def test_stream_without_anything_to_decode_is_an_error(
    make_clip: MakeClip, open_clip: OpenClip, tmp_path: Path, what: str
) -> None:
    path = _index_first(make_clip(duration_s=2.0), tmp_path / "dead.mp4")
    with av.open(str(path)) as container:
        stream = container.streams.video[0] if what == "picture" else container.streams.audio[0]
        places = [(p.pos or 0, p.size) for p in container.demux(stream) if p.size]
    data = bytearray(path.read_bytes())
    for position, size in places:
        data[position : position + size] = b"\xff" * size
    opened = open_clip(path)
    path.write_bytes(data)
    with (
        pytest.raises(MediaError, match=f"dead.mp4 has .*{what}.* cannot be decoded; export"),
        opened as decoder,
    ):
        list(decoder)


def test_file_that_went_away_is_an_error(make_clip: MakeClip, open_clip: OpenClip) -> None:
    path = make_clip(duration_s=1.0)
    opened = open_clip(path)
    path.unlink()
    with pytest.raises(MediaError, match="does not exist"), opened as decoder:
        list(decoder)
