"""Damaged stream properties of a corrected file are found and named."""

import shutil
import struct
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected
from tests.core.media.formats.mp4_boxes import add_boxes, box

pytestmark = pytest.mark.usefixtures("written_anew")

needs_program = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed"
)

LATER = Correction((1,), Fraction(160, 1000))
CHAPTERS = """;FFMETADATA1
[CHAPTER]
TIMEBASE=1/1000
START=0
END=1000
title=One
[CHAPTER]
TIMEBASE=1/1000
START=1000
END=2000
title=Two
"""
SUBTITLES = "1\n00:00:00,500 --> 00:00:01,000\nHello\n\n2\n00:00:01,200 --> 00:00:01,800\nWorld\n"
PRIMARIES = (13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450)


BOXES = {
    b"pasp": box(b"pasp", struct.pack(">II", 4, 3)),
    b"colr": box(b"colr", b"nclx" + struct.pack(">HHHB", 9, 16, 9, 0x80)),
    b"mdcv": box(b"mdcv", struct.pack(">8HII", *PRIMARIES, 10_000_000, 1)),
    b"clli": box(b"clli", struct.pack(">HH", 1000, 400)),
    b"dvvC": box(b"dvvC", bytes([1, 0, 8 << 1, 5 << 3 | 0b101, 1 << 4]) + bytes(19)),
}


def damage(path: Path, mark: bytes, n_bytes_after: int, number: int = 0xFF) -> None:
    """Change the byte at a distance after the last mark."""
    content = bytearray(path.read_bytes())
    content[content.rindex(mark) + len(mark) + n_bytes_after] ^= number
    path.write_bytes(content)


def differing(info: MediaInfo, target: Path, correction: Correction = LATER) -> tuple[str, ...]:
    found = verify_corrected(info, target, correction)
    assert found.passed == (not found.differing)
    return found.differing


@pytest.fixture
def hdr(make_clip: Callable[..., Path]) -> MediaInfo:
    clip = make_clip(
        "clip.mp4", duration_s=1, size=(96, 80), video_codec="libx265", rotation_deg=90
    )
    return probe(add_boxes(clip, b"hev1", b"".join(BOXES.values())))


@pytest.mark.parametrize(
    ("mark", "n_bytes_after", "number", "words"),
    [
        (b"hvcC", 40, 1, "the codec header of stream 0 (video)"),
        (b"pasp", 3, 1, "the pixel aspect ratio (4/3 became 5/3) of stream 0 (video)"),
        (b"colr", 5, 8, "the color properties of stream 0 (video)"),
        (b"mdcv", 3, 1, "the mastering display of stream 0 (video)"),
        (b"clli", 1, 1, "the content light level of stream 0 (video)"),
        (b"dvvC", 2, 2, "the Dolby Vision configuration"),
        (b"esds", 39, 1, "the codec header of stream 1 (audio)"),
    ],
)
def test_another_description_of_a_stream_is_named(
    mark: bytes, n_bytes_after: int, number: int, words: str, hdr: MediaInfo, tmp_path: Path
) -> None:
    target = write_corrected(hdr, tmp_path / "out.mp4", LATER)
    assert differing(hdr, target) == ()
    damage(target, mark, n_bytes_after, number)
    assert words in differing(hdr, target)


def test_another_turn_of_the_picture_is_named(hdr: MediaInfo, tmp_path: Path) -> None:
    target = write_corrected(hdr, tmp_path / "out.mp4", LATER)
    content = target.read_bytes()
    turned = struct.pack(">5i", 0, -1 << 16, 0, 1 << 16, 0)
    assert content.count(turned) == 1
    upright = struct.pack(">5i", 1 << 16, 0, 0, 0, 1 << 16)
    target.write_bytes(content.replace(turned, upright))
    assert differing(hdr, target) == ("the rotation (90° became 0°) of stream 0 (video)",)


