"""What all tests share: generated clips, a private home, and no thread left behind."""

import os
import shutil
import tempfile
import threading
import time
from collections.abc import Callable, Iterator, Mapping, Sequence
from fractions import Fraction
from itertools import pairwise
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.container import OutputContainer
from av.packet import Packet
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

os.environ["QT_QPA_PLATFORM"] = "offscreen"
_HOME = tempfile.mkdtemp(prefix="synchformer-home-")
os.environ["SYNCHFORMER_HOME"] = _HOME

VIDEO_TICK = Fraction(1, 120000)
"""Divides the frame durations of all usual rates, 24000/1001 included."""

KEY_FRAME_DISTANCE = 50
ENCODER_OPTIONS = {
    "libx264": {"preset": "veryfast", "crf": "18"},
    "libx265": {"preset": "ultrafast", "crf": "18", "x265-params": "log-level=none"},
    "libvpx": {"deadline": "realtime", "cpu-used": "-16", "threads": "1"},
    "libvpx-vp9": {"deadline": "realtime", "cpu-used": "8", "threads": "1"},
    "vorbis": {"strict": "experimental"},
}
PIXEL_FORMATS = {"mjpeg": "yuvj420p", "prores_ks": "yuv422p10le", "dnxhd": "yuv422p"}
THREAD_GRACE_S = 2.0


def pytest_addoption(parser: pytest.Parser) -> None:
    parser.addoption(
        "--delay-table",
        type=Path,
        help="write the table of test_delays.py to this file, as Markdown",
    )


def pytest_unconfigure() -> None:
    shutil.rmtree(_HOME, ignore_errors=True)


@pytest.fixture(autouse=True)
def no_threads_left() -> Iterator[None]:
    before = set(threading.enumerate())
    yield
    deadline = time.monotonic() + THREAD_GRACE_S
    left = [t for t in threading.enumerate() if t not in before]
    # Threads that Qt or torch started appear as dummies when they call into Python.
    left = [t for t in left if not isinstance(t, threading._DummyThread)]
    for thread in left:
        thread.join(max(0.0, deadline - time.monotonic()))
    running = [t.name for t in left if t.is_alive()]
    assert not running, f"threads left running: {running}"


@pytest.fixture
def make_clip(tmp_path: Path) -> Callable[..., Path]:
    """Return a function that writes a clip; its arguments are those of `_write_clip`."""

    def make(name: str = "clip.mp4", **options: object) -> Path:
        path = tmp_path / name
        _write_clip(path, **options)  # type: ignore[arg-type]
        return path

    return make


@pytest.fixture
def clip_events() -> Callable[[int, float], list[float]]:
    """Return a function that tells when the events of a clip with a seed and a duration are."""

    def events(seed: int, duration_s: float) -> list[float]:
        rng = np.random.default_rng(seed)
        return _event_times(rng, _frame_times(rng, Fraction(25), 0.0, duration_s, variable=False))

    return events


