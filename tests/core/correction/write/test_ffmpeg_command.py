import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction, Inexact
from core.correction.write.ffmpeg_command import equivalent_command
from core.media.formats.output_format import Layout
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected

pytestmark = pytest.mark.usefixtures("written_anew")

KINDS = {
    "aac.mp4": {},
    "pcm_s24le.mov": {"rate_hz": 48000},
    "flac.mkv": {},
    "mp2.ts": {"rate_hz": 48000},
    "aac.flv": {"rate_hz": 44100},
    "pcm_s16le.avi": {"rate_hz": 44100, "video_codec": "mpeg4"},
    "pcm_s16le.mxf": {"rate_hz": 48000, "video_codec": "mpeg2video"},
}


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed")
@pytest.mark.parametrize("delay_ms", [-160, 160])
@pytest.mark.parametrize("kind", KINDS)
def test_the_program_does_the_same(
    kind: str, delay_ms: int, make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    options = {"audio_codec": kind.split(".")[0], "size": (96, 80), "n_audio": 2} | KINDS[kind]
    if kind.endswith("flv"):
        options["n_audio"] = 1
    info = probe(make_clip(f"it's {kind}", duration_s=3, **options))
    correction = Correction((info.audios[-1].index,), Fraction(delay_ms, 1000))
    target = tmp_path / f"out of it.{kind.split('.')[1]}"
    plan = plan_correction(info, correction, target)
    command = equivalent_command(plan)
    assert command is not None
    subprocess.run(["sh", "-c", f"{command} -y -loglevel error"], check=True, capture_output=True)
    found = verify_corrected(info, target, correction)
    assert found.packets_equal
    assert found.shift_error_s <= 0.001
    assert found.lost_streams == ()


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed")
@pytest.mark.parametrize("delay_ms", [-160, 200])
@pytest.mark.parametrize(
    ("name", "suffix"),
    [
        ("aac.mp4", "mkv"),
        ("aac.mp4", "ts"),
        ("aac.mkv", "mp4"),
        ("pcm_s16le.mov", "mkv"),
    ],
)
def test_the_program_does_the_same_into_another_container(
    name: str,
    suffix: str,
    delay_ms: int,
    make_clip: Callable[..., Path],
    tmp_path: Path,
) -> None:
    options = {"size": (96, 80), "rate_hz": 48000}
    clip = make_clip(name, duration_s=3, audio_codec=name.split(".")[0], **options)
    info, target = probe(clip), tmp_path / f"out.{suffix}"
    correction = Correction((1,), Fraction(delay_ms, 1000))
    command = equivalent_command(plan_correction(info, correction, target))
    assert command is not None
    subprocess.run(["sh", "-c", f"{command} -y -loglevel error"], check=True, capture_output=True)
    assert verify_corrected(info, target, correction).shift_error_s <= 0.001


@pytest.mark.parametrize(
    ("name", "suffix", "more"),
    [
        ("aac.ts", "mp4", {}),
        ("libmp3lame.avi", "mkv", {"video_codec": "mpeg4"}),
        ("libopus.webm", "mp4", {"video_codec": "libvpx-vp9"}),
    ],
)
def test_there_is_no_command_where_the_program_moves_sound_by_itself(
    name: str, suffix: str, more: dict[str, str], make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    audio_codec = name.split(".")[0]
    info = probe(make_clip(name, duration_s=1, audio_codec=audio_codec, rate_hz=48000, **more))
    correction, target = Correction((1,), Fraction(1, 5)), tmp_path / f"out.{suffix}"
    plan = plan_correction(info, correction, target)
    assert equivalent_command(plan) is None


def test_there_is_no_command_for_a_shift_by_packets(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip = make_clip("clip.avi", duration_s=1, audio_codec="libmp3lame", rate_hz=48000)
    info = probe(clip)
    correction = Correction((1,), Fraction(7, 1000), Inexact.NEAREST)
    plan = plan_correction(info, correction, tmp_path / "out.avi")
    assert equivalent_command(plan) is None


@pytest.mark.skipif(shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed")
@pytest.mark.parametrize(
    ("layout", "flag"), [(Layout.FASTSTART, "faststart"), (Layout.FRAGMENTED, "frag_keyframe")]
)
def test_odd_names_and_the_layout_survive(
    layout: Layout,
    flag: str,
    make_clip: Callable[..., Path],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    make_clip("-it's 10:30.mp4", duration_s=2, size=(96, 80))
    monkeypatch.chdir(tmp_path)
    info, target = probe(Path("-it's 10:30.mp4")), Path("-out: $HOME.mp4")
    correction = Correction((1,), Fraction(4, 25))
    command = equivalent_command(plan_correction(info, correction, target, layout))
    assert command is not None
    assert flag in command
    monkeypatch.chdir("/")
    subprocess.run(["sh", "-c", f"{command} -y -loglevel error"], check=True, capture_output=True)
    monkeypatch.chdir(tmp_path)
    content = target.read_bytes()
    assert content.index(b"moov") < content.index(b"mdat")
    assert (b"moof" in content) == (layout is Layout.FRAGMENTED)
    assert verify_corrected(info, target, correction).passed