@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_nothing_is_missed_where_all_is_kept(suffix: str, hdr: MediaInfo, tmp_path: Path) -> None:
    target = write_corrected(hdr, tmp_path / f"out{suffix}", LATER)
    assert differing(hdr, target) == ()


@needs_program
@pytest.mark.parametrize("kind", ["mp4", "mkv"])
def test_another_chapter_or_subtitle_is_named(kind: str, tmp_path: Path) -> None:
    (tmp_path / "subtitles.srt").write_text(SUBTITLES)
    (tmp_path / "chapters.txt").write_text(CHAPTERS)
    run(
        *["-f", "lavfi", "-i", "testsrc2=s=96x80:r=25:d=2", "-f", "lavfi", "-i", "sine=1000:d=2"],
        *["-i", tmp_path / "subtitles.srt", "-i", tmp_path / "chapters.txt", "-map", "0"],
        *["-map", "1", "-map", "2", "-map_chapters", "3", "-c:v", "mpeg4", "-c:a", "aac"],
        *["-c:s", "mov_text" if kind == "mp4" else "srt", tmp_path / f"clip.{kind}"],
    )
    info = probe(tmp_path / f"clip.{kind}")
    whole = write_corrected(info, tmp_path / f"whole.{kind}", LATER)
    assert differing(info, whole) == ()
    target = tmp_path / f"out.{kind}"
    copy(whole, target, later_s=0.3)
    (told,) = differing(info, target)
    assert told.startswith("the times of stream 2 (subtitle), by 300.")
    copy(whole, target, longer_s=0.1)
    (told,) = differing(info, target)
    assert told.startswith("how long texts are shown of stream 2 (subtitle), by 100.")
    copy(whole, target, chapters={"start": 1500})
    assert "the start of chapter 2" in differing(info, target)
    copy(whole, target, chapters={"metadata": {"title": "Three"}})
    assert differing(info, target) == ("the title of chapter 2",)
    copy(whole, target, chapters=None)
    assert differing(info, target) == ("the chapters (2 became 0)",)


def run(*words: str | Path) -> None:
    subprocess.run(["ffmpeg", "-nostdin", "-loglevel", "error", "-y", *words], check=True)


