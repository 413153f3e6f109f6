"""Timecodes and reels of a corrected file are those of the source, or announced as lost."""

import json
import shutil
import subprocess
from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.video.stream import VideoStream

from core.correction.correction import Correction
from core.correction.verify.verify import Verification
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

FIRST, SECOND = "01:00:00:00", "05:00:00:00"

MakeClip = Callable[..., Path]


def write_timecodes(
    source: Path, target: Path, timecodes: Sequence[str], texts: dict[str, str] | None = None
) -> Path:
    """Copy a clip, its video once for each timecode; the first copy gets more tags."""
    with av.open(str(source)) as reader, av.open(str(target), "w") as writer:
        video, audio = reader.streams.video[0], reader.streams.audio[0]
        video_copies: list[VideoStream] = []
        for timecode in timecodes:
            video_copy = writer.add_stream_from_template(video, opaque=True)
            video_copy.metadata["timecode"] = timecode
            video_copy.codec_context.framerate = video.average_rate or Fraction(25)
            video_copies.append(video_copy)
        video_copies[0].metadata.update(texts or {})
        audio_copy = writer.add_stream_from_template(audio, opaque=True)
        for packet in reader.demux(video, audio):
            if packet.size == 0:
                continue
            if packet.stream is audio:
                packet.stream = audio_copy
                writer.mux(packet)
                continue
            for video_copy in video_copies:
                copy = av.Packet(bytes(packet))
                copy.pts, copy.dts, copy.time_base = packet.pts, packet.dts, packet.time_base
                copy.duration, copy.is_keyframe = packet.duration, packet.is_keyframe
                copy.stream = video_copy
                writer.mux(copy)
    return target


def unlink_second(path: Path) -> Path:
    """Remove the reference to its timecode track from the second video stream."""
    content = path.read_bytes()
    place = content.index(b"tref", content.index(b"tref") + 1)
    path.write_bytes(content[:place] + b"free" + content[place + 4 :])
    return path


@pytest.fixture
def orphaned(make_clip: MakeClip, tmp_path: Path) -> MediaInfo:
    plain = make_clip("plain.mp4", duration_s=1, size=(96, 80))
    return probe(unlink_second(write_timecodes(plain, tmp_path / "clip.mov", (FIRST, SECOND))))


def later(info: MediaInfo) -> Correction:
    return Correction((info.audios[0].index,), Fraction(160, 1000))


def notes(info: MediaInfo, target: Path) -> list[str]:
    told = plan_correction(info, later(info), target).notes
    return [note for note in told if "longer" not in note]


def verified(info: MediaInfo, target: Path) -> Verification:
    return verify_corrected(info, target, later(info))


def timecodes(path: Path) -> list[str | None]:
    with av.open(str(path)) as reader:
        texts = [s.metadata.get("timecode", s.metadata.get("TIMECODE")) for s in reader.streams]
        return [text for text, s in zip(texts, reader.streams, strict=True) if s.type == "video"]


@pytest.mark.parametrize("suffix", [".mov", ".mp4", ".mkv"])
def test_a_track_of_no_picture_does_not_become_that_of_all(
    suffix: str, orphaned: MediaInfo, tmp_path: Path
) -> None:
    assert timecodes(orphaned.path) == [FIRST, None]
    target = tmp_path / f"out{suffix}"
    assert notes(orphaned, target) == [
        f"Stream 4 of clip.mov (data, timecode {SECOND}) is left out: {target.name} cannot hold "
        "such data."
    ]
    write_corrected(orphaned, target, later(orphaned))
    assert timecodes(target) == [FIRST, None]
    found = verified(orphaned, target)
    assert found.passed
    assert found.changed_metadata == ()


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_another_program_reads_the_same_timecodes(orphaned: MediaInfo, tmp_path: Path) -> None:
    target = write_corrected(orphaned, tmp_path / "out.mov", later(orphaned))
    show = ["-show_entries", "stream=codec_type:stream_tags=timecode", "-of", "json"]
    command = ["ffprobe", "-v", "error", *show, str(target)]
    said = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)
    found = [(s["codec_type"], s.get("tags", {}).get("timecode")) for s in said["streams"]]
    assert found == [("video", FIRST), ("video", None), ("audio", None), ("data", FIRST)]


def test_the_timecode_of_a_file_is_told_where_its_streams_have_others(
    orphaned: MediaInfo, tmp_path: Path
) -> None:
    write_corrected(orphaned, tmp_path / "clip.mkv", later(orphaned))
    info = probe(tmp_path / "clip.mkv")
    (told,) = notes(info, tmp_path / "out.mov")
    assert told == "Tags of clip.mkv that out.mov cannot hold are left out: TIMECODE."
    target = write_corrected(info, tmp_path / "out.mov", later(info))
    assert timecodes(target) == [FIRST, None]
    assert verified(info, target).passed


def test_another_timecode_does_not_pass(make_clip: MakeClip, tmp_path: Path) -> None:
    plain = make_clip("plain.mp4", duration_s=1, size=(96, 80))
    info = probe(write_timecodes(plain, tmp_path / "clip.mov", (FIRST,)))
    whole = write_corrected(info, tmp_path / "whole.mov", later(info))
    assert verified(info, whole).passed
    for timecode in (SECOND, "none"):
        copy = write_timecodes(whole, tmp_path / "out.mov", (timecode,))
        words = f"the timecode ({FIRST} became {timecode}) of stream 0 (video)"
        found = verified(info, copy)
        assert words in found.differing
        assert not found.passed


def test_the_name_of_a_reel_is_kept_or_told(make_clip: MakeClip, tmp_path: Path) -> None:
    plain = make_clip("plain.mp4", duration_s=1, size=(96, 80))
    clip = write_timecodes(plain, tmp_path / "clip.mov", (FIRST,), {"reel_name": "A001C002"})
    info = probe(clip)
    for suffix in (".mov", ".mkv"):
        target = tmp_path / f"out{suffix}"
        assert notes(info, target) == []
        write_corrected(info, target, later(info))
        with av.open(str(target)) as reader:
            texts = [text for s in reader.streams for text in s.metadata.values()]
        assert "A001C002" in texts
        assert verified(info, target).changed_metadata == ()
    told = "Tags of clip.mov that out.mp4 cannot hold are left out: reel_name of stream 2."
    assert notes(info, tmp_path / "out.mp4") == [told]
    other = write_timecodes(plain, tmp_path / "other.mov", (FIRST,), {"reel_name": "B001"})
    assert "reel_name of stream 2" in verified(info, other).changed_metadata
