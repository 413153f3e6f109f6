"""Decoding: offsets, parts, memory, cancelling and the reference."""

import hashlib
import itertools
import json
import math
import sys
import threading
import time
import tracemalloc
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path
from typing import Any

import av
import numpy as np
import pytest

from core.errors import Cancelled
from core.media.decoder import ClipDecoder
from core.progress import Progress
from core.timing import SAMPLES_PER_FRAME, VIDEO_FPS

SHARED = Path(__file__).parents[4] / "shared"
MakeClip = Callable[..., Path]
DecodeClip = Callable[..., Any]
OpenClip = Callable[..., ClipDecoder]


@pytest.mark.parametrize(
    ("options", "tolerance_s"),
    [
        ({}, 0.002),
        ({"offset_s": 0.0}, 0.002),
        ({"offset_s": 0.32}, 0.002),
        ({"name": "clip.mov", "audio_codec": "pcm_s16le"}, 0.001),
        ({"name": "clip.mov", "audio_codec": "pcm_s16le", "rate_hz": 44100}, 0.001),
        ({"name": "clip.mkv", "audio_codec": "flac", "rate_hz": 48000}, 0.001),
        ({"name": "clip.mkv", "audio_codec": "ac3", "rate_hz": 48000, "n_channels": 6}, 0.008),
        # Matroska rounds the 312 samples that Opus skips at the start, which then sound too early.
        ({"name": "clip.mkv", "audio_codec": "libopus", "rate_hz": 48000}, 0.009),
        ({"name": "clip.webm", "video_codec": "libvpx", "audio_codec": "libopus"}, 0.009),
        ({"video_codec": "libx265", "audio_codec": "aac", "n_channels": 2}, 0.002),
        ({"name": "clip.ts", "video_start_s": 1.4, "audio_start_s": 1.4}, 0.02),
        ({"video_start_s": 0.25}, 0.02),
        ({"audio_start_s": 0.5, "rate_hz": 48000}, 0.02),
        (
            {"name": "clip.mkv", "video_start_s": 3.5, "audio_start_s": 3.5, "duration_s": 9.5},
            0.002,
        ),
        (
            {"name": "clip.mkv", "video_start_s": 3.75, "audio_start_s": 3.5, "duration_s": 9.5},
            0.02,
        ),
        ({"audio_start_s": -2.0}, 0.002),
        ({"fps": Fraction(30000, 1001)}, 0.021),
        ({"fps": Fraction(30)}, 0.021),
        ({"fps": Fraction(50)}, 0.021),
        ({"fps": Fraction(24)}, 0.021),
        ({"variable_rate": True}, 0.021),
        ({"interleaved": False}, 0.002),
    ],
    ids=str,
)
def test_offset_survives(
    make_clip: MakeClip, decode_clip: DecodeClip, options: dict[str, object], tolerance_s: float
) -> None:
    options = {"duration_s": 6.0, "offset_s": -0.44, **options}
    offset_s = options["offset_s"]
    assert isinstance(offset_s, float)
    clip = decode_clip(make_clip(**options))
    offsets = clip.offsets_near(offset_s)
    assert len(offsets) >= 4
    assert np.abs(offsets - offset_s).max() <= tolerance_s
    assert clip.warnings == ()


def test_chunks_follow_each_other(make_clip: MakeClip, decode_clip: DecodeClip) -> None:
    clip = decode_clip(make_clip(duration_s=3.5))
    assert [c.first_frame for c in clip.chunks] == [0, 25, 50, 75]
    for chunk in clip.chunks:
        n_frames = len(chunk.frames)
        assert 1 <= n_frames <= 25
        assert chunk.frames.shape == (n_frames, 256, 320, 3)
        assert chunk.frames.dtype == np.uint8
        assert chunk.waveform.shape == (n_frames * SAMPLES_PER_FRAME,)
        assert chunk.waveform.dtype == np.float32
        assert chunk.has_video.shape == chunk.has_audio.shape == (n_frames,)


@pytest.mark.parametrize("shift", [0, 7000, -3333])
def test_shift_takes_sound_from_elsewhere(
    make_clip: MakeClip, decode_clip: DecodeClip, shift: int
) -> None:
    path = make_clip(duration_s=3.0)
    plain, shifted = decode_clip(path), decode_clip(path, audio_shift_samples=shift)
    low, high = max(0, -shift), min(len(shifted.waveform), len(plain.waveform) - shift)
    np.testing.assert_array_equal(
        shifted.waveform[low:high], plain.waveform[low + shift : high + shift]
    )
    assert (shifted.waveform[:low] == 0).all()
    assert shifted.has_audio[0] == (shift >= 0)
    np.testing.assert_array_equal(shifted.frames[:75], plain.frames[:75])


