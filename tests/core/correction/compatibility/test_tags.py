import json
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected
from tests.core.media.formats.mp4_boxes import add_boxes, box

pytestmark = pytest.mark.usefixtures("written_anew")

needs_program = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed"
)

SUBTITLES = "1\n00:00:00,500 --> 00:00:01,000\nHello\n\n2\n00:00:01,200 --> 00:00:01,800\nWorld\n"
TEXTS = """;FFMETADATA1
title=A film
artist=Somebody
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
# fmt: off
INPUTS = ["-f", "lavfi", "-i", "testsrc2=s=96x80:r=25:d=2", "-f", "lavfi",
          "-i", "sine=1000:d=2:r=48000", "-i", "subtitles.srt", "-i", "texts.txt",
          "-i", "cover.png"]
NAMES = ["-map_metadata", "3", "-map_chapters", "3", "-metadata:s:v:0", "title=Picture",
         "-metadata:s:a:0", "language=deu", "-metadata:s:a:1", "language=fra",
         "-metadata:s:a:1", "title=Kommentar", "-disposition:a:0", "default",
         "-disposition:a:1", "comment"]
WIDE = ["-aspect:v:0", "16:9"]
TWO_SOUNDS = ["-map", "0", "-map", "1", "-map", "1"]
COLOUR = ["-color_primaries", "bt2020", "-color_trc", "smpte2084", "-colorspace", "bt2020nc"]
H264 = ["-c:v:0", "libx264", "-preset", "ultrafast", "-bf", "2"]
SUBTITLE = ["-map", "2", "-metadata:s:s:0", "language=eng", "-disposition:s:0", "forced"]
COVER = ["-map", "4", "-c:v:1", "copy", "-disposition:v:1", "attached_pic"]
RICH = {
    "mp4": [*TWO_SOUNDS, *SUBTITLE, *COVER, *NAMES, *WIDE, *H264, *COLOUR, "-c:a", "aac",
            "-c:s", "mov_text", "-metadata:s:v:0", "timecode=10:00:00:00"],
    "mov": [*TWO_SOUNDS, *NAMES, *WIDE, "-c:v", "prores_ks", "-flags", "+ilme+ildct", "-top", "1",
            "-c:a", "pcm_s24le", "-timecode", "10:00:00:00"],
    "mkv": [*TWO_SOUNDS, *SUBTITLE, *NAMES, *WIDE, *H264, *COLOUR, "-c:a", "flac", "-c:s", "srt",
            "-attach", "cover.png", "-metadata:s:t:0", "mimetype=image/png",
            "-attach", "texts.txt", "-metadata:s:t:1", "mimetype=text/plain"],
    "webm": [*TWO_SOUNDS, *SUBTITLE, *NAMES, "-c:v", "libvpx", "-deadline", "realtime",
             "-c:a", "libopus", "-c:s", "webvtt"],
    "ts": [*TWO_SOUNDS, *NAMES, *WIDE, "-c:v", "mpeg2video", "-c:a", "mp2"],
    "mxf": [*TWO_SOUNDS, *NAMES, *WIDE, "-c:v", "mpeg2video", "-c:a", "pcm_s16le",
            "-timecode", "10:00:00:00"],
    "avi": [*TWO_SOUNDS, *NAMES, *WIDE, "-c:v", "mpeg4", "-c:a", "pcm_s16le"],
    "flv": ["-map", "0", "-map", "1", *NAMES, *H264, "-c:a", "aac"],
}
MADE_ANEW = {
    "start_time", "start_pts", "duration", "duration_ts", "bit_rate", "nb_frames", "size",
    "filename", "probe_score", "time_base", "start", "end", "r_frame_rate", "avg_frame_rate",
    "extradata_size", "id", "index", "DURATION", "encoder", "ENCODER", "software", "uid",
    "generation_uid", "product_uid", "file_package_umid", "material_package_umid",
    "product_version_num", "product_version", "toolkit_version_num", "modification_date",
    "application_platform",
}
"""Keys with the program that wrote the file and with durations."""
# fmt: on


def run(folder: Path, *command: str | Path) -> str:
    result = subprocess.run(command, cwd=folder, check=True, capture_output=True, text=True)
    return result.stdout


def make_rich(folder: Path, kind: str) -> MediaInfo:
    (folder / "subtitles.srt").write_text(SUBTITLES)
    (folder / "texts.txt").write_text(TEXTS)
    program = ["ffmpeg", "-nostdin", "-loglevel", "error", "-y"]
    cover = ["-f", "lavfi", "-i", "testsrc2=s=32x32", "-frames:v", "1", "cover.png"]
    run(folder, *program, *cover)
    run(folder, *program, *INPUTS, *RICH[kind], f"rich.{kind}")
    return probe(folder / f"rich.{kind}")


def described(value: object) -> object:
    """Report of ffprobe without the values every muxer writes anew."""
    if isinstance(value, dict):
        return {key: described(v) for key, v in value.items() if key not in MADE_ANEW}
    if isinstance(value, list):
        return [described(item) for item in value]
    return value


def description(path: Path) -> dict:
    show = ["-show_streams", "-show_chapters", "-show_format"]
    said = json.loads(run(path.parent, "ffprobe", "-v", "error", "-of", "json", *show, path))
    times = [
        [round(float(chapter[key]), 2) for key in ("start_time", "end_time")]
        for chapter in said["chapters"]
    ]
    # Covers stand in front of or behind the tracks that muxers add.
    said["streams"].sort(key=lambda stream: stream["codec_type"] == "data")
    for stream in said["streams"]:
        if stream["codec_type"] == "data":
            stream["tags"].pop("handler_name", None)
    return {"said": described(said), "chapters": times}


def by(info: MediaInfo, delay_ms: float) -> Correction:
    return Correction((info.audios[0].index,), Fraction(delay_ms) / 1000)


@needs_program
@pytest.mark.parametrize("kind", RICH)
def test_everything_else_is_kept(kind: str, tmp_path: Path) -> None:
    info = make_rich(tmp_path, kind)
    correction = by(info, 160)
    target = tmp_path / f"out.{kind}"
    notes = plan_correction(info, correction, target).notes
    assert not [note for note in notes if "left out" in note and "MXF ends" not in note]
    write_corrected(info, target, correction)
    assert description(target) == description(info.path)
    assert verify_corrected(info, target, correction).passed


@needs_program
@pytest.mark.parametrize("suffix", [".mp4", ".mov", ".mkv"])
def test_hdr_and_dolby_vision_are_kept(
    suffix: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    source = make_clip("clip.mp4", duration_s=1, size=(96, 80), video_codec="libx265")
    primaries = [13250, 34500, 7500, 3000, 34000, 16000, 15635, 16450]
    mastering = b"".join(n.to_bytes(2, "big") for n in primaries)
    mastering += (10_000_000).to_bytes(4, "big") + (1).to_bytes(4, "big")
    light = (1000).to_bytes(2, "big") + (400).to_bytes(2, "big")
    vision = bytes([1, 0, 8 << 1, 5 << 3 | 0b101, 1 << 4]) + bytes(19)
    boxes = box(b"mdcv", mastering) + box(b"clli", light) + box(b"dvvC", vision)
    add_boxes(source, b"hev1", boxes)
    info = probe(source)
    target = write_corrected(info, tmp_path / f"out{suffix}", by(info, 160))
    show = ["ffprobe", "-v", "error", "-select_streams", "v", "-show_entries", "stream_side_data"]
    before, after = (run(tmp_path, *show, path) for path in (source, target))
    for name in ("Mastering display", "Content light level", "DOVI configuration"):
        assert name in before
    if suffix == ".mov":
        told = "The Dolby Vision configuration of clip.mp4 is left out: out.mov cannot hold it"
        assert any(note.startswith(told) for note in notes(info, target))
        assert "Mastering display" in after
        assert "Content light level" in after
        return
    assert side_data(before) == side_data(after)


def side_data(said: str) -> list[tuple[str, str]]:
    """Side data reported by ffprobe, with shortened fractions."""
    pairs = [line.partition("=")[::2] for line in said.splitlines() if "=" in line]
    return sorted((key, str(Fraction(v)) if "/" in v else v) for key, v in pairs)


def test_a_turn_that_a_container_cannot_say_is_told(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=1, size=(96, 80), rotation_deg=90))
    assert any(
        "rotation of clip.mp4 by 90° is left out" in note
        for note in notes(info, tmp_path / "out.ts")
    )
    assert not any("rotation" in note for note in notes(info, tmp_path / "out.mkv"))


@pytest.mark.parametrize(
    ("container", "codec"), [("ts", "klv"), ("ts", "timed_id3"), ("mp4", "bin_data")]
)
def test_data_that_the_container_takes_are_kept(
    container: str, codec: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    plain = make_clip(f"plain.{container}", duration_s=2, size=(96, 80))
    path = tmp_path / f"clip.{container}"
    with av.open(str(plain)) as reader, av.open(str(path), "w") as writer:
        tracks = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        data = writer.add_data_stream(codec)
        data.time_base = Fraction(1, 90000)
        for number, packet in enumerate(p for p in reader.demux() if p.size):
            if packet.stream.type == "video" and number % 5 == 0 and packet.dts is not None:
                telemetry = av.Packet(b"telemetry %d" % number)
                telemetry.time_base, telemetry.stream = packet.time_base, data
                telemetry.pts = telemetry.dts = max(packet.dts, 0)
                telemetry.duration = packet.duration
                writer.mux(telemetry)
            packet.stream = tracks[packet.stream_index]
            writer.mux(packet)
    info = probe(path)
    correction = by(info, 160)
    target = write_corrected(info, tmp_path / f"out.{container}", correction)
    payloads = []
    for file in (path, target):
        with av.open(str(file)) as reader:
            assert reader.streams.data[0].name == codec
            packets = reader.demux(reader.streams.data[0])
            payloads.append([bytes(packet) for packet in packets if packet.size])
    assert payloads[0] == payloads[1] != []
    assert verify_corrected(info, target, correction).passed
    other = tmp_path / "out.mkv"
    assert any(f"(data, {codec}) is left out" in n for n in notes(info, other))


def notes(info: MediaInfo, target: Path, delay_ms: float = 160) -> tuple[str, ...]:
    return plan_correction(info, by(info, delay_ms), target).notes


@needs_program
def test_what_another_container_cannot_hold_is_told_before(tmp_path: Path) -> None:
    info = make_rich(tmp_path, "mp4")
    told = notes(info, tmp_path / "out.ts")
    assert any("(video, png) is left out: out.ts cannot hold covers" in note for note in told)
    assert "The chapters of rich.mp4 are left out: out.ts cannot hold them." in told
    assert any("cannot hold are left out: " in note and "title, artist" in note for note in told)


def test_unusual_metadata_that_mp4_has_no_place_for_are_named(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("plain.mkv", duration_s=1, size=(96, 80))
    with av.open(str(clip)) as reader, av.open(str(tmp_path / "clip.mkv"), "w") as writer:
        tracks = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        writer.metadata.update({"title": "A film", "camera-roll": "A007"})
        tracks[0].metadata["scene"] = "12"
        for packet in reader.demux():
            if packet.size:
                packet.stream = tracks[packet.stream_index]
                writer.mux(packet)
    info = probe(tmp_path / "clip.mkv")
    assert not any("Tags" in note for note in notes(info, tmp_path / "out.mkv"))
    (told,) = [note for note in notes(info, tmp_path / "out.mp4") if "Tags" in note]
    assert told.endswith("left out: CAMERA-ROLL, SCENE of stream 0.")
    (told,) = [note for note in notes(info, tmp_path / "out.mov") if "Tags" in note]
    assert told.endswith("left out: SCENE of stream 0.")


def test_texts_of_data_are_compared(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    plain = make_clip("plain.mp4", duration_s=1, size=(96, 80))
    paths = [tmp_path / name for name in ("clip.mp4", "other.mp4")]
    for path, language in zip(paths, ("deu", "fra"), strict=True):
        with av.open(str(plain)) as reader, av.open(str(path), "w") as writer:
            tracks = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
            data = writer.add_data_stream("bin_data")
            data.time_base = Fraction(1, 90000)
            data.metadata.update({"language": language, "title": f"Sensor {language}"})
            for packet in reader.demux():
                if packet.size:
                    packet.stream = tracks[packet.stream_index]
                    writer.mux(packet)
            telemetry = av.Packet(b"telemetry")
            telemetry.pts = telemetry.dts = 0
            telemetry.time_base, telemetry.stream, telemetry.duration = data.time_base, data, 90000
            writer.mux(telemetry)
    info = probe(paths[0])
    target = write_corrected(info, tmp_path / "out.mp4", by(info, 160))
    assert verify_corrected(info, target, by(info, 160)).changed_metadata == ()
    changed = verify_corrected(info, paths[1], by(info, 160)).changed_metadata
    assert changed == ("name of stream 2", "language of stream 2")


def test_names_of_tracks_are_kept(make_clip: Callable[..., Path], tmp_path: Path) -> None:
    clip = make_clip("plain.mp4", duration_s=1, size=(96, 80))
    with av.open(str(clip)) as reader, av.open(str(tmp_path / "clip.mp4"), "w") as writer:
        tracks = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        tracks[1].metadata["title"] = "Main"
        for packet in reader.demux():
            if packet.size:
                packet.stream = tracks[packet.stream_index]
                writer.mux(packet)
    source = tmp_path / "clip.mp4"
    for name, key in (
        ("1.mp4", "name"),
        ("2.mov", "name"),
        ("3.mkv", "title"),
        ("4.mp4", "name"),
    ):
        info = probe(source)
        target = write_corrected(info, tmp_path / name, by(info, 160))
        with av.open(str(target)) as reader:
            assert reader.streams[1].metadata[key] == "Main"
        assert verify_corrected(info, target, by(info, 160)).changed_metadata == ()
        source = target


@needs_program
def test_what_an_edit_list_hides_stays_hidden_or_is_told(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    make_clip("whole.mp4", duration_s=5, size=(96, 80))
    cut = ["-ss", "2.5", "-i", "whole.mp4", "-c", "copy", "clip.mp4"]
    run(tmp_path, "ffmpeg", "-loglevel", "error", *cut)
    info = probe(tmp_path / "clip.mp4")
    count = ["ffprobe", "-v", "error", "-count_frames", "-select_streams", "v"]
    count += ["-show_entries", "stream=nb_read_frames:frame=pts_time", "-of", "csv"]
    shown = run(tmp_path, *count, "clip.mp4")
    assert shown.count("frame,") < 70
    for suffix in (".mp4", ".mov"):
        target = tmp_path / f"out{suffix}"
        assert not any("hides" in note for note in notes(info, target))
        write_corrected(info, target, by(info, -160))
        assert run(tmp_path, *count, target) == shown
    for suffix in (".mkv", ".ts"):
        target = tmp_path / f"out{suffix}"
        assert any("ms of picture before its beginning" in note for note in notes(info, target))
        write_corrected(info, target, by(info, -160))
        assert verify_corrected(info, target, by(info, -160)).passed


@pytest.mark.parametrize(
    ("suffix", "delay_ms", "words"),
    [
        (".mp4", 160, "The file gets 160 ms longer, since its sound ends later."),
        (".mp4", -160, "The first 160 ms of the sound come before the picture: they are kept"),
        (".mkv", -160, "The first 160 ms of the sound come before the picture: the file gets"),
    ],
)
def test_a_change_of_length_is_told(
    suffix: str, delay_ms: int, words: str, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(make_clip("clip.mp4", duration_s=2, size=(96, 80)))
    (told,) = notes(info, tmp_path / f"out{suffix}", delay_ms)
    assert told.startswith(words)
