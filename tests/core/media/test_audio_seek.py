"""Seeking in audio: the same samples as without a seek."""

import threading
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from numpy.typing import NDArray

from core.media.audio_line import AudioLine
from core.media.info import clip_start
from core.media.probe import probe
from core.media.reader import StreamReader
from core.timing import AUDIO_RATE_HZ

MakeClip = Callable[..., Path]
Read = tuple[NDArray[np.float32], NDArray[np.bool_], int]

CLIP = {"fps": Fraction(5), "size": (64, 64), "duration_s": 14.0}
NO_SUBSTITUTES = {"aac_pns": "0"}
"""Noise that a decoder makes up depends on everything it has decoded before."""


class Counting(StreamReader[AudioFrame]):
    """Counts the frames that were decoded."""

    n_decoded = 0

    def frames(self) -> Iterator[AudioFrame]:
        for frame in super().frames():
            self.n_decoded += 1
            yield frame


@pytest.fixture(autouse=True)
def far_is_near(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("core.media.audio_line.FAR_S", 4)


def _read(path: Path, first_sample: int, n_samples: int) -> tuple[Read, AudioLine, Counting]:
    info = probe(path)
    assert info.video is not None
    audio = info.audios[0]
    zero = clip_start(info.video, audio)
    with Counting(path, audio.index, AudioFrame, threading.Event()) as reader:
        line = AudioLine(reader, audio, zero, first_sample)
        return line.read(n_samples), line, reader


def _assert_equal_to_whole(path: Path, *, is_sought: bool, tolerance: float = 0.0) -> None:
    whole, line, counter = _read(path, 0, 20 * AUDIO_RATE_HZ)
    end_time = line.end_time
    for first in (4 * AUDIO_RATE_HZ + 77, 7 * AUDIO_RATE_HZ, 13 * AUDIO_RATE_HZ + 6401):
        (samples, has_audio, n_left), part, reader = _read(path, first, 20 * AUDIO_RATE_HZ)
        of_whole = whole[0][first : first + n_left]
        np.testing.assert_allclose(samples[:n_left], of_whole, rtol=0, atol=tolerance)
        np.testing.assert_array_equal(has_audio[:n_left], whole[1][first : first + n_left])
        assert first + n_left == whole[2]
        assert part.end_time == end_time
        assert reader.n_damaged == 0
    assert (reader.n_decoded < counter.n_decoded / 2) == is_sought


@pytest.mark.parametrize(
    ("name", "codec", "rate_hz", "options"),
    [
        ("clip.mp4", "aac", 48000, NO_SUBSTITUTES),
        ("clip.mp4", "aac", 44100, NO_SUBSTITUTES),
        ("clip.mkv", "aac", 48000, NO_SUBSTITUTES),
        ("clip.mkv", "aac", 44100, NO_SUBSTITUTES),
        ("clip.ts", "aac", 48000, NO_SUBSTITUTES),
        ("clip.ts", "aac", 44100, NO_SUBSTITUTES),
        ("clip.mov", "pcm_s16le", 48000, {}),
        ("clip.mov", "pcm_s24le", 44100, {}),
        ("clip.mkv", "pcm_s16le", 44100, {}),
        ("clip.mkv", "flac", 44100, {}),
        ("clip.mp4", "libmp3lame", 44100, {}),
        ("clip.mkv", "libmp3lame", 44100, {}),
        ("clip.ts", "libmp3lame", 44100, {}),
        ("clip.mp4", "libopus", 48000, {}),
        ("clip.mkv", "libopus", 48000, {}),
        ("clip.mp4", "aac", 16000, NO_SUBSTITUTES),
    ],
)
def test_sound_that_is_sought_equals_that_of_reading_everything(
    make_clip: MakeClip, name: str, codec: str, rate_hz: int, options: dict[str, str]
) -> None:
    path = make_clip(name, audio_codec=codec, rate_hz=rate_hz, audio_options=options, **CLIP)
    _assert_equal_to_whole(path, is_sought=True)


def test_a_decoder_that_rounds_on_from_frame_to_frame_is_equal_to_16_bits(
    make_clip: MakeClip,
) -> None:
    path = make_clip("clip.ts", audio_codec="mp2", rate_hz=44100, **CLIP)
    _assert_equal_to_whole(path, is_sought=True, tolerance=2 / 32768)


def test_both_channels_are_sought(make_clip: MakeClip) -> None:
    path = make_clip("clip.mov", audio_codec="pcm_s16le", rate_hz=44100, n_channels=2, **CLIP)
    _assert_equal_to_whole(path, is_sought=True)


@pytest.mark.parametrize("start_s", [0.5, -2.0])
def test_edit_lists_are_followed(make_clip: MakeClip, start_s: float) -> None:
    path = make_clip(audio_start_s=start_s, rate_hz=44100, audio_options=NO_SUBSTITUTES, **CLIP)
    _assert_equal_to_whole(path, is_sought=True)


def test_where_times_are_counted_decoding_begins_with_the_stream(make_clip: MakeClip) -> None:
    path = make_clip("clip.avi", audio_codec="pcm_s16le", rate_hz=44100, **CLIP)
    _assert_equal_to_whole(path, is_sought=False)


def test_noise_that_the_decoder_makes_up_stays_in_its_place(make_clip: MakeClip) -> None:
    """The beeps are there, to the sample; only what is noise anyway differs."""
    path = make_clip("clip.mkv", rate_hz=44100, **CLIP)
    first = 6 * AUDIO_RATE_HZ
    whole, _, _ = _read(path, 0, 12 * AUDIO_RATE_HZ)
    (samples, _, _), _, _ = _read(path, first, 6 * AUDIO_RATE_HZ)
    spectra = np.fft.rfft(whole[0][first:]) * np.fft.rfft(samples).conj()
    assert np.argmax(np.fft.irfft(spectra)) == 0


def test_sound_that_ended_long_before_is_no_failure(make_clip: MakeClip) -> None:
    path = make_clip("clip.mov", audio_codec="pcm_s16le", **CLIP)
    _, line, _ = _read(path, 0, 20 * AUDIO_RATE_HZ)
    (samples, has_audio, n_left), part, _ = _read(path, 900 * AUDIO_RATE_HZ, 1000)
    assert not part.is_empty
    assert part.at_end
    assert part.end_time == line.end_time
    assert n_left == 0
    assert not samples.any()
    assert not has_audio.any()


@pytest.mark.parametrize("jitter_ms", [0, 9])
def test_timestamps_that_jitter_are_not_trusted(
    make_clip: MakeClip, tmp_path: Path, jitter_ms: int
) -> None:
    clip = make_clip("clip.mkv", audio_codec="pcm_s16le", rate_hz=44100, **CLIP)
    path = tmp_path / "jitter.mkv"
    rng = np.random.default_rng(1)
    with av.open(str(clip)) as source, av.open(str(path), "w") as made:
        streams = [made.add_stream_from_template(one) for one in source.streams]
        for packet in source.demux():
            if packet.size and packet.pts is not None:
                packet.stream = streams[packet.stream_index]
                if packet.stream_index == 1 and packet.pts:
                    packet.pts += int(rng.integers(-jitter_ms, jitter_ms + 1))
                    packet.dts = packet.pts
                made.mux(packet)
    _assert_equal_to_whole(path, is_sought=not jitter_ms)