@pytest.mark.parametrize(
    "options",
    [
        {"name": "clip.mp4"},
        {"name": "clip.mkv", "video_start_s": 1.5, "audio_start_s": 1.25, "rate_hz": 44100},
        {"name": "clip.ts", "video_start_s": 1.4, "audio_start_s": 1.4},
        {"name": "clip.ts", "video_codec": "mpeg2video"},
        {"name": "clip.webm", "video_codec": "libvpx", "audio_codec": "libopus"},
        {"name": "clip.mp4", "variable_rate": True, "rate_hz": 48000},
        {"name": "clip.mp4", "rotation_deg": 90, "fps": Fraction(30000, 1001)},
    ],
    ids=str,
)
def test_a_part_equals_the_same_part_of_everything(
    make_clip: MakeClip, decode_clip: DecodeClip, options: dict[str, object]
) -> None:
    path = make_clip(**{"duration_s": 8.0, **options})
    whole = decode_clip(path)
    for first_frame, n_frames in [(0, 30), (1, 10), (49, 3), (50, 26), (99, 60), (151, None)]:
        part = decode_clip(path, first_frame=first_frame, n_frames=n_frames)
        assert part.chunks[0].first_frame == first_frame
        stop = len(whole.frames) if n_frames is None else first_frame + n_frames
        stop = min(stop, len(whole.frames))
        np.testing.assert_array_equal(part.frames, whole.frames[first_frame:stop])
        samples = slice(first_frame * SAMPLES_PER_FRAME, stop * SAMPLES_PER_FRAME)
        np.testing.assert_array_equal(part.waveform, whole.waveform[samples])
        np.testing.assert_array_equal(part.has_video, whole.has_video[first_frame:stop])
        np.testing.assert_array_equal(part.has_audio, whole.has_audio[first_frame:stop])


@pytest.mark.parametrize("rate_hz", [16000, 48000])
def test_a_part_comes_with_the_sound_around_it(
    make_clip: MakeClip, decode_clip: DecodeClip, rate_hz: int
) -> None:
    path = make_clip(duration_s=4.0, rate_hz=rate_hz)
    whole = decode_clip(path)
    part = decode_clip(path, first_frame=40, n_frames=30, n_margin_frames=28)
    spans = [(c.first_frame, len(c.frames), c.is_margin) for c in part.chunks]
    assert spans == [
        (12, 25, True),
        (37, 3, True),
        (40, 25, False),
        (65, 5, False),
        (70, 25, True),
        (95, 3, True),
    ]
    samples = slice(12 * SAMPLES_PER_FRAME, 98 * SAMPLES_PER_FRAME)
    np.testing.assert_array_equal(part.waveform, whole.waveform[samples])
    np.testing.assert_array_equal(part.has_audio, whole.has_audio[12:98])
    np.testing.assert_array_equal(part.frames[28:58], whole.frames[40:70])
    assert (part.frames[:28] == whole.frames[40]).all()
    assert (part.frames[58:] == whole.frames[69]).all()
    np.testing.assert_array_equal(np.flatnonzero(part.has_video), np.arange(28, 58))
    assert part.warnings == ()


def test_around_a_part_at_the_borders_of_the_clip_there_is_nothing(
    make_clip: MakeClip, decode_clip: DecodeClip
) -> None:
    path = make_clip(duration_s=3.0, audio_codec="pcm_s16le", name="clip.mov")
    begin = decode_clip(path, first_frame=0, n_frames=10, n_margin_frames=5)
    assert [c.first_frame for c in begin.chunks] == [0, 10]
    end = decode_clip(path, first_frame=60, n_margin_frames=5)
    assert [c.first_frame for c in end.chunks] == [55, 60]
    beyond = decode_clip(path, first_frame=60, n_frames=15, n_margin_frames=5)
    assert not any(c.is_margin and c.has_audio.any() for c in beyond.chunks[1:])


def test_behind_the_end_there_is_nothing(make_clip: MakeClip, open_clip: OpenClip) -> None:
    with open_clip(make_clip(duration_s=1.0), first_frame=1000) as decoder:
        assert list(decoder) == []


class CancelAfter:
    def __init__(self, n_checks: int) -> None:
        self.n_left = n_checks

    def report(self, progress: Progress) -> None:
        pass

    def check(self) -> None:
        self.n_left -= 1
        if self.n_left < 0:
            raise Cancelled


def decoder_threads() -> list[str]:
    return [t.name for t in threading.enumerate() if t.name.startswith("clip-decoder")]


def open_files(path: Path) -> int:
    if not sys.platform.startswith("linux"):
        return 0
    links = Path("/proc/self/fd").iterdir()
    return sum(link.exists() and link.resolve() == path for link in links)


