"""Probing: streams, exact times, and a clear sentence for every kind of bad file."""

import os
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.stream import Disposition

from core.errors import MediaError
from core.media.info import clip_start
from core.media.probe import probe

MakeClip = Callable[..., Path]


def test_streams_of_a_plain_clip(make_clip: MakeClip) -> None:
    path = make_clip(duration_s=2.0, size=(320, 256), n_channels=2)
    info = probe(path)
    assert info.path == path
    assert "mp4" in info.container
    assert info.size_bytes == path.stat().st_size
    assert info.duration_s == pytest.approx(2.0, abs=0.05)
    (video,), (audio,) = info.videos, info.audios
    assert (video.codec, video.width_px, video.height_px) == ("h264", 320, 256)
    assert (video.start_s, video.rotation_deg, video.is_variable_rate) == (0.0, 0, False)
    assert (audio.codec, audio.sample_rate_hz, audio.n_channels) == ("aac", 16000, 2)
    assert (audio.time_base, audio.start_s) == (Fraction(1, 16000), 0.0)
    assert audio.duration_s == pytest.approx(2.0, abs=0.07)
    assert info.others == ()


@pytest.mark.parametrize(
    "rate", [Fraction(24000, 1001), Fraction(30000, 1001), Fraction(24), Fraction(50)]
)
def test_frame_rate_is_exact(make_clip: MakeClip, rate: Fraction) -> None:
    info = probe(make_clip(duration_s=2.0, fps=rate))
    assert info.frame_rate == rate
    assert not info.videos[0].is_variable_rate


def test_variable_rate_is_noticed(make_clip: MakeClip) -> None:
    assert probe(make_clip(duration_s=3.0, variable_rate=True)).videos[0].is_variable_rate


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
def test_rotation_is_read(make_clip: MakeClip, rotation_deg: int) -> None:
    info = probe(make_clip(duration_s=1.0, rotation_deg=rotation_deg))
    assert info.videos[0].rotation_deg == rotation_deg


def test_start_times_differ(make_clip: MakeClip) -> None:
    info = probe(make_clip(duration_s=2.0, video_start_s=0.25))
    assert info.videos[0].start_s == 0.25
    assert info.audios[0].start_s == 0.0
    # The first picture lies on the grid: seven frames after clip time 0.
    assert clip_start(info.videos[0], info.audios[0]) == Fraction(1, 4) - Fraction(7, 25)


def test_duration_of_a_clip_that_starts_late(make_clip: MakeClip) -> None:
    path = make_clip("late.mkv", duration_s=5.5, video_start_s=3.5, audio_start_s=3.5)
    info = probe(path)
    assert info.duration_s == pytest.approx(2.0, abs=0.07)
    assert clip_start(info.videos[0], info.audios[0]) == Fraction(7, 2)


def test_a_cover_is_not_the_picture(make_clip: MakeClip, tmp_path: Path) -> None:
    path = _with_cover(make_clip("song.m4a", duration_s=1.0, video=False), tmp_path / "cover.m4a")
    info = probe(path)
    assert [v.is_attached_picture for v in info.videos] == [True]
    assert info.video is None
    assert info.frame_rate is None


def test_missing_streams(make_clip: MakeClip) -> None:
    assert probe(make_clip("mute.mp4", duration_s=1.0, audio=False)).audios == ()
    assert probe(make_clip("blind.mp4", duration_s=1.0, video=False)).video is None


def test_subtitles_are_other_streams(tmp_path: Path) -> None:
    path = tmp_path / "words.srt"
    path.write_text("1\n00:00:00,000 --> 00:00:01,000\nHello\n\n")
    info = probe(path)
    assert [(o.kind, o.codec) for o in info.others] == [("subtitle", "srt")]


