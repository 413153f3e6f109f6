import os
import shutil
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.errors import ExportError
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import verify_corrected, write_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

DELAYS_MS = (-2000, -160, -7, 7, 160, 2000)

KINDS = {
    "aac.mp4": {},
    "aac.mov": {},
    "pcm_s16le.mov": {},
    "pcm_s24le.mov": {"rate_hz": 48000},
    "ac3.mp4": {"rate_hz": 48000},
    "flac.mp4": {},
    "aac.mkv": {},
    "libopus.mkv": {"rate_hz": 48000},
    "ac3.mkv": {"rate_hz": 48000},
    "flac.mkv": {"fps": Fraction(30000, 1001)},
    "libopus.webm": {"rate_hz": 48000, "video_codec": "libvpx"},
    "aac.ts": {"video_start_s": 0.5},
    "ac3.ts": {"rate_hz": 48000},
    "mp2.m2ts": {"rate_hz": 48000},
}
"""Container and codec of the sound, with what else makes the clip."""


@pytest.fixture(scope="module")
def clip_folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("clips")


@pytest.fixture
def clip(make_clip: Callable[..., Path], clip_folder: Path) -> Callable[[str], MediaInfo]:
    """Return a function that makes a clip of a kind, once for all tests."""

    def make(kind: str) -> MediaInfo:
        path = clip_folder / kind
        if not path.exists():
            options = {"video_codec": "libx264", "duration_s": 5, "size": (160, 128)}
            rendered = make_clip(kind, audio_codec=kind.split(".")[0], **options | KINDS[kind])
            shutil.move(rendered, path)
        return probe(path)

    return make


def by(info: MediaInfo, delay_ms: float) -> Correction:
    return Correction((info.audios[0].index,), Fraction(delay_ms) / 1000)


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
@pytest.mark.parametrize("kind", KINDS)
def test_all_packets_are_kept_and_the_shift_is_exact_to_the_tick(
    kind: str, delay_ms: int, clip: Callable[[str], MediaInfo], tmp_path: Path
) -> None:
    info = clip(kind)
    target = tmp_path / kind
    assert write_corrected(info, target, by(info, delay_ms)) == target
    verification = verify_corrected(info, target, by(info, delay_ms))
    assert verification.packets_equal
    assert verification.shift_error_s <= 1e-5
    assert verification.lost_streams == ()
    assert verification.passed
    assert [entry.name for entry in tmp_path.iterdir() if "partial" in entry.name] == []


@pytest.mark.parametrize(
    ("kind", "suffix"),
    [
        ("aac.mp4", ".mov"),
        ("aac.mp4", ".mkv"),
        ("aac.mp4", ".ts"),
        ("aac.mkv", ".mp4"),
        ("pcm_s16le.mov", ".mkv"),
        ("aac.ts", ".mp4"),
        ("aac.ts", ".mkv"),
        ("ac3.ts", ".mov"),
        ("libopus.webm", ".mkv"),
    ],
)
def test_another_container_carries_the_same_content(
    kind: str, suffix: str, clip: Callable[[str], MediaInfo], tmp_path: Path
) -> None:
    info = clip(kind)
    target = tmp_path / f"clip{suffix}"
    write_corrected(info, target, by(info, 160.4))
    assert verify_corrected(info, target, by(info, 160.4)).passed
    assert count_frames(target, "video") == count_frames(info.path, "video")
    # Sound that an edit list hid in front of the first frame is decoded elsewhere.
    assert 0 <= count_frames(target, "audio") - count_frames(info.path, "audio") <= 1


def count_frames(path: Path, kind: str) -> int:
    with av.open(str(path)) as container:
        return sum(1 for _ in container.decode(**{kind: 0}))


@pytest.mark.parametrize("kind", ["aac.mp4", "aac.mkv", "aac.ts"])
def test_every_picture_of_a_stream_with_b_frames_is_kept(
    kind: str, clip: Callable[[str], MediaInfo], tmp_path: Path
) -> None:
    info = clip(kind)
    with av.open(str(info.path)) as container:
        packets = [packet for packet in container.demux(video=0) if packet.size]
    shown = [packet.pts for packet in packets]
    decoded = [packet.dts for packet in packets]
    assert shown != sorted(pts or 0 for pts in shown), "the clip has no B-frames"
    assert kind != "aac.mp4" or (decoded[0] or 0) < 0
    assert kind != "aac.mkv" or decoded[0] is None
    target = write_corrected(info, tmp_path / kind, by(info, 160))
    assert count_frames(target, "video") == count_frames(info.path, "video")


def test_sound_that_was_moved_before_the_start_goes_back_and_stays_hidden(
    clip: Callable[[str], MediaInfo], tmp_path: Path
) -> None:
    plain = clip("aac.mp4")
    write_corrected(plain, tmp_path / "early.mp4", by(plain, -900))
    early = probe(tmp_path / "early.mp4")
    write_corrected(early, tmp_path / "back.mp4", by(early, 900))
    found = verify_corrected(plain, tmp_path / "back.mp4", by(plain, 0))
    assert found.packets_equal
    assert found.shift_error_s < 1e-4
    (told,) = found.differing
    assert told.startswith("what is played of stream 1 (audio)")


def test_sound_of_an_avi_is_moved_finer_than_its_ticks(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    info = probe(
        make_clip("c.avi", duration_s=4, video_codec="mpeg4", audio_codec="mp3", rate_hz=44100)
    )
    write_corrected(info, tmp_path / "c.mkv", by(info, 7))
    verification = verify_corrected(info, tmp_path / "c.mkv", by(info, 7))
    assert verification.passed
    assert verification.shift_error_s <= 0.0006


@pytest.mark.parametrize("suffix", [".mp4", ".mkv"])
def test_a_truncated_source_makes_no_file(
    suffix: str, clip: Callable[[str], MediaInfo], tmp_path: Path
) -> None:
    whole = clip(f"aac{suffix}").path
    cut = tmp_path / f"cut{suffix}"
    if suffix == ".mp4":
        with av.open(str(whole)) as reader:
            options = {"movflags": "faststart"}
            with av.open(str(cut), "w", options=options) as writer:
                tracks = {}
                for stream in reader.streams:
                    tracks[stream] = writer.add_stream_from_template(stream, opaque=True)
                for packet in reader.demux():
                    if packet.size:
                        packet.stream = tracks[packet.stream]
                        writer.mux(packet)
    else:
        shutil.copy(whole, cut)
    os.truncate(cut, cut.stat().st_size * 6 // 10)
    info = probe(cut)
    with pytest.raises(ExportError, match=rf"^cut{suffix} cannot be read to its end"):
        write_corrected(info, tmp_path / f"clip{suffix}", by(info, 7))
    assert [entry.name for entry in tmp_path.iterdir()] == [cut.name]


def test_a_source_that_jumps_back_in_time_makes_no_file(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    part = make_clip("part.ts", duration_s=2)
    joined = tmp_path / "joined.ts"
    joined.write_bytes(2 * part.read_bytes())
    info = probe(joined)
    with pytest.raises(ExportError, match=r"^joined.ts jumps back in time"):
        write_corrected(info, tmp_path / "out.mkv", by(info, 7))
    assert not list(tmp_path.glob("*out.mkv*"))
