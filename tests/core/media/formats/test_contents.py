"""What FFmpeg does not copy is listed, and encryption is found, in every container."""

import random
import shutil
import subprocess
import time
from collections.abc import Callable, Collection
from pathlib import Path

import av
import pytest

from core.errors import MediaError
from core.media.decoder import ClipDecoder
from core.media.formats.contents import is_encrypted, read_contents
from core.media.probe import probe
from tests.core.media.formats.matroska.test_segment import element
from tests.core.media.formats.mp4_boxes import add_boxes, box

MakeClip = Callable[..., Path]
needs_program = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed"
)
SEGMENT = b"\x18\x53\x80\x67"


def unseen_parts(path: Path, container: str, seen: Collection[int]) -> list[str]:
    return list(read_contents(path, container, seen).unseen_parts)


def parts_of(path: Path) -> list[str]:
    with av.open(str(path)) as reader:
        return unseen_parts(path, reader.format.name, {stream.id for stream in reader.streams})


def matroska(path: Path, *parts: bytes) -> Path:
    head = element(b"\x1a\x45\xdf\xa3", element(b"\x42\x82", b"matroska", 1), 1)
    path.write_bytes(head + element(SEGMENT, b"".join(parts), 8))
    return path


@pytest.mark.parametrize("name", ["a.mp4", "a.mov", "a.mkv", "a.ts", "a.flv", "a.avi"])
def test_nothing_is_missed_in_a_file_of_ffmpeg(name: str, make_clip: MakeClip) -> None:
    rate_hz = 44100 if name == "a.flv" else 48000
    codec = "pcm_s16le" if name == "a.avi" else "aac"
    path = make_clip(name, duration_s=1, size=(96, 80), rate_hz=rate_hz, audio_codec=codec)
    assert parts_of(path) == []
    assert not is_encrypted(path, probe(path).container)


def test_boxes_of_a_file_and_bytes_behind_them(make_clip: MakeClip) -> None:
    path = make_clip(duration_s=1, size=(96, 80))
    xmp = box(b"uuid", bytes.fromhex("be7acfcb97a942e89c71999491e3afac") + b"<x/>")
    path.write_bytes(path.read_bytes() + xmp + box(b"sefd", bytes(9)) + b"\0\0\0\2SEFT")
    assert parts_of(path) == [
        "boxes of the file (XMP, of type sefd)",
        "8 bytes of another program behind its last box",
    ]


def test_a_track_that_ffmpeg_does_not_list(make_clip: MakeClip) -> None:
    path = make_clip(duration_s=1, size=(96, 80))
    assert unseen_parts(path, "mov,mp4,m4a,3gp,3g2,mj2", {1}) == ["track 2 (of kind mp4a)"]


def test_an_encrypted_mp4_is_not_decoded(make_clip: MakeClip) -> None:
    path = make_clip(duration_s=1, size=(96, 80))
    protection = box(b"sinf", box(b"frma", b"avc1") + box(b"schm", bytes(4) + b"cenc" + bytes(4)))
    add_boxes(path, b"avc1", protection)
    content = path.read_bytes()
    place = content.rindex(b"avc1", 0, content.rindex(b"avcC"))
    path.write_bytes(content[:place] + b"encv" + content[place + 4 :])
    info = probe(path)
    assert is_encrypted(path, info.container)
    decoder = ClipDecoder(info, video_stream_index=0, audio_stream_index=1)
    with decoder, pytest.raises(MediaError, match="is encrypted"):
        list(decoder)


def test_chapters_and_tags_of_matroska(tmp_path: Path) -> None:
    title = element(b"\x80", element(b"\x85", b"One", 1))
    inner = element(b"\xb6", title)
    atom = element(b"\xb6", title + title + inner)
    edition = element(b"\x45\xb9", atom)
    chapters = element(b"\x10\x43\xa7\x70", edition + edition)
    targets = element(b"\x63\xc0", element(b"\x68\xca", b"\x46", 1))
    nested = element(b"\x67\xc8", element(b"\x67\xc8", b""))
    tags = element(b"\x12\x54\xc3\x67", element(b"\x73\x73", targets + nested))
    buttons = element(b"\xae", element(b"\xd7", b"\x03", 1) + element(b"\x83", b"\x12", 1))
    tracks = element(b"\x16\x54\xae\x6b", buttons)
    linked = element(b"\x15\x49\xa9\x66", element(b"\x3e\xb9\x23", bytes(16)))
    path = matroska(tmp_path / "a.mkv", linked, tracks, chapters, tags)
    assert unseen_parts(path, "matroska,webm", ()) == [
        "links to other files",
        "track 3 (of type 18)",
        "the division of its chapters into 2 editions",
        "the nesting of its chapters (2 within others)",
        "all but one of the titles of a chapter, where it has several",
        "the levels of its tags",
        "the nesting, languages and binary content of its tags",
    ]


