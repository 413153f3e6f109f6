"""Damage in the middle of files is told, and pauses are not taken for it."""

from collections.abc import Callable, Iterable
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.errors import ExportError
from core.media.probe import probe
from tests.core.correction.steps import write_corrected
from tests.core.media.formats.mp4_boxes import fragment_positions

pytestmark = pytest.mark.usefixtures("written_anew")

MakeClip = Callable[..., Path]
TS_PACKET = 188
CLUSTER = b"\x1f\x43\xb6\x75"
"""What begins a cluster of Matroska (RFC 9559, 5.1.3)."""


def told_of(clip: Path) -> list[str]:
    """Correct a file; return what was told."""
    info = probe(clip)
    told: list[str] = []
    correction = Correction((info.audios[0].index,), Fraction(160, 1000))
    write_corrected(info, clip.with_stem("out"), correction, overwrite=True, tell=told.append)
    return told


def remuxed(
    clip: Path,
    target: Path,
    options: dict[str, str],
    keeps: Callable[[float, str], bool] = lambda time_s, kind: True,
) -> Path:
    """Write packets to another file, but for some."""
    with av.open(str(clip)) as reader, av.open(str(target), "w", options=options) as writer:
        copies = [writer.add_stream_from_template(stream) for stream in reader.streams]
        for packet in reader.demux():
            time_s = float((packet.dts or 0) * packet.time_base)
            if packet.size and keeps(time_s, packet.stream.type):
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)
    return target


def overwrite(clip: Path, begin: int, content: bytes) -> None:
    with clip.open("r+b") as file:
        file.seek(begin)
        file.write(content)


def assert_gaps(told: Iterable[str], clip: Path) -> None:
    """Assert that a gap of picture and one of sound were told."""
    gaps = [note for note in told if note.startswith("Between ")]
    for index, kind in enumerate(("video", "audio")):
        words = f"nothing could be read of stream {index} of {clip.name} ({kind}), which is damaged"
        assert sum(words in note for note in gaps) == 1


@pytest.fixture
def plain(make_clip: MakeClip) -> Path:
    return make_clip("plain.mp4", duration_s=6, size=(160, 128))


SHORT_CLUSTERS = {"cluster_time_limit": "1000"}
FRAGMENTS = {"movflags": "empty_moov+default_base_moof", "frag_duration": "1000000"}


