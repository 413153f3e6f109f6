"""Dispositions of streams are kept, or announced as lost."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from core.correction.compatibility.tags import carried_dispositions
from core.correction.correction import Correction
from core.media.formats.output_format import AVI, MKV, MOV, MP4, TS, WEBM, OutputFormat
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

STILLS = {Disposition.attached_pic, Disposition.timed_thumbnails}
SUBTITLES = {
    "mp4": "mov_text",
    "mov": "mov_text",
    "matroska": "subrip",
    "webm": "webvtt",
    "mpegts": "dvb_subtitle",
}
NONE = Disposition(0)

MakeClip = Callable[..., Path]


def write_flags(
    source: Path, target: Path, output: OutputFormat, flags: Sequence[Disposition]
) -> list[Disposition]:
    """Copy a clip with two audio streams, adding a subtitle; return the carried dispositions."""
    options = dict(output.options)
    with (
        av.open(str(source)) as reader,
        av.open(str(target), "w", output.name, container_options=options) as writer,
    ):
        copies = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        texts = None
        if output.name in SUBTITLES:
            texts = writer.add_mux_stream(SUBTITLES[output.name])
            texts.time_base = Fraction(1, 1000)
        streams = [*copies, texts] if texts is not None else copies
        for copy, flag in zip(streams, flags, strict=False):
            copy.disposition = flag
        held = [carried_dispositions(stream, output) for stream in streams]
        for packet in reader.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)
        if texts is not None:
            line = av.Packet(b"\0\5Words")
            line.pts = line.dts = 100
            line.duration, line.time_base, line.stream = 100, Fraction(1, 1000), texts
            writer.mux(line)
    return held


def flags_of(path: Path) -> list[Disposition]:
    with av.open(str(path)) as reader:
        return [stream.disposition for stream in reader.streams]


@pytest.mark.parametrize("output", [MP4, MOV, MKV, WEBM, TS, AVI], ids=lambda o: o.name)
def test_what_is_said_to_be_held_is_read_again(
    output: OutputFormat, make_clip: MakeClip, tmp_path: Path
) -> None:
    codecs = ("libvpx", "libopus") if output is WEBM else ("mpeg2video", "mp2")
    clip = make_clip(
        "plain.mkv",
        duration_s=0.4,
        size=(96, 80),
        n_audio=2,
        rate_hz=48000,
        video_codec=codecs[0],
        audio_codec=codecs[1],
    )
    for flag in set(Disposition) - STILLS:
        held = write_flags(clip, tmp_path / "out", output, [flag] * 4)
        found = flags_of(tmp_path / "out")
        assert len(found) == len(held)
        assert [bool(one & flag) for one in found] == [bool(one & flag) for one in held], flag


def test_matroska_does_not_hold_what_contradicts_itself(
    make_clip: MakeClip, tmp_path: Path
) -> None:
    clip = make_clip("plain.mkv", duration_s=0.4, size=(96, 80))
    flags = [Disposition.dub | Disposition.original] * 2
    held = write_flags(clip, tmp_path / "out", MKV, flags)[:2]
    assert [flag & (Disposition.dub | Disposition.original) for flag in held] == [NONE] * 2
    assert flags_of(tmp_path / "out")[:2] == [NONE] * 2


def later(info: MediaInfo) -> Correction:
    return Correction((info.audios[0].index,), Fraction(160, 1000))


def notes(info: MediaInfo, target: Path) -> list[str]:
    words = ("Dispositions", "shown by default")
    told = plan_correction(info, later(info), target).notes
    return [note for note in told if any(word in note for word in words)]


def changed(info: MediaInfo, target: Path) -> list[str]:
    found = verify_corrected(info, target, later(info)).changed_metadata
    return [name for name in found if name.startswith("dispositions")]


@pytest.fixture
def flagged(make_clip: MakeClip, tmp_path: Path) -> MediaInfo:
    """A clip with video and two audio streams, most of them with dispositions."""
    clip = make_clip("plain.mkv", duration_s=1, size=(96, 80), n_audio=2, audio_codec="mp2")
    flags = [
        Disposition.default,
        Disposition.original | Disposition.comment,
        Disposition.default | Disposition.hearing_impaired | Disposition.forced,
    ]
    with av.open(str(clip)) as reader, av.open(str(tmp_path / "clip.mkv"), "w") as writer:
        copies = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        for copy, flag in zip(copies, flags, strict=True):
            copy.disposition = flag
        for packet in reader.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)
    return probe(tmp_path / "clip.mkv")


@pytest.mark.parametrize(
    ("suffix", "lost"),
    [
        (".mkv", ""),
        (".mp4", "original of stream 1"),
        (".mov", "original and comment of stream 1, forced and hearing impaired of stream 2"),
        (".ts", "original and comment of stream 1, default and forced of stream 2"),
    ],
)
def test_dispositions_that_a_container_cannot_hold_are_told_before(
    suffix: str, lost: str, flagged: MediaInfo, tmp_path: Path
) -> None:
    target = tmp_path / f"out{suffix}"
    sentence = f"Dispositions of clip.mkv that {target.name} cannot hold are left out: {lost}."
    assert notes(flagged, target) == ([sentence] if lost else [])
    write_corrected(flagged, target, later(flagged))
    assert changed(flagged, target) == []


@pytest.mark.parametrize("output", [MP4, MKV, TS], ids=lambda o: o.name)
def test_other_dispositions_are_named(
    output: OutputFormat, flagged: MediaInfo, tmp_path: Path
) -> None:
    suffix = {"mp4": ".mp4", "matroska": ".mkv", "mpegts": ".ts"}[output.name]
    target = write_corrected(flagged, tmp_path / f"out{suffix}", later(flagged))
    other = tmp_path / f"other{suffix}"
    write_flags(target, other, output, [NONE, Disposition.visual_impaired, NONE])
    assert changed(flagged, other)[-2:] == ["dispositions of stream 1", "dispositions of stream 2"]


def test_a_subtitle_that_becomes_the_default_is_told(make_clip: MakeClip, tmp_path: Path) -> None:
    clip = make_clip("plain.mkv", duration_s=1, size=(96, 80))
    write_flags(clip, tmp_path / "clip.mp4", MP4, [])
    with av.open(str(tmp_path / "clip.mp4")) as reader:
        assert reader.streams[2].disposition == Disposition.default
    content = (tmp_path / "clip.mp4").read_bytes()
    place = content.rindex(b"tkhd")
    # The last bit of these says whether a track is shown.
    unmarked = content[: place + 7] + bytes([content[place + 7] & ~1]) + content[place + 8 :]
    (tmp_path / "clip.mp4").write_bytes(unmarked)
    info = probe(tmp_path / "clip.mp4")
    (told,) = notes(info, tmp_path / "out.mp4")
    assert told == (
        "Stream 2 of clip.mp4 (subtitle) will be shown by default: out.mp4 always has a default "
        "subtitle stream."
    )
    target = write_corrected(info, tmp_path / "out.mp4", later(info))
    assert changed(info, target) == []
