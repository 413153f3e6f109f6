"""Salient clips, easy to synchronize: coloured discs light up with tones, one pitch per colour.

A network that fails to learn from these clips will not learn from real ones. Success shows only
that the training code works.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import cv2
import numpy as np
from numpy.typing import NDArray

from core.paths import complete_or_absent
from core.timing import VIDEO_FPS
from training.data.synthetic.encode import Encoding, write_clip
from training.data.synthetic.performance import SOUND_RATE_HZ

_SIDE_PX = 256
_DECAY_S = 0.12
_FADED = 0.02
_SINGLE_SPREAD_S = 0.3
_LOWEST_HZ, _HIGHEST_HZ = 300.0, 5000.0
_ENCODING = Encoding(
    frame_rate=Fraction(VIDEO_FPS),
    preset="ultrafast",
    crf=23,
    key_frame_distance=25,
    audio_rate_hz=16_000,
    n_channels=1,
    audio_bit_rate=64_000,
)


@dataclass(frozen=True, slots=True)
class SalientStyle:
    """Style of the events of a clip.

    Attributes:
        n_kinds: Number of colours, each with its own pitch.
        shortest_gap_s: Shortest gap between events; the times are irregular.
        longest_gap_s: Longest gap between events.
        duration_s: Length of the clip.
        is_single: Only one event, within 0.3 s of the middle, visible in every window.
    """

    n_kinds: int = 6
    shortest_gap_s: float = 0.35
    longest_gap_s: float = 0.9
    duration_s: float = 10.0
    is_single: bool = False


@dataclass(frozen=True, slots=True, eq=False)
class Events:
    """Events of a clip.

    Attributes:
        frames: (N,) int64 first bright frame of each event at 25 fps.
        kinds: (N,) int64 index of colour and pitch.
        centres_px: (N, 2) int64 centres of the discs (x, y).
        radii_px: (N,) int64 radii of the discs.
    """

    frames: NDArray[np.int64]
    kinds: NDArray[np.int64]
    centres_px: NDArray[np.int64]
    radii_px: NDArray[np.int64]


def write_salient_clips(
    folder: Path, n_clips: int, seed: int = 0, style: SalientStyle | None = None
) -> list[Path]:
    """Write the missing MP4s.

    Args:
        folder: Folder of the clips; created if missing.
        n_clips: Number of clips; the first clips do not depend on it.
        seed: Seed of all clips.
        style: Style of the events; the defaults if None.

    Returns:
        One path per clip, in order.
    """
    folder.mkdir(parents=True, exist_ok=True)
    paths = [folder / f"salient-{seed}-{index:05d}.mp4" for index in range(n_clips)]
    for index, path in enumerate(paths):
        if path.exists():
            continue
        with complete_or_absent(path) as partial:
            # The suffix determines the container.
            part = partial.with_suffix(".mp4")
            _write(np.random.default_rng([seed, index]), style or SalientStyle(), part)
            part.replace(partial)
    return paths


def draw_events(rng: np.random.Generator, style: SalientStyle) -> Events:
    """Draw the events of a clip."""
    if style.is_single:
        times = style.duration_s / 2 + rng.uniform(-_SINGLE_SPREAD_S, _SINGLE_SPREAD_S, 1)
    else:
        shortest, longest = style.shortest_gap_s, style.longest_gap_s
        n_most = int(style.duration_s / shortest) + 2
        times = np.cumsum(rng.uniform(shortest, longest, n_most)) - rng.uniform(0, shortest)
    frames = np.rint(times * VIDEO_FPS).astype(np.int64)
    frames = frames[frames < round(style.duration_s * VIDEO_FPS)]
    n = len(frames)
    return Events(
        frames=frames,
        kinds=rng.integers(style.n_kinds, size=n),
        centres_px=rng.integers(90, _SIDE_PX - 90, size=(n, 2)),
        radii_px=rng.integers(50, 90, size=n),
    )


def paint_frames(
    rng: np.random.Generator, events: Events, style: SalientStyle
) -> Iterator[NDArray[np.uint8]]:
    """Paint (256, 256, 3) RGB frames at 25 fps."""
    coarse = rng.integers(20, 90, size=(8, 8, 3)).astype(np.uint8)
    backdrop = cv2.resize(coarse, (_SIDE_PX, _SIDE_PX), interpolation=cv2.INTER_CUBIC)
    for number in range(round(style.duration_s * VIDEO_FPS)):
        frame = backdrop.copy()
        since_s = (number - events.frames) / VIDEO_FPS
        light = np.where(since_s >= 0, np.exp(-since_s / _DECAY_S), 0.0)
        for i in np.flatnonzero(light > _FADED):
            colour = _colour(int(events.kinds[i]), style.n_kinds)
            centre = (int(events.centres_px[i, 0]), int(events.centres_px[i, 1]))
            lit = frame.copy()
            cv2.circle(lit, centre, int(events.radii_px[i]), colour, cv2.FILLED)
            cv2.addWeighted(lit, light[i], frame, 1 - light[i], 0, dst=frame)
        yield np.asarray(frame, np.uint8)


def sound(
    rng: np.random.Generator, events: Events, style: SalientStyle, rate_hz: int = SOUND_RATE_HZ
) -> NDArray[np.float32]:
    """Render (n,) samples: a decaying tone per event over faint noise."""
    n_samples = round(style.duration_s * rate_hz)
    mono = rng.normal(0, 0.002, n_samples)
    burst_s = np.arange(round(-_DECAY_S * np.log(_FADED) * rate_hz)) / rate_hz
    for frame, kind in zip(events.frames, events.kinds, strict=True):
        pitch_hz = _LOWEST_HZ * (_HIGHEST_HZ / _LOWEST_HZ) ** (kind / max(1, style.n_kinds - 1))
        tone = 0.4 * np.exp(-burst_s / _DECAY_S) * np.sin(2 * np.pi * pitch_hz * burst_s)
        first = round(int(frame) / VIDEO_FPS * rate_hz)
        n = min(len(tone), n_samples - first)
        mono[first : first + n] += tone[:n]
    return np.clip(mono, -1, 1).astype(np.float32)


def _write(rng: np.random.Generator, style: SalientStyle, path: Path) -> None:
    events = draw_events(rng, style)
    shown = (cv2.cvtColor(p, cv2.COLOR_RGB2YUV_I420) for p in paint_frames(rng, events, style))
    heard = sound(np.random.default_rng(rng.integers(2**63)), events, style)
    write_clip(path, (np.asarray(p, np.uint8) for p in shown), heard[None], _ENCODING)


def _colour(kind: int, n_kinds: int) -> tuple[int, int, int]:
    """Colour of a kind; the kinds are spread over the circle of hues."""
    hue = np.array([[[180 * kind // n_kinds, 230, 255]]], np.uint8)
    red, green, blue = cv2.cvtColor(hue, cv2.COLOR_HSV2RGB)[0, 0]
    return int(red), int(green), int(blue)