@pytest.mark.parametrize("kind", [0, 1])
def test_only_encryption_of_matroska_counts_and_not_compression(tmp_path: Path, kind: int) -> None:
    coding = element(b"\x50\x35", b"key") if kind else element(b"\x50\x34", b"")
    codings = element(b"\x6d\x80", element(b"\x62\x40", coding))
    tracks = element(b"\x16\x54\xae\x6b", element(b"\xae", codings))
    path = matroska(tmp_path / "a.mkv", tracks)
    assert is_encrypted(path, "matroska,webm") is bool(kind)


def test_hostile_nesting_takes_no_time(tmp_path: Path) -> None:
    atom = b""
    for _ in range(3000):
        atom = element(b"\xb6", atom)
    chapters = element(b"\x10\x43\xa7\x70", element(b"\x45\xb9", atom))
    begin = time.monotonic()
    (part,) = unseen_parts(matroska(tmp_path / "a.mkv", chapters), "matroska,webm", ())
    assert part.startswith("the nesting of its chapters")
    assert time.monotonic() - begin < 2


def test_the_name_of_a_program_and_tables_without_streams(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    clip, path = make_clip("plain.ts", duration_s=1, size=(96, 80)), tmp_path / "a.ts"
    options = {"mpegts_service_id": "77"}
    with av.open(str(clip)) as reader, av.open(str(path), "w", options=options) as writer:
        copies = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        writer.metadata.update({"service_name": "Zweites", "service_provider": "Sender"})
        for packet in reader.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)
    event = b"\x47\x40\x12\x10\x00" + b"\xff" * 183
    path.write_bytes(path.read_bytes() + event + event[:1] + b"\x41\x2c\x10" + event[4:])
    assert parts_of(path) == [
        "the number and name of its program (77: Zweites, Sender)",
        "the table of events (EIT)",
        "the packets of PID 300",
    ]


@needs_program
def test_several_programs(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = tmp_path / "clip.ts"
    plain = make_clip("plain.ts", duration_s=1, size=(96, 80))
    command = ["ffmpeg", "-v", "error", "-i", plain, "-map", "0", "-map", "0", "-c", "copy"]
    for number, name in enumerate(("Eins", "Zwei")):
        streams = f"st={2 * number}:st={2 * number + 1}"
        command += ["-program", f"title={name}:program_num={number + 5}:{streams}"]
    subprocess.run([*command, clip], check=True)
    (part,) = parts_of(clip)
    assert part == "the division into 2 programs (5: Eins, FFmpeg; 6: Zwei, FFmpeg)"


def test_scrambled_packets_are_encrypted(make_clip: MakeClip) -> None:
    path = make_clip("a.ts", duration_s=1, size=(96, 80))
    with av.open(str(path)) as reader:
        pid = reader.streams[1].id
    content = bytearray(path.read_bytes())
    for begin in range(0, len(content), 188):
        if int.from_bytes(content[begin + 1 : begin + 3], "big") & 0x1FFF == pid:
            content[begin + 3] |= 0x80
    path.write_bytes(content)
    assert is_encrypted(path, "mpegts")


def test_script_tags_of_flash_video(make_clip: MakeClip) -> None:
    path = make_clip("a.flv", duration_s=1, size=(96, 80), rate_hz=44100)
    cue = b"\2\0\12onCuePoint\5"
    tag = b"\22" + len(cue).to_bytes(3, "big") + bytes(7) + cue
    path.write_bytes(path.read_bytes() + (tag + len(tag).to_bytes(4, "big")) * 2)
    assert parts_of(path) == ["2 script tags named onCuePoint"]


@pytest.mark.parametrize("name", ["a.mp4", "a.mkv", "a.ts", "a.flv"])
def test_damaged_files_are_listed_as_far_as_they_can_be_read(
    name: str, make_clip: MakeClip, tmp_path: Path
) -> None:
    path = make_clip(name, duration_s=1, size=(96, 80), rate_hz=44100)
    container, whole = probe(path).container, path.read_bytes()
    rng = random.Random(0)
    for _ in range(150):
        content = bytearray(whole)
        for _ in range(rng.randint(1, 40)):
            # The structure is at both ends.
            place = rng.choice([rng.randrange(2000), rng.randrange(len(content))])
            content[-place if rng.random() < 0.5 else place] = rng.randrange(256)
        path.write_bytes(content[: rng.randint(len(content) // 2, len(content))])
        assert all(isinstance(part, str) for part in unseen_parts(path, container, {1, 2}))
        assert is_encrypted(path, container) in {True, False}