def copy(
    source: Path,
    target: Path,
    *,
    later_s: float = 0.0,
    longer_s: float = 0.0,
    chapters: dict | None = {},  # noqa: B006
) -> None:
    """Copy a file, its subtitles later or longer, its second chapter changed or all removed."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        kept = [s for s in reader.streams if s.type in {"video", "audio", "subtitle"}]
        copies = {s.index: writer.add_stream_from_template(s, opaque=True) for s in kept}
        told = reader.chapters()
        told[1].update(chapters or {})
        writer.set_chapters([] if chapters is None else told)
        for packet in reader.demux(kept):
            if not packet.size:
                continue
            if packet.stream.type == "subtitle":
                packet.pts = (packet.pts or 0) + round(later_s / packet.time_base)
                packet.dts = packet.pts
                packet.duration = (packet.duration or 0) + round(longer_s / packet.time_base)
            packet.stream = copies[packet.stream_index]
            writer.mux(packet)


def test_colors_of_the_container_alone_are_announced_where_they_get_lost(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.mp4", duration_s=1, size=(96, 80))
    words = "The color description of clip.mp4 is left out: out.ts cannot hold it"
    assert not any(words in note for note in notes(clip, tmp_path / "out.ts"))
    add_boxes(clip, b"avc1", BOXES[b"colr"])
    assert any(words in note for note in notes(clip, tmp_path / "out.ts"))
    assert not any("color description" in note for note in notes(clip, tmp_path / "out.mkv"))
    for suffix in (".ts", ".mkv"):
        target = write_corrected(probe(clip), tmp_path / f"out{suffix}", LATER)
        assert differing(probe(clip), target) == ()


@needs_program
def test_colors_of_the_coded_picture_are_not_announced(tmp_path: Path) -> None:
    colors = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
    source = ["-f", "lavfi", "-i", "testsrc2=s=96x80:r=25:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    run(*source, "-c:v", "libx264", *colors, "-c:a", "aac", tmp_path / "clip.mp4")
    clip = tmp_path / "clip.mp4"
    assert not any("color description" in note for note in notes(clip, tmp_path / "out.ts"))
    target = write_corrected(probe(clip), tmp_path / "out.ts", LATER)
    assert differing(probe(clip), target) == ()


def notes(clip: Path, target: Path) -> tuple[str, ...]:
    return plan_correction(probe(clip), LATER, target).notes


@needs_program
@pytest.mark.parametrize(
    ("kind", "codec", "suffix"), [("mkv", "rawvideo", ".mov"), ("mp4", "mpeg4", ".ts")]
)
def test_what_a_muxer_would_leave_undecodable_is_refused_before(
    kind: str, codec: str, suffix: str, tmp_path: Path
) -> None:
    source = ["-f", "lavfi", "-i", "testsrc2=s=96x80:r=25:d=1", "-f", "lavfi", "-i", "sine=d=1"]
    run(*source, "-c:v", codec, "-c:a", "mp2", tmp_path / f"clip.{kind}")
    info = probe(tmp_path / f"clip.{kind}")
    refused = plan_correction(info, LATER, tmp_path / f"out{suffix}").refused
    assert refused[0].startswith(f"Stream 0 of clip.{kind} (video, {codec}) cannot be written to")
    assert plan_correction(info, LATER, tmp_path / f"out.{kind}").refused == ()


def test_data_at_another_time_are_named(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    plain = make_clip("plain.mp4", duration_s=2, size=(96, 80))
    write_with_data(plain, tmp_path / "clip.mp4")
    info = probe(tmp_path / "clip.mp4")
    whole = write_corrected(info, tmp_path / "whole.mp4", LATER)
    assert differing(info, whole) == ()
    with av.open(str(whole)) as reader, av.open(str(tmp_path / "out.mp4"), "w") as writer:
        copies = [writer.add_stream_from_template(s, opaque=True) for s in list(reader.streams)[:2]]
        copies.append(writer.add_stream_from_template(reader.streams.data[0]))
        for packet in reader.demux():
            if packet.size:
                if packet.stream.type == "data":
                    packet.pts = packet.dts = (packet.pts or 0) + round(0.1 / packet.time_base)
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)
    (told,) = differing(info, tmp_path / "out.mp4")
    assert told.startswith("the times of stream 2 (data), by 100.")


def write_with_data(source: Path, target: Path) -> None:
    """Copy a file of picture and sound, with telemetry beside some pictures."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        copies = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        data = writer.add_data_stream("bin_data")
        data.time_base = Fraction(1, 90000)
        for number, packet in enumerate(p for p in reader.demux() if p.size):
            if packet.stream.type == "video" and number % 5 == 0 and packet.dts is not None:
                telemetry = av.Packet(b"telemetry %d" % number)
                telemetry.time_base, telemetry.stream = packet.time_base, data
                telemetry.pts = telemetry.dts = max(packet.dts, 0)
                telemetry.duration = packet.duration
                writer.mux(telemetry)
            packet.stream = copies[packet.stream_index]
            writer.mux(packet)


@pytest.mark.parametrize("layout", [None, Layout.FRAGMENTED])
def test_the_completeness_of_parameter_sets_does_not_count(
    layout: Layout | None, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip(duration_s=1, size=(96, 80), video_codec="libx265")
    content = bytearray(clip.read_bytes())
    begin = content.index(b"hvcC") + 4
    n_arrays, position = content[begin + 22], begin + 23
    for _ in range(n_arrays):
        content[position] ^= 0x80
        n_units = int.from_bytes(content[position + 1 : position + 3], "big")
        position += 3
        for _ in range(n_units):
            position += 2 + int.from_bytes(content[position : position + 2], "big")
    clip.write_bytes(content)
    target = write_corrected(probe(clip), tmp_path / "out.mp4", LATER, layout=layout)
    assert differing(probe(clip), target) == ()