def _cut_before_the_index(path: Path) -> None:
    path.write_bytes(path.read_bytes()[: path.stat().st_size // 2])


def _text(path: Path) -> None:
    path.write_text("This is not a film.\n" * 50)


@pytest.mark.parametrize(
    ("spoil", "complaint"),
    [
        (Path.unlink, "does not exist; check"),
        (lambda path: path.write_bytes(b""), "is empty; copy"),
        (_text, "not a media file; play"),
        (lambda path: path.write_bytes(bytes(50_000)), "not a media file; play"),
        (_cut_before_the_index, "lost its index.* copy or export it again"),
    ],
    ids=["missing", "empty", "text", "zeros", "no index"],
)
def test_bad_file_gets_one_sentence(
    make_clip: MakeClip, spoil: Callable[[Path], object], complaint: str
) -> None:
    path = make_clip(duration_s=1.0)
    spoil(path)
    with pytest.raises(MediaError, match=complaint) as caught:
        probe(path)
    assert path.name in caught.value.message
    assert caught.value.message.endswith(".")
    assert "\n" not in caught.value.message
    assert caught.value.path == path


def test_a_list_of_files_is_not_followed(make_clip: MakeClip, tmp_path: Path) -> None:
    make_clip("part.mkv", duration_s=1.0)
    path = tmp_path / "list.mp4"
    path.write_text("ffconcat version 1.0\nfile part.mkv\n")
    with pytest.raises(MediaError, match=r"list.mp4 is a list of other files; choose"):
        probe(path)


def test_folder_and_text_file_are_named_as_such(tmp_path: Path) -> None:
    with pytest.raises(MediaError, match="is a folder"):
        probe(tmp_path)
    notes = tmp_path / "notes.txt"
    _text(notes)
    with pytest.raises(MediaError, match="is a text file"):
        probe(notes)


@pytest.mark.skipif(
    not hasattr(os, "geteuid") or os.geteuid() == 0, reason="permissions do not bind this user"
)
def test_file_without_permission(make_clip: MakeClip) -> None:
    path = make_clip(duration_s=1.0)
    path.chmod(0)
    with pytest.raises(MediaError, match="may not be read"):
        probe(path)


def test_name_with_a_colon_is_a_file(
    make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    make_clip("plain.mp4", duration_s=1.0).rename(tmp_path / "http:clip.mp4")
    monkeypatch.chdir(tmp_path)
    assert probe(Path("http:clip.mp4")).video is not None


def _with_cover(song: Path, target: Path) -> Path:
    """Copy the sound and add one picture marked as cover."""
    with av.open(str(song)) as source, av.open(str(target), "w", format="mp4") as out:
        audio = out.add_stream_from_template(source.streams.audio[0])
        cover = out.add_stream("mjpeg", rate=1)
        cover.width, cover.height, cover.pix_fmt = 64, 64, "yuvj420p"
        cover.disposition = Disposition.attached_pic
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = audio
                out.mux(packet)
        out.mux(cover.encode(av.VideoFrame(64, 64, "yuvj420p")))
    return target


def test_streams_of_an_unknown_codec_are_listed_apart(make_clip: MakeClip) -> None:
    path = make_clip("clip.mp4", duration_s=1.0, n_audio=2)
    content = path.read_bytes()
    place = content.rfind(b"mp4a")
    unknown = content[place:].replace(b"mp4a", b"apac").replace(b"esds", b"dapa")
    path.write_bytes(content[:place] + unknown)
    info = probe(path)
    assert [audio.index for audio in info.audios] == [1]
    assert [(other.index, other.kind, other.codec) for other in info.others] == [
        (2, "audio", "unknown")
    ]


def test_tags_need_not_be_utf_8(make_clip: MakeClip) -> None:
    path = make_clip("clip.mov", duration_s=1.0)
    content = path.read_bytes()
    assert content.count(b"SoundHandler") == 1
    path.write_bytes(
        content.replace(b"SoundHandler", b"\xce\xe1\xf0\xe0\xe1\xee\xf2\xf7\xe8\xea  ")
    )
    assert len(probe(path).audios) == 1


def test_the_duration_of_a_live_recording_is_found_at_its_end(tmp_path: Path) -> None:
    path = tmp_path / "live.webm"
    with av.open(str(path), "w", format="webm", container_options={"live": "1"}) as writer:
        stream = writer.add_stream("libopus", rate=48000)
        for number in range(100):
            frame = av.AudioFrame("s16", "stereo", 960)
            frame.rate, frame.pts = 48000, 960 * number
            writer.mux(stream.encode(frame))
        writer.mux(stream.encode(None))
    assert probe(path).duration_s == pytest.approx(2.0, abs=0.05)
