"""Pictures on the 25 fps grid: choice, size, rotation and values."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

MakeClip = Callable[..., Path]
DecodeClip = Callable[..., Any]


def test_nearest_frame_has_no_bias(make_clip: MakeClip, decode_clip: DecodeClip) -> None:
    clip = decode_clip(make_clip(duration_s=30.0, fps=Fraction(30000, 1001)))
    assert abs(np.mean(clip.offsets_near(0.0))) < 0.006


def test_late_picture_is_held_and_told(make_clip: MakeClip, decode_clip: DecodeClip) -> None:
    clip = decode_clip(make_clip(duration_s=3.0, video_start_s=0.5))
    # The first frame, at 0.5 s, reaches half a step back; the last one ends at 3.02 s.
    np.testing.assert_array_equal(np.flatnonzero(clip.has_video), np.arange(12, 76))
    assert (clip.frames[:12] == clip.frames[12]).all()


def test_25_fps_256_px_comes_through_bit_exact(
    make_clip: MakeClip, decode_clip: DecodeClip
) -> None:
    path = make_clip(duration_s=3.0)
    clip = decode_clip(path)
    with av.open(str(path)) as container:
        frames = [f.to_rgb().to_ndarray() for f in container.decode(video=0)]
    np.testing.assert_array_equal(clip.frames[clip.has_video], np.stack(frames))


@pytest.mark.parametrize(
    ("size", "expected"),
    [
        ((1920, 1080), (256, 454)),
        ((1080, 1920), (454, 256)),
        ((640, 480), (256, 340)),
        ((160, 120), (256, 340)),
    ],
)
def test_short_side_becomes_256_px(
    make_clip: MakeClip, decode_clip: DecodeClip, size: tuple[int, int], expected: tuple[int, int]
) -> None:
    path = make_clip(duration_s=0.4, size=size)
    frames = decode_clip(path).frames
    assert frames.shape[1:] == (*expected, 3)
    width, height = (side * 256 // min(size) for side in size)
    with av.open(str(path)) as container:
        frame = next(container.decode(video=0))
    scaled = frame.reformat(width, height, "rgb24", interpolation="BICUBIC").to_ndarray()
    np.testing.assert_array_equal(frames[0], scaled[: expected[0], : expected[1]])


@pytest.mark.parametrize("rotation_deg", [90, 180, 270])
@pytest.mark.parametrize("size", [(320, 256), (480, 360)])
def test_rotation_is_applied(
    make_clip: MakeClip, decode_clip: DecodeClip, rotation_deg: int, size: tuple[int, int]
) -> None:
    upright = decode_clip(make_clip("a.mp4", duration_s=0.4, size=size)).frames
    turned = decode_clip(
        make_clip("b.mp4", duration_s=0.4, size=size, rotation_deg=rotation_deg)
    ).frames
    np.testing.assert_array_equal(turned, np.rot90(upright, rotation_deg // 90, axes=(1, 2)))