@pytest.mark.parametrize("n_checks", [0, 1, 3])
def test_cancelling_ends_thread_and_closes_files(
    make_clip: MakeClip, open_clip: OpenClip, n_checks: int
) -> None:
    path = make_clip(duration_s=20.0)
    decoder = open_clip(path, monitor=CancelAfter(n_checks))
    with pytest.raises(Cancelled), decoder:
        list(decoder)
    assert decoder_threads() == []
    assert open_files(path) == 0


def test_abandoning_ends_thread_and_closes_files(make_clip: MakeClip, open_clip: OpenClip) -> None:
    path = make_clip(duration_s=20.0)
    began = time.monotonic()
    with open_clip(path) as decoder:
        next(iter(decoder))
        assert decoder_threads()
    with pytest.raises(KeyError), open_clip(path) as decoder:
        {}[next(iter(decoder)).first_frame]
    with open_clip(path, first_frame=400):
        pass
    assert decoder_threads() == []
    assert open_files(path) == 0
    assert time.monotonic() - began < 5


def test_iterating_outside_the_with_statement_is_refused(
    make_clip: MakeClip, open_clip: OpenClip
) -> None:
    decoder = open_clip(make_clip(duration_s=1.0))
    with pytest.raises(RuntimeError, match="with statement"):
        next(iter(decoder))


@pytest.mark.parametrize(
    "options", [{"video_stream_index": 7}, {"audio_stream_index": 0}, {"first_frame": -1}]
)
def test_wrong_arguments_are_refused(
    make_clip: MakeClip, open_clip: OpenClip, options: dict[str, int]
) -> None:
    with pytest.raises(ValueError, match="got"):
        open_clip(make_clip(duration_s=1.0), **options)


@pytest.mark.parametrize("interleaved", [True, False])
def test_memory_stays_bounded(make_clip: MakeClip, open_clip: OpenClip, interleaved: bool) -> None:
    path = make_clip(duration_s=40.0, interleaved=interleaved)
    with av.open(str(path)) as container:
        places = [(p.stream_index, p.pos or 0) for p in container.demux() if p.size]
    video_places = sorted(pos for index, pos in places if index == 0)
    first_audio = min(pos for index, pos in places if index == 1)
    # The muxer holds back one picture.
    assert (first_audio > video_places[-2]) == (not interleaved)
    chunk_bytes = VIDEO_FPS * 320 * 256 * 3
    tracemalloc.start()
    try:
        with open_clip(path) as decoder:
            n_frames = sum(len(chunk.frames) for chunk in decoder)
        _, peak_bytes = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert n_frames >= 1000
    assert peak_bytes < 8 * chunk_bytes


def test_decoding_runs_ahead_but_not_far(make_clip: MakeClip, open_clip: OpenClip) -> None:
    with open_clip(make_clip(duration_s=20.0)) as decoder:
        chunks = iter(decoder)
        next(chunks)
        deadline = time.monotonic() + 10
        while decoder._chunks.qsize() < 3 and time.monotonic() < deadline:
            time.sleep(0.01)
        time.sleep(0.1)
        assert decoder._chunks.qsize() == 3
        assert [c.first_frame for c in itertools.islice(chunks, 4)] == [25, 50, 75, 100]


@pytest.mark.golden
@pytest.mark.parametrize("name", ["00018", "3qesirWAGt4_20000_30000"])
def test_real_clip_equals_the_reference(decode_clip: DecodeClip, name: str) -> None:
    path = SHARED / "clips" / f"{name}.mp4"
    if not path.exists():
        pytest.skip("the real clips are not here")
    golden = json.loads((SHARED / "parity" / "goldens_public.json").read_text())
    expected = golden["meta"]["clips"][name]
    clip = decode_clip(path)
    frames = clip.frames[clip.has_video]
    assert frames.shape == (expected["frames"], expected["height"], expected["width"], 3)
    assert (
        hashlib.sha256(frames.transpose(0, 3, 1, 2).tobytes()).hexdigest()
        == (expected["rgb_sha256"])
    )
    n_samples = expected["samples"]
    assert len(clip.waveform) == math.ceil(n_samples / SAMPLES_PER_FRAME) * SAMPLES_PER_FRAME
    # The reference seeks behind the priming, so its first 1024 samples lack their overlap.
    sampled = np.load(SHARED / "parity" / "goldens_public.npz")[f"{name}/decoded/audio_at"]
    at = (np.arange(64) * 524287 + 12345) % n_samples
    np.testing.assert_array_equal(clip.waveform[at[at >= 1024]], sampled[at >= 1024])
    assert clip.warnings == ()
