from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.errors import MediaError
from training.data.clip import Clip, read_clip

MakeClip = Callable[..., Path]


def test_picture_and_sound_get_one_length(make_clip: MakeClip) -> None:
    clip = read_clip(make_clip(duration_s=3.0))
    assert clip.frames.shape == (75, 256, 320, 3)
    assert clip.waveform.shape == (75 * 640,)


def test_what_is_too_long_is_left_out(long_clip: Path) -> None:
    clip = read_clip(long_clip, 2.0)
    assert clip.n_frames == 50
    whole = read_clip(long_clip, 4.0)
    np.testing.assert_array_equal(clip.waveform, whole.waveform[: 50 * 640])
    np.testing.assert_array_equal(clip.frames, whole.frames[:50])


def test_some_lengths_lose_a_frame_as_published(make_clip: MakeClip) -> None:
    # 58 / 25 * 25 is a little less than 58.
    assert read_clip(make_clip(duration_s=2.32)).n_frames == 57


@pytest.mark.parametrize("options", [{"audio_start_s": 0.52}, {"video_start_s": 0.52}])
def test_what_only_one_stream_has_is_left_out(
    make_clip: MakeClip, options: dict[str, float]
) -> None:
    path = make_clip("late.mov", duration_s=3.0, audio_codec="pcm_s16le", **options)
    late = read_clip(path)
    assert late.n_frames == 62
    if "audio_start_s" in options:
        # The same frames, from the start of the audio on.
        whole = read_clip(make_clip("whole.mov", duration_s=3.0, audio_codec="pcm_s16le"))
        difference = late.frames.astype(int) - whole.frames[13:]
        assert np.abs(difference).mean() < 0.1


@pytest.mark.parametrize(("options", "missing"), [({"audio": False}, "audio"), ({}, "video")])
def test_clips_without_video_or_audio_are_refused(
    make_clip: MakeClip, options: dict[str, bool], missing: str
) -> None:
    path = make_clip(duration_s=1.0, video=missing != "video", **options)
    with pytest.raises(MediaError, match=f"{path.name} has no {missing}"):
        read_clip(path)


def test_streams_that_never_meet_are_refused(tmp_path: Path) -> None:
    path = tmp_path / "apart.mkv"
    with av.open(path, "w") as container:
        video = container.add_stream("mjpeg", rate=25)
        video.width, video.height, video.pix_fmt = 64, 48, "yuvj420p"
        audio = container.add_stream("pcm_s16le", rate=16000, layout="mono")
        for _ in range(25):
            container.mux(video.encode(av.VideoFrame(64, 48, "yuvj420p")))
        frame = av.AudioFrame.from_ndarray(np.zeros((1, 16000), np.int16), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = 16000, 32000, Fraction(1, 16000)
        container.mux(audio.encode(frame))
    with pytest.raises(MediaError, match="at the same time"):
        read_clip(path)


def test_legacy_priming_makes_primed_sound_early_by_64_ms(make_clip: MakeClip) -> None:
    path = make_clip(duration_s=3.0)
    with av.open(path) as container:
        first = next(container.demux(audio=0))
        assert first.pts == -1024
    now, before = read_clip(path), read_clip(path, legacy_priming=True)
    assert before.n_frames == 73
    np.testing.assert_allclose(
        before.waveform, now.waveform[1024:][: len(before.waveform)], rtol=0, atol=1e-6
    )


def test_sound_without_priming_stays_where_it_is(make_clip: MakeClip) -> None:
    path = make_clip("clip.mov", duration_s=2.0, audio_codec="pcm_s16le")
    now, before = read_clip(path), read_clip(path, legacy_priming=True)
    np.testing.assert_array_equal(before.waveform, now.waveform)


def test_other_rates_come_onto_the_analysis_clock(make_clip: MakeClip) -> None:
    clip = read_clip(make_clip(duration_s=2.0, fps=Fraction(30), rate_hz=48000, n_channels=2))
    assert clip.n_frames == 50


def test_clips_whose_parts_differ_in_length_are_refused() -> None:
    with pytest.raises(ValueError, match="need 640 samples, got 639"):
        Clip(np.zeros((1, 256, 256, 3), np.uint8), np.zeros(639, np.float32))
