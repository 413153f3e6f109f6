"""Placing sound: gaps, overlaps, jitter and changes of format."""

import threading
from collections.abc import Callable, Iterator, Sequence
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame

from core.media.audio_line import AudioLine
from core.media.info import AudioStream
from core.media.reader import StreamReader
from core.timing import SAMPLES_PER_FRAME

MakeClip = Callable[..., Path]
DecodeClip = Callable[..., Any]

RATE_HZ = 16000
BLOCK = 1600


class Recorded(StreamReader[AudioFrame]):
    """A reader whose decoded frames are given; no encoder writes overlaps."""

    def __init__(self, frames: Sequence[AudioFrame]) -> None:
        self.n_damaged = 0
        self._recorded = frames

    def frames(self) -> Iterator[AudioFrame]:
        return iter(self._recorded)


def block(start_s: float, value: float, rate_hz: int = RATE_HZ, layout: str = "mono") -> AudioFrame:
    n_channels = 1 if layout == "mono" else 2
    samples = np.full((n_channels, rate_hz // 10), value, np.float32)
    frame = AudioFrame.from_ndarray(samples, format="fltp", layout=layout)
    frame.rate, frame.time_base = rate_hz, Fraction(1, 1000)
    frame.pts = round(start_s * 1000)
    return frame


def line(frames: Sequence[AudioFrame], first_sample: int = 0) -> AudioLine:
    stream = AudioStream(1, "pcm", RATE_HZ, 1, Fraction(1, 1000), 0.0, None, "")
    return AudioLine(Recorded(frames), stream, Fraction(0), first_sample)


def test_a_gap_is_silence_and_what_follows_keeps_its_time() -> None:
    samples, has_audio, n_left = line([block(0.0, 0.5), block(0.3, 0.25)]).read(5 * BLOCK)
    expected = np.repeat(np.array([0.5, 0, 0, 0.25, 0], np.float32), BLOCK)
    np.testing.assert_array_equal(samples, expected)
    np.testing.assert_array_equal(has_audio, expected != 0)
    assert n_left == 4 * BLOCK


def test_of_an_overlap_the_first_sound_counts() -> None:
    samples, _, n_left = line([block(0.0, 0.5), block(0.05, 0.25)]).read(2 * BLOCK)
    np.testing.assert_array_equal(samples[:BLOCK], 0.5)
    np.testing.assert_array_equal(samples[BLOCK : BLOCK * 3 // 2], 0.25)
    assert n_left == BLOCK * 3 // 2


def test_sound_that_lies_wholly_within_earlier_sound_is_dropped() -> None:
    frames = [block(0.0, 0.5), block(0.1, 0.5), block(0.03, 0.25), block(0.2, 0.125)]
    samples, has_audio, _ = line(frames).read(3 * BLOCK)
    np.testing.assert_array_equal(
        samples, np.repeat(np.array([0.5, 0.5, 0.125], np.float32), BLOCK)
    )
    assert has_audio.all()


def test_jitter_of_timestamps_makes_no_seam() -> None:
    rng = np.random.default_rng(3)
    starts = [0.1 * i + rng.uniform(-0.015, 0.015) * (i > 0) for i in range(20)]
    samples, has_audio, _ = line([block(s, 0.5) for s in starts]).read(20 * BLOCK)
    np.testing.assert_array_equal(samples, 0.5)
    assert has_audio.all()


def test_drifting_timestamps_are_followed_within_the_tolerance() -> None:
    frames = [block(i * 0.104, (i + 1) / 64) for i in range(50)]
    samples, _, _ = line(frames).read(52 * BLOCK)
    for i in range(50):
        first = int(np.argmax(np.isclose(samples, (i + 1) / 64)))
        assert abs(first / RATE_HZ - i * 0.104) <= 0.021


def test_a_change_of_format_goes_on_at_its_time() -> None:
    frames = [block(0.0, 0.5), block(0.1, 0.5, 48000, "stereo"), block(0.2, 0.5)]
    samples, has_audio, n_left = line(frames).read(3 * BLOCK)
    assert has_audio.all()
    assert n_left == 3 * BLOCK
    np.testing.assert_allclose(samples, 0.5, atol=0.02)


@pytest.mark.parametrize("first_sample", [-800, 0, 700, 5000])
def test_reading_begins_anywhere(first_sample: int) -> None:
    frames = [block(0.1 * i, (i + 1) / 16) for i in range(4)]
    whole = np.concatenate([np.zeros(800), np.repeat((np.arange(4) + 1) / 16, BLOCK)])
    audio = line(frames, first_sample)
    pieces = [audio.read(300) for _ in range(30)]
    samples = np.concatenate([p[0] for p in pieces])
    n_left = sum(p[2] for p in pieces)
    np.testing.assert_array_equal(samples[:n_left], whole[800 + first_sample :].astype(np.float32))


@pytest.mark.parametrize("value", [np.nan, np.inf, -np.inf, 1e30])
def test_what_is_no_sample_becomes_silence_and_is_told(
    tmp_path: Path, decode_clip: DecodeClip, make_clip: MakeClip, value: float
) -> None:
    sounds = np.full((2, 3 * RATE_HZ), 0.5, np.float32)
    sounds[0, RATE_HZ : RATE_HZ + 10] = value
    path = tmp_path / "float.mkv"
    with av.open(str(make_clip(duration_s=3.0, audio=False))) as source, av.open(path, "w") as out:
        video = out.add_stream_from_template(source.streams.video[0])
        audio = out.add_stream("pcm_f32le", rate=RATE_HZ, layout="stereo")
        for packet in source.demux(source.streams.video[0]):
            if packet.size:
                packet.stream = video
                out.mux(packet)
        frame = AudioFrame.from_ndarray(sounds.T.reshape(1, -1), format="flt", layout="stereo")
        frame.rate, frame.pts = RATE_HZ, 0
        out.mux([*audio.encode(frame), *audio.encode(None)])

    clip = decode_clip(path)

    n_sounding = np.count_nonzero(clip.waveform == 0.5)
    assert n_sounding == 3 * RATE_HZ - 10
    assert clip.has_audio.all()
    assert clip.warnings == ("float.mkv: the sound is damaged in one place, which was left out.",)


def test_no_sound_at_all_is_told() -> None:
    assert line([]).is_empty


def test_a_lost_packet_of_20_ms_leaves_its_gap(make_clip: MakeClip) -> None:
    path = make_clip("opus.mp4", duration_s=2.0, audio_codec="libopus", rate_hz=48000)

    class Losing(StreamReader[AudioFrame]):
        def frames(self) -> Iterator[AudioFrame]:
            for i, frame in enumerate(super().frames()):
                if i == 50:
                    self.n_damaged += 1
                    continue
                yield frame

    def waveform(kind: type[StreamReader[AudioFrame]]) -> np.ndarray:
        with kind(path, 1, AudioFrame, threading.Event()) as reader:
            stream = AudioStream(1, "opus", 48000, 1, Fraction(1, 48000), 0.0, None, "")
            return AudioLine(reader, stream, Fraction(0), 0).read(2 * RATE_HZ)[0]

    whole, damaged = waveform(StreamReader), waveform(Losing)
    n_gap = np.count_nonzero(damaged == 0)
    assert 300 <= n_gap <= 340
    np.testing.assert_allclose(whole[17000:31000], damaged[17000:31000], atol=0.02)


def test_late_sound_is_silent_and_told(make_clip: MakeClip, decode_clip: DecodeClip) -> None:
    path = make_clip("clip.mov", duration_s=3.0, audio_codec="pcm_s16le", audio_start_s=0.5)
    clip = decode_clip(path)
    np.testing.assert_array_equal(np.flatnonzero(clip.has_audio), np.arange(13, 75))
    assert (clip.waveform[:8000] == 0).all()
    assert clip.waveform[8000:8640].any()


@pytest.mark.parametrize(("name", "codec"), [("clip.mp4", "aac"), ("clip.mov", "pcm_s16le")])
@pytest.mark.parametrize("n_channels", [1, 2])
def test_16_khz_comes_through_bit_exact(
    make_clip: MakeClip, decode_clip: DecodeClip, name: str, codec: str, n_channels: int
) -> None:
    path = make_clip(name, duration_s=3.0, audio_codec=codec, n_channels=n_channels)
    with av.open(str(path)) as container:
        blocks = [f.to_ndarray() for f in container.decode(audio=0)]
    samples = np.concatenate(blocks, axis=1)
    if samples.dtype == np.int16:
        samples = samples.reshape(-1, n_channels).T.astype(np.float32) / 32768
    waveform = decode_clip(path).waveform
    np.testing.assert_array_equal(waveform[: samples.shape[1]], samples.mean(axis=0))
    assert (waveform[samples.shape[1] :] == 0).all()


@pytest.mark.parametrize("rate_hz", [44100, 48000])
def test_resampling_keeps_the_time_of_samples(
    make_clip: MakeClip, decode_clip: DecodeClip, rate_hz: int
) -> None:
    at_16_khz = decode_clip(make_clip("a.mov", duration_s=4.0, audio_codec="pcm_s16le"))
    resampled = decode_clip(
        make_clip("b.mov", duration_s=4.0, audio_codec="pcm_s16le", rate_hz=rate_hz)
    )
    np.testing.assert_allclose(resampled.beep_times(), at_16_khz.beep_times(), atol=0.0002)


def test_coarse_ticks_of_matroska_make_no_seams(
    make_clip: MakeClip, decode_clip: DecodeClip
) -> None:
    options = {"duration_s": 4.0, "rate_hz": 44100}
    exact, coarse = (
        decode_clip(make_clip("a.mp4", **options)),
        decode_clip(make_clip("b.mkv", **options)),
    )
    n_samples = min(len(exact.waveform), len(coarse.waveform)) - SAMPLES_PER_FRAME
    np.testing.assert_array_equal(coarse.waveform[:n_samples], exact.waveform[:n_samples])
