"""Pictures on the 25 fps grid: choice, size, rotation and values."""

from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.video.frame import VideoFrame
from numpy.typing import NDArray

from core.errors import MediaError
from core.media.info import clip_start
from core.media.probe import probe

MakeClip = Callable[..., Path]
DecodeClip = Callable[..., Any]


def test_nearest_frame_has_no_bias(make_clip: MakeClip, decode_clip: DecodeClip) -> None:
    clip = decode_clip(make_clip(duration_s=30.0, fps=Fraction(30000, 1001)))
    assert abs(np.mean(clip.offsets_near(0.0))) < 0.006


def test_late_picture_is_held_and_told(make_clip: MakeClip, decode_clip: DecodeClip) -> None:
    clip = decode_clip(make_clip(duration_s=3.0, video_start_s=0.5))
    # The first frame, at 0.5 s, is the thirteenth of the grid; the last one ends at 3.02 s.
    np.testing.assert_array_equal(np.flatnonzero(clip.has_video), np.arange(13, 76))
    assert (clip.frames[:13] == clip.frames[13]).all()


@pytest.mark.parametrize("video_start_s", [0.0, 0.021, 0.25])
def test_pictures_of_a_25_fps_clip_keep_their_exact_times(
    make_clip: MakeClip, decode_clip: DecodeClip, video_start_s: float
) -> None:
    path = make_clip("clip.mkv", duration_s=4.0, video_start_s=video_start_s)
    with av.open(str(path)) as container:
        frames = [(f.time, f.to_ndarray(format="gray").mean()) for f in container.decode(video=0)]
    times_s, brightness = np.array(frames).T
    flashes_s = times_s[1:][np.diff(brightness) > 25]
    info = probe(path)
    zero_s = float(clip_start(info.videos[0], info.audios[0]))
    # Matroska's ticks are milliseconds.
    found_s = decode_clip(path).flash_times() + zero_s
    np.testing.assert_allclose(found_s, flashes_s, atol=0.0011)


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


@pytest.mark.parametrize("size", [(320, 16), (16, 320)])
def test_of_a_very_long_picture_the_middle_is_kept(
    tmp_path: Path, decode_clip: DecodeClip, make_clip: MakeClip, size: tuple[int, int]
) -> None:
    width, height = size
    ramp = np.linspace(0, 255, max(size)).astype(np.uint8)
    grey = np.broadcast_to(ramp if width > height else ramp[:, None], (height, width))
    frames = decode_clip(_with_picture(tmp_path, make_clip, np.stack([grey] * 3, axis=2))).frames
    assert sorted(frames.shape[1:3]) == [256, 2048]
    middle = frames[0, frames.shape[1] // 2, frames.shape[2] // 2, 0]
    assert middle == pytest.approx(127.5, abs=2)
    assert np.ptp(frames[0].astype(int)) == pytest.approx(255 * 8 * 16 / 320, abs=4)


def test_a_picture_that_cannot_be_converted_is_a_sentence(
    tmp_path: Path, decode_clip: DecodeClip, make_clip: MakeClip
) -> None:
    path = _with_picture(tmp_path, make_clip, np.zeros((1, 8000, 3), np.uint8))
    with pytest.raises(MediaError, match=r"raw.mkv has .*8000x1\) that cannot be converted"):
        decode_clip(path)


def _with_picture(tmp_path: Path, make_clip: MakeClip, video: NDArray[np.uint8]) -> Path:
    """Write a second of one still picture, uncompressed, with sound."""
    path = tmp_path / "raw.mkv"
    height, width = video.shape[:2]
    with av.open(str(make_clip(duration_s=1.0, video=False))) as source, av.open(path, "w") as out:
        stream = out.add_stream("ffv1", rate=25, width=width, height=height, pix_fmt="bgr0")
        audio = out.add_stream_from_template(source.streams.audio[0])
        for pts in range(25):
            frame = VideoFrame.from_ndarray(video, "rgb24")
            frame.pts = pts
            out.mux(stream.encode(frame))
        out.mux(stream.encode(None))
        for packet in source.demux(source.streams.audio[0]):
            if packet.size:
                packet.stream = audio
                out.mux(packet)
    return path
