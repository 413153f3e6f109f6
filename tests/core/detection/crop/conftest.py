"""Test clips: one box moves with the audio, another one independently of it."""

from collections.abc import Callable, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.video.frame import VideoFrame
from av.video.stream import VideoStream
from numpy.typing import NDArray

from core.timing import AUDIO_RATE_HZ, VIDEO_FPS

EVENT_PX = 40
EARLY_S = 0.36
"""Offset of all clips: the choice of a square does not depend on sync."""

Place = tuple[int, int]


@pytest.fixture
def make_scene(tmp_path: Path) -> Callable[..., Path]:
    """Writer of clips made of shots, each given by its duration and the position of its event.

    One box flashes and bounces at the audible events. A second box, at the opposite position, does
    so at other times without audio or, with two sources, at the same events.
    """

    def make(
        size: tuple[int, int],
        shots: Sequence[tuple[float, Place]],
        *,
        is_silent: bool = False,
        has_two: bool = False,
        two_in: Sequence[int] = (),
    ) -> Path:
        rng = np.random.default_rng(4)
        end_s = sum(length_s for length_s, _ in shots)
        events, silent_events = (_event_times(rng, end_s) for _ in range(2))
        frames, begin_s = [], 0.0
        for number, (length_s, (x, y)) in enumerate(shots):
            back = _background(number, size)
            for time_s in begin_s + np.arange(round(length_s * VIDEO_FPS)) / VIDEO_FPS:
                frame = back.copy()
                _box(frame, (x, y), events, time_s)
                others = events if has_two or number in two_in else silent_events
                _box(frame, (size[0] - x, size[1] - y), others, time_s)
                frames.append(frame)
            begin_s += length_s
        path = tmp_path / "scene.mkv"
        _write(path, frames, _beeps(rng, events - EARLY_S, end_s) * np.float32(not is_silent))
        return path

    return make


def _event_times(rng: np.random.Generator, end_s: float) -> NDArray[np.float64]:
    times = 0.3 + np.cumsum(rng.uniform(0.3, 0.8, round(end_s / 0.3)))
    return times[times < end_s]


def _background(seed: int, size: tuple[int, int]) -> NDArray[np.uint8]:
    columns, rows = (side // 16 + 1 for side in size)
    grey = np.random.default_rng(seed).integers(40, 160, (rows, columns), dtype=np.uint8)
    return np.kron(grey, np.ones((16, 16), np.uint8))[: size[1], : size[0]]


def _box(
    frame: NDArray[np.uint8], place: Place, events: NDArray[np.float64], time_s: float
) -> None:
    since = time_s - events[events <= time_s + 1e-6]
    lift = int(12 * np.exp(-since[-1] / 0.1)) if len(since) else 0
    left, top = place[0] - EVENT_PX // 2, place[1] - EVENT_PX // 2 - lift
    frame[max(top, 0) : top + EVENT_PX, left : left + EVENT_PX] = 190 + 5 * lift


def _beeps(
    rng: np.random.Generator, onsets: NDArray[np.float64], end_s: float
) -> NDArray[np.float32]:
    mono = rng.normal(0, 0.001, round(end_s * AUDIO_RATE_HZ))
    burst_s = np.arange(round(0.1 * AUDIO_RATE_HZ)) / AUDIO_RATE_HZ
    for first in (onsets[onsets > 0] * AUDIO_RATE_HZ).astype(int):
        room = len(mono[first : first + len(burst_s)])
        tone = 0.5 * np.exp(-burst_s / 0.03) * np.sin(2 * np.pi * 1500 * burst_s)
        mono[first : first + room] += tone[:room]
    return mono.astype(np.float32)


def _write(path: Path, frames: Sequence[NDArray[np.uint8]], mono: NDArray[np.float32]) -> None:
    height, width = frames[0].shape
    with av.open(str(path), "w") as container:
        video = container.add_stream("libx264", rate=VIDEO_FPS, options={"preset": "ultrafast"})
        audio = container.add_stream("pcm_s16le", rate=AUDIO_RATE_HZ, layout="mono")
        assert isinstance(video, VideoStream)
        assert isinstance(audio, AudioStream)
        video.width, video.height, video.pix_fmt = width, height, "yuv420p"
        samples = (mono * 32767).astype(np.int16)[None]
        block = AudioFrame.from_ndarray(samples, format="s16", layout="mono")
        block.sample_rate, block.pts, block.time_base = AUDIO_RATE_HZ, 0, Fraction(1, AUDIO_RATE_HZ)
        for frame in frames:
            container.mux(video.encode(VideoFrame.from_ndarray(frame, "gray")))
        container.mux(video.encode(None))
        container.mux(audio.encode(block))
        container.mux(audio.encode(None))