@pytest.fixture(scope="session")
def long_clip(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A clip of 60 s whose sound is 0.2 s early; not to be changed."""
    path = tmp_path_factory.mktemp("long") / "long.mp4"
    _write_clip(path, offset_s=0.2, duration_s=60.0, size=(160, 128))
    return path


@pytest.fixture
def builtin_weights(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Put a tiny network with random weights, which is never sure, in place of the shipped one."""
    import torch

    from core.model.builtin.file import About, BuiltinModel, Calibration, write_builtin
    from core.model.builtin.lag_net import LagNet, LagSizes

    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(0)
        network = LagNet(LagSizes(4, 8, 8, 2, 4, 8, 8, 16))
    path = tmp_path / "tiny.safetensors"
    write_builtin(path, BuiltinModel(network, Calibration(), About("none", 0, "random")))
    monkeypatch.setattr("core.detection.engines.open.builtin_weights", lambda: path)
    return path


def _write_clip(
    path: Path,
    *,
    offset_s: float | Callable[[float], float] = 0.0,
    duration_s: float = 10.0,
    fps: Fraction = Fraction(25),
    size: tuple[int, int] = (320, 256),
    video_codec: str = "libx264",
    audio_codec: str = "aac",
    rate_hz: int = 16000,
    n_channels: int = 1,
    seed: int = 0,
    video_start_s: float = 0.0,
    audio_start_s: float = 0.0,
    video: bool = True,
    audio: bool = True,
    variable_rate: bool = False,
    rotation_deg: int = 0,
    silent: bool = False,
    still: bool = False,
    interleaved: bool = True,
    audio_options: Mapping[str, str] | None = None,
    video_options: Mapping[str, str] | None = None,
    n_audio: int = 1,
) -> None:
    """Encode irregular events: a flash while a square jumps, with a beep `offset_s` early.

    Events lie on the file's own timeline, so start times do not change the offset: video covers
    `video_start_s` to `duration_s`, audio `audio_start_s` to `duration_s`. `offset_s` may be a
    function of the time of the event; each audio stream after the first beeps 0.1 s earlier than
    the one before. `size` is (width, height) as stored; `rotation_deg` is what a
    player turns counter-clockwise. The second and further channels have half the amplitude of the
    first.
    """
    rng = np.random.default_rng(seed)
    times = _frame_times(rng, fps, video_start_s, duration_s, variable_rate)
    events = _event_times(rng, times)
    options = {} if interleaved else {"max_interleave_delta": "1"}
    if path.suffix in {".mp4", ".mov", ".m4a"}:
        options |= {"movie_timescale": "90000", "video_track_timescale": "120000"}
    with av.open(str(path), "w", options=options) as container:
        packets: list[Packet] = []
        if video:
            flashes = [] if still else events
            packets += _encode_video(
                container, times, flashes, fps, size, video_codec, rotation_deg, video_options
            )
        for number in range(n_audio if audio else 0):
            n_samples = round((duration_s - audio_start_s) * rate_hz)
            offset_at = offset_s if callable(offset_s) else lambda _: offset_s
            early_s = audio_start_s + 0.1 * number
            onsets = [event - offset_at(event) - early_s for event in events]
            mono = _beeps(rng, onsets, n_samples, rate_hz) * np.float32(not silent)
            packets += _encode_audio(
                container, mono, n_channels, rate_hz, audio_codec, audio_start_s, audio_options
            )
        if interleaved:
            packets.sort(key=lambda p: (p.dts or 0) * p.time_base)
        for packet in packets:
            container.mux(packet)


def _frame_times(
    rng: np.random.Generator, fps: Fraction, start_s: float, end_s: float, variable: bool
) -> list[Fraction]:
    """Return the presentation times, and last the end of the last frame."""
    times = [Fraction(start_s)]
    while times[-1] < end_s:
        step = Fraction(int(rng.integers(1, 5)), 2) if variable else Fraction(1)
        times.append(times[-1] + step / fps)
    return times


def _event_times(rng: np.random.Generator, times: Sequence[Fraction]) -> list[float]:
    """Choose frame times 0.45 to 1.1 s apart."""
    events: list[float] = []
    following = float(times[0]) + 0.5
    for frame_time in times[:-1]:
        if frame_time >= following:
            events.append(float(frame_time))
            following = float(frame_time) + rng.uniform(0.45, 1.1)
    return events


def _encode_video(
    container: OutputContainer,
    times: Sequence[Fraction],
    events: Sequence[float],
    fps: Fraction,
    size: tuple[int, int],
    codec: str,
    rotation_deg: int,
    more_options: Mapping[str, str] | None,
) -> list[Packet]:
    width, height = size
    options = {**ENCODER_OPTIONS.get(codec, {}), **(more_options or {})}
    stream = container.add_stream(codec, rate=fps, options=options)
    assert isinstance(stream, VideoStream)
    stream.width, stream.height = width, height
    stream.pix_fmt = PIXEL_FORMATS.get(codec, "yuv420p")
    stream.codec_context.time_base = 1 / fps
    stream.codec_context.gop_size = KEY_FRAME_DISTANCE
    if rotation_deg:
        stream.set_display_rotation(rotation_deg)
    packets: list[Packet] = []
    for index, frame_time in enumerate(times[:-1]):
        frame = VideoFrame.from_ndarray(_video(float(frame_time), events, size), "yuv420p")
        if stream.pix_fmt != "yuv420p":
            frame = frame.reformat(format=stream.pix_fmt)
        frame.pts, frame.time_base = index, 1 / fps
        packets += stream.encode(frame)
    packets += stream.encode(None)
    ticks = [round(t / VIDEO_TICK) for t in times]
    for packet in packets:
        # Encoders count frames; this is where the counts become times. Decoding times in front of
        # the first frame go on at the nominal distance.
        pts, dts = packet.pts, packet.dts
        assert pts is not None
        assert dts is not None
        packet.duration = ticks[pts + 1] - ticks[pts]
        packet.pts = ticks[pts]
        early = min(dts, 0)
        packet.dts = ticks[dts - early] + round(early / fps / VIDEO_TICK)
        packet.time_base = VIDEO_TICK
    return packets


def _video(now_s: float, events: Sequence[float], size: tuple[int, int]) -> NDArray[np.uint8]:
    """Draw one I420 picture: a square that jumps within 0.12 s, and a flash of 0.08 s."""
    width, height = size
    video = np.full((height * 3 // 2, width), 128, np.uint8)
    rows, columns = np.arange(height)[:, None], np.arange(width)[None, :]
    luma = (60 + (rows // 16 + columns // 16) % 2 * 30).astype(np.uint8)
    past = [event for event in events if event <= now_s + 1e-6]
    since = now_s - past[-1] if past else np.inf
    side = height // 4
    here, there = (
        np.random.default_rng(n).integers(0, (height - side, width - side))
        for n in (len(past), max(0, len(past) - 1))
    )
    share = min(1.0, (since + 0.04) / 0.12)
    top, left = np.rint(there + share * (here - there)).astype(int)
    luma[top : top + side, left : left + side] = 200
    if since < 0.08 - 1e-6:
        luma += 50
    video[:height] = luma
    return video


def _beeps(
    rng: np.random.Generator, onsets: Sequence[float], n_samples: int, rate_hz: int
) -> NDArray[np.float32]:
    """Render decaying tones that start at `onsets` (seconds), over a faint noise."""
    mono = rng.normal(0, 0.001, n_samples)
    burst_s = np.arange(round(0.15 * rate_hz)) / rate_hz
    for onset in onsets:
        first = round(onset * rate_hz)
        tone = 0.6 * np.exp(-burst_s / 0.03) * np.cos(2 * np.pi * rng.uniform(800, 3000) * burst_s)
        begin, end = max(0, first), min(n_samples, first + tone.size)
        if begin < end:
            mono[begin:end] += tone[begin - first : end - first]
    return mono.astype(np.float32)


def _encode_audio(
    container: OutputContainer,
    mono: NDArray[np.float32],
    n_channels: int,
    rate_hz: int,
    codec: str,
    start_s: float,
    options: Mapping[str, str] | None,
) -> list[Packet]:
    layout = {1: "mono", 2: "stereo", 6: "5.1"}[n_channels]
    chosen = {**ENCODER_OPTIONS.get(codec, {}), **(options or {})}
    stream = container.add_stream(codec, rate=rate_hz, layout=layout, options=chosen)
    assert isinstance(stream, AudioStream)
    gains = np.array([1.0] + [0.5] * (n_channels - 1), np.float32)
    packets: list[Packet] = []
    bounds = [*range(0, mono.size, 1024), mono.size]
    for begin, end in pairwise(bounds):
        block = np.ascontiguousarray(gains[:, None] * mono[begin:end])
        frame = AudioFrame.from_ndarray(block, format="fltp", layout=layout)
        frame.rate, frame.pts, frame.time_base = rate_hz, begin, Fraction(1, rate_hz)
        packets += stream.encode(frame)
    packets += stream.encode(None)
    for packet in packets:
        shift = round(Fraction(start_s) / packet.time_base)
        packet.pts = (packet.pts or 0) + shift
        packet.dts = (packet.dts or 0) + shift
    return packets
