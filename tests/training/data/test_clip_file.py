import random
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest

from core.media.probe import probe
from training.data.clip import Clip, read_clip
from training.data.clip_file import ClipFileError, Gaps, is_prepared, share_filled, write_prepared

MakeClip = Callable[..., Path]


def measured_offset_s(clip: Clip, expected_s: float) -> float:
    """Return how early beeps are against flashes, looked for around what is expected."""
    light = clip.frames.astype(np.float32).mean(axis=(1, 2, 3))
    flashes = np.flatnonzero(np.diff(light) > 15) + 1
    loud = np.abs(clip.waveform) > 0.2
    found = []
    for flash_s in flashes / 25:
        low = int((flash_s - expected_s - 0.15) * 16000)
        onset = np.flatnonzero(loud[max(low, 0) : max(low, 0) + 4800])
        if low >= 0 and len(onset):
            found.append(flash_s - (low + onset[0]) / 16000)
    assert len(found) >= 5
    return float(np.median(found))


@pytest.mark.parametrize(
    ("options", "size"),
    [
        ({"fps": Fraction(25), "rate_hz": 48000, "n_channels": 2}, (454, 256)),
        ({"fps": Fraction(30), "rate_hz": 44100}, (454, 256)),
        ({"fps": Fraction(25), "rotation_deg": 90}, (256, 454)),
        ({"fps": Fraction(25), "audio_start_s": 0.5}, (454, 256)),
        ({"fps": Fraction(25), "video_start_s": 0.52}, (454, 256)),
        ({"fps": Fraction(50), "name": "clip.mkv", "n_channels": 6}, (454, 256)),
    ],
    ids=["stereo", "30 fps", "rotated", "late sound", "late picture", "mkv with 5.1"],
)
def test_offset_survives_preparation(
    make_clip: MakeClip, tmp_path: Path, options: dict[str, object], size: tuple[int, int]
) -> None:
    source = make_clip(size=(480, 270), duration_s=6.0, offset_s=0.2, **options)
    target = tmp_path / "prepared.mp4"
    write_prepared(source, target, least_s=4.0)
    info = probe(target)
    assert info.video is not None
    assert (info.video.width_px, info.video.height_px) == size
    assert info.video.rotation_deg == 0
    assert info.video.frame_rate == 25
    assert info.audios[0].sample_rate_hz == 16000
    assert info.audios[0].n_channels == min(2, int(str(options.get("n_channels", 1))))
    assert is_prepared(info)
    clip = read_clip(target)
    assert measured_offset_s(clip, 0.2) == pytest.approx(0.2, abs=0.021)
    if "rotation_deg" in options:
        upright = read_clip(source)
        difference = clip.frames[:50].astype(int) - upright.frames[:50]
        assert np.abs(difference).mean() < 4


def test_what_is_prepared_is_copied(make_clip: MakeClip, tmp_path: Path) -> None:
    source = make_clip(size=(320, 256), duration_s=2.0)
    target = tmp_path / "copy.mp4"
    write_prepared(source, target, least_s=1.0)
    assert target.read_bytes() == source.read_bytes()


@pytest.mark.parametrize(
    ("options", "why"),
    [
        ({"audio": False}, "no audio"),
        ({"video": False, "name": "clip.m4v"}, "no video"),
        ({"size": (160, 120)}, "too short: 2.0"),
    ],
)
def test_what_cannot_be_learned_from_is_refused(
    make_clip: MakeClip, tmp_path: Path, options: dict[str, object], why: str
) -> None:
    source = make_clip(**{"duration_s": 2.0} | options)
    target = tmp_path / "prepared.mp4"
    with pytest.raises(ClipFileError, match=why):
        write_prepared(source, target)
    assert sorted(tmp_path.iterdir()) == [source]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv"])
def test_what_is_filled_in_for_much_damage_is_not_learned_from(
    make_clip: MakeClip, tmp_path: Path, name: str
) -> None:
    source = make_clip(name, size=(480, 270), duration_s=6.0)
    content = bytearray(source.read_bytes())
    middle = slice(len(content) * 3 // 8, len(content) * 5 // 8)
    content[middle] = random.Random(1).randbytes(middle.stop - middle.start)
    source.write_bytes(content)
    target = tmp_path / "prepared.mp4"
    with pytest.raises(ClipFileError, match=r"^damaged: \d\d % filled in$"):
        write_prepared(source, target, least_s=4.0)
    assert not target.exists()


def test_gaps_of_a_sound_clip_are_no_damage() -> None:
    video, audio = Gaps(), Gaps()
    video.missing_s = Fraction(3)
    assert share_filled(video, audio, 6.0) == 0
    audio.is_damaged = True
    assert share_filled(video, audio, 6.0) == 0.5