@pytest.mark.parametrize("n_bytes", [3000, 15000])
def test_a_hole_in_matroska_is_told(make_clip: MakeClip, tmp_path: Path, n_bytes: int) -> None:
    plain = make_clip("plain.mp4", duration_s=6, size=(160, 128), video_codec="mpeg4")
    clip = remuxed(plain, tmp_path / "clip.mkv", SHORT_CLUSTERS)
    assert told_of(clip) == []
    overwrite(clip, clip.stat().st_size // 2, bytes(n_bytes))
    assert_gaps(told_of(clip), clip)


def test_a_hole_in_flash_video_is_told(make_clip: MakeClip) -> None:
    clip = make_clip("clip.flv", duration_s=6, size=(160, 128), rate_hz=44100)
    assert told_of(clip) == []
    content = clip.read_bytes()
    half = len(content) // 2
    clip.write_bytes(content[:half] + bytes(3000) + content[half + 3000 :])
    assert any("which is damaged there" in note for note in told_of(clip))


@pytest.mark.parametrize(
    ("begin", "damage"),
    [(4, b"free"), (4, bytes(4)), (8, bytes(64))],
    ids=["free", "zeros", "empty"],
)
def test_a_fragment_without_description_is_told(
    plain: Path, tmp_path: Path, begin: int, damage: bytes
) -> None:
    clip = remuxed(plain, tmp_path / "clip.mp4", FRAGMENTS)
    assert told_of(clip) == []
    places = fragment_positions(clip)
    overwrite(clip, places[len(places) // 2] + begin, damage)
    assert_gaps(told_of(clip), clip)


def test_fragments_behind_what_is_no_box_are_told(plain: Path, tmp_path: Path) -> None:
    clip = remuxed(plain, tmp_path / "clip.mp4", FRAGMENTS)
    places = fragment_positions(clip)
    overwrite(clip, places[len(places) // 2], bytes(8))
    (note,) = told_of(clip)
    assert note.startswith("From 3.")
    assert "on clip.mp4 is damaged and cannot be read; copy the file again" in note


@pytest.mark.parametrize("is_zeroed", [True, False])
def test_missing_packets_of_a_transport_stream_are_told(
    plain: Path, tmp_path: Path, is_zeroed: bool
) -> None:
    clip = remuxed(plain, tmp_path / "clip.ts", {})
    assert told_of(clip) == []
    content, n_missing = clip.read_bytes(), 103 * TS_PACKET
    begin = len(content) // 2 // TS_PACKET * TS_PACKET
    zeros = bytes(n_missing * is_zeroed)
    clip.write_bytes(content[:begin] + zeros + content[begin + n_missing :])
    told = told_of(clip)
    assert_gaps(told, clip)
    assert any("the counter of stream" in note for note in told)


def test_transport_streams_that_were_joined_are_not_called_damaged(
    plain: Path, tmp_path: Path
) -> None:
    clip = remuxed(plain, tmp_path / "clip.ts", {})
    content = bytearray(clip.read_bytes())
    for place in range(len(content) // 2 // TS_PACKET * TS_PACKET, len(content), TS_PACKET):
        # The counter is the second half of the fourth byte (ISO 13818-1, 2.4.3.2).
        content[place + 3] = content[place + 3] & 0xF0 | (content[place + 3] + 5) & 0x0F
    clip.write_bytes(content)
    told = told_of(clip)
    assert told
    assert all("if no files were joined there" in note for note in told)


def test_pictures_that_the_index_of_an_avi_names_are_missed(make_clip: MakeClip) -> None:
    codecs = {"video_codec": "mpeg4", "audio_codec": "pcm_s16le"}
    clip = make_clip("clip.avi", duration_s=4, size=(160, 128), **codecs)
    assert told_of(clip) == []
    overwrite(clip, clip.stat().st_size // 2, bytes(9000))
    (note,) = told_of(clip)
    assert " of 100 pictures of stream 0 of clip.avi could not be read" in note


@pytest.mark.parametrize(
    ("name", "options"),
    [("clip.mkv", SHORT_CLUSTERS), ("clip.mp4", FRAGMENTS), ("clip.ts", {}), ("clip.mp4", {})],
)
@pytest.mark.parametrize("paused", [("video",), ("audio",), ("video", "audio")])
def test_pauses_are_no_damage(
    plain: Path, tmp_path: Path, name: str, options: dict[str, str], paused: tuple[str, ...]
) -> None:
    def keeps(time_s: float, kind: str) -> bool:
        return kind not in paused or not 2 < time_s < 4

    clip = remuxed(plain, tmp_path / name, options, keeps)
    assert told_of(clip) == []


def void(n_bytes: int) -> bytes:
    return b"\xec" + (1 << 28 | n_bytes).to_bytes(4, "big") + bytes(n_bytes)


def tags(n_bytes: int) -> bytes:
    return b"\x12\x54\xc3\x67" + (1 << 28 | n_bytes).to_bytes(4, "big") + void(n_bytes - 5)


@pytest.mark.parametrize("paused", ["video", "audio"])
@pytest.mark.parametrize("filler", [void(5000), void(5000) + tags(2000)], ids=["void", "tags"])
def test_pauses_beside_padding_of_matroska_are_no_damage(
    plain: Path, tmp_path: Path, paused: str, filler: bytes
) -> None:
    def keeps(time_s: float, kind: str) -> bool:
        return kind != paused or not 2 < time_s < 4

    # Without sizes of its parts, which is how a file is written that is sent on at once.
    clip = remuxed(plain, tmp_path / "clip.mkv", SHORT_CLUSTERS | {"live": "1"}, keeps)
    content = clip.read_bytes()
    clip.write_bytes(content.replace(CLUSTER, filler + CLUSTER))
    assert told_of(clip) == []
    # Where the padding itself cannot be read, there may have been anything.
    clip.write_bytes(content.replace(CLUSTER, bytes(len(filler)) + CLUSTER))
    assert any(f"({paused}), which is damaged there" in note for note in told_of(clip))


def test_a_hole_beside_padding_of_matroska_is_told(plain: Path, tmp_path: Path) -> None:
    clip = remuxed(plain, tmp_path / "clip.mkv", SHORT_CLUSTERS | {"live": "1"})
    padded = clip.read_bytes().replace(CLUSTER, void(5000) + CLUSTER)
    clip.write_bytes(padded)
    assert told_of(clip) == []
    place = padded.index(CLUSTER, len(padded) // 2)
    overwrite(clip, place - 100, bytes(3000))
    assert_gaps(told_of(clip), clip)


def test_pauses_beside_scripts_of_flash_video_are_no_damage(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    def keeps(time_s: float, kind: str) -> bool:
        return kind != "audio" or not 2 < time_s < 4

    plain = make_clip("plain.flv", duration_s=6, size=(160, 128), rate_hz=44100)
    clip = remuxed(plain, tmp_path / "clip.flv", {}, keeps)
    with av.open(str(clip)) as reader:
        packets = [packet for packet in reader.demux() if packet.size]
        at = next(p.pos or 0 for p in packets if (p.dts or 0) * p.time_base > 3)
    # What a live stream repeats; here, a long text (Adobe FLV specification 10.1, E.4.4).
    script = b"\2\0\12onMetaData\14" + (5000).to_bytes(4, "big") + b"x" * 5000
    tag = b"\22" + len(script).to_bytes(3, "big") + bytes(7) + script
    content = clip.read_bytes()
    for filler, is_damaged in ((tag + len(tag).to_bytes(4, "big"), False), (bytes(5000), True)):
        clip.write_bytes(content[:at] + filler + content[at:])
        assert any("which is damaged" in note for note in told_of(clip)) == is_damaged


def test_only_some_of_many_gaps_are_told_one_by_one(plain: Path, tmp_path: Path) -> None:
    clip = remuxed(plain, tmp_path / "clip.mp4", FRAGMENTS | {"frag_duration": "200000"})
    places = fragment_positions(clip)
    for place in places[1::3]:
        overwrite(clip, place + 4, b"free")
    told = told_of(clip)
    assert len(told) == 6
    assert all(a <= b for a, b in pairwise(told[:5]))
    assert told[5].endswith("more such gaps in clip.mp4.")


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
