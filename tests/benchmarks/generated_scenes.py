"""Clips rendered on the analysis clock, for measuring estimators on hundreds of clips.

All is drawn at the rates of the clock, so no codec or container changes the true offset.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.media.decoder import ClipChunk
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS

HEIGHT_PX, WIDTH_PX = 256, 320
CHUNK_FRAMES = 50

Times = NDArray[np.float64]
Video = NDArray[np.float32]
Audio = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Scene:
    """Video and audio of a kind of clip.

    Attributes:
        name: Name in the table.
        draw: Makes (T, H, W) grey levels 0..255 from event times and frame times, in seconds.
        noise: Standard deviation of the camera's noise, in grey levels.
        hiss: Standard deviation of the audio's noise; an event peaks near 0.5.
        bed: Loudness of a continuous music bed with independent beats.
        is_regular: Events have nearly constant distances.
        is_speech: Audio swells like syllables instead of clicking.
    """

    name: str
    draw: Callable[[np.random.Generator, Times, Times], Video]
    noise: float = 1.0
    hiss: float = 0.001
    bed: float = 0.0
    is_regular: bool = False
    is_speech: bool = False


def _grid() -> tuple[Video, Video]:
    rows, columns = np.mgrid[0:HEIGHT_PX, 0:WIDTH_PX].astype(np.float32)
    return rows, columns


def _background(rng: np.random.Generator) -> Video:
    coarse = rng.uniform(40, 180, (9, 11))
    rows = np.linspace(0, 8, HEIGHT_PX)
    columns = np.linspace(0, 10, WIDTH_PX)
    across = np.stack([np.interp(columns, np.arange(11), line) for line in coarse])
    return np.stack([np.interp(rows, np.arange(9), c) for c in across.T], 1).astype(np.float32)


def _disks(
    rng: np.random.Generator,
    centres: NDArray[np.float64],
    radius: NDArray[np.float64],
    level: float,
) -> Video:
    """Draw one disk per frame; centres (T, 2) in pixels, radius (T,)."""
    rows, columns = _grid()
    video = np.repeat(_background(rng)[None], len(centres), 0)
    for frame, (row, column), r in zip(video, centres, radius, strict=True):
        inside = np.clip(r + 0.5 - np.hypot(rows - row, columns - column), 0, 1)
        frame += inside * (level - frame)
    return video


def draw_flashes(rng: np.random.Generator, events: Times, times: Times) -> Video:
    since = times[:, None] - events[None]
    lit = ((since >= 0) & (since < 0.09)).any(1)
    centre = np.tile([HEIGHT_PX / 2, WIDTH_PX / 2], (len(times), 1))
    return _disks(rng, centre, np.where(lit, 50.0, 0.0), 240)


def draw_bounces(rng: np.random.Generator, events: Times, times: Times) -> Video:
    """Let a ball fall freely from event to event; it hits the floor at each."""
    edges = np.concatenate([[events[0] - 0.9], events, [events[-1] + 0.9]])
    k = np.clip(np.searchsorted(edges, times, "right") - 1, 0, len(edges) - 2)
    start, end = edges[k], edges[k + 1]
    height = np.minimum(700 * np.maximum(times - start, 0) * np.maximum(end - times, 0), 200)
    centres = np.stack([220 - height, 60 + 20 * times], 1)
    return _disks(rng, centres, np.full(len(times), 18.0), 230)


def draw_small_taps(rng: np.random.Generator, events: Times, times: Times) -> Video:
    """Let a small, dim finger knock: 60 ms down, 200 ms up."""
    depth = np.max(np.clip(1 - np.abs(times[:, None] - events[None]) / 0.1, 0, 1), 1)
    centres = np.stack([120 + 8 * depth, np.full(len(times), 170.0)], 1)
    return _disks(rng, centres, np.full(len(times), 7.0), 150)


def draw_busy(rng: np.random.Generator, events: Times, times: Times) -> Video:
    """Bounces before a panning background with two independently moving objects."""
    video = draw_bounces(rng, events, times)
    rows, columns = _grid()
    for _ in range(2):
        speed, phase = rng.uniform(20, 90), rng.uniform(0, 6)
        for frame, t in zip(video, times, strict=True):
            column = 160 + 120 * np.sin(speed / 60 * t + phase)
            inside = np.clip(13 - np.hypot(rows - 60, columns - column), 0, 1)
            frame += inside * (60 - frame)
    return np.stack([np.roll(f, int(25 * np.sin(t)), 1) for f, t in zip(video, times, strict=True)])


def draw_mouth(rng: np.random.Generator, events: Times, times: Times) -> Video:
    """Open a mouth with each syllable, on a swaying head."""
    opening = _syllables(events, times)
    rows, columns = _grid()
    video = np.repeat(_background(rng)[None], len(times), 0)
    for frame, t, o in zip(video, times, opening, strict=True):
        row, column = 150 + 3 * np.sin(1.3 * t), 160 + 5 * np.sin(0.9 * t)
        shape = ((columns - column) / 16) ** 2 + ((rows - row) / (2 + 10 * o)) ** 2
        frame += np.clip(4 * (1 - shape), 0, 1) * (30 - frame)
    return video


def _syllables(events: Times, times: Times) -> Times:
    since = times[:, None] - events[None]
    rise = np.clip(since / 0.06, 0, 1) * np.exp(-np.maximum(since - 0.06, 0) / 0.09)
    opening: Times = np.minimum(rise.sum(1), 1)
    return opening


SCENES: tuple[Scene, ...] = (
    Scene("flashes", draw_flashes),
    Scene("bounces", draw_bounces),
    Scene("bounces, noisy", draw_bounces, noise=12, hiss=0.05),
    Scene("small taps", draw_small_taps, noise=2, hiss=0.005),
    Scene("busy picture", draw_busy, noise=3, hiss=0.01),
    Scene("bounces, music bed", draw_bounces, noise=2, bed=0.15),
    Scene("speech", draw_mouth, noise=2, hiss=0.003, is_speech=True),
    Scene("regular beat", draw_bounces, is_regular=True),
)


def event_times(rng: np.random.Generator, scene: Scene, duration_s: float) -> Times:
    """Draw event times of the video, some before 0 and after the end."""
    mean = 0.25 if scene.is_speech else 0.8
    gaps = rng.uniform(0.97, 1.03, 200) if scene.is_regular else rng.uniform(0.4, 1.9, 200)
    if scene.is_speech:
        gaps[rng.random(200) < 0.15] += 2.0
    times = -4 + np.cumsum(gaps * mean)
    return times[times < duration_s + 4]


def audio(rng: np.random.Generator, scene: Scene, events: Times, duration_s: float) -> Audio:
    """Render (N,) samples with an event at each time, in seconds."""
    n = round(duration_s * AUDIO_RATE_HZ)
    clock = np.arange(n) / AUDIO_RATE_HZ
    wave = scene.hiss * rng.standard_normal(n)
    if scene.is_speech:
        tone = sum(np.sin(2 * np.pi * 140 * h * clock) / h for h in range(1, 9))
        coarse = np.arange(0, duration_s, 0.002)
        envelope = np.interp(clock, coarse, _syllables(events - 0.02, coarse))
        wave += 0.2 * tone * envelope + 0.05 * envelope * rng.standard_normal(n)
    else:
        for event in events:
            _add_hit(rng, wave, event, 0.5 * rng.uniform(0.5, 1))
    if scene.bed:
        for harmonic in (110, 138, 165, 220):
            wave += scene.bed / 3 * np.sin(2 * np.pi * harmonic * clock + rng.uniform(0, 6))
        for beat in np.arange(rng.uniform(0, 0.5), duration_s, 0.5):
            _add_hit(rng, wave, beat, scene.bed)
    return wave


def _add_hit(rng: np.random.Generator, wave: Audio, time_s: float, level: float) -> None:
    first, n = round(time_s * AUDIO_RATE_HZ), AUDIO_RATE_HZ // 5
    start, end = max(first, 0), min(first + n, len(wave))
    if start < end:
        t = np.arange(n) / AUDIO_RATE_HZ
        pitch = rng.uniform(300, 1500)
        hit = (0.5 * rng.standard_normal(n) + np.sin(2 * np.pi * pitch * t)) * np.exp(-t / 0.04)
        wave[start:end] += level * hit[start - first : end - first]


def render(
    scene: Scene, seed: int, offset_s: float, duration_s: float = 10.0, *, foreign_sound: bool
) -> Iterator[ClipChunk]:
    """Render a clip with audio early by `offset_s`, or with the audio of another clip."""
    rng = np.random.default_rng(seed)
    events = event_times(rng, scene, duration_s)
    heard = event_times(rng, scene, duration_s) if foreign_sound else events
    n_frames = round(duration_s * VIDEO_FPS)
    video = scene.draw(rng, events, np.arange(n_frames) / VIDEO_FPS)
    wave = audio(rng, scene, heard - offset_s, duration_s).astype(np.float32)
    for first in range(0, n_frames, CHUNK_FRAMES):
        grey = video[first : first + CHUNK_FRAMES]
        grey = grey + scene.noise * rng.standard_normal(grey.shape, dtype=np.float32)
        levels = np.clip(grey, 0, 255).astype(np.uint8)
        there = np.ones(len(levels), dtype=np.bool_)
        yield ClipChunk(
            first_frame=first,
            frames=np.repeat(levels[..., None], 3, axis=-1),
            waveform=wave[first * SAMPLES_PER_FRAME : (first + len(levels)) * SAMPLES_PER_FRAME],
            has_video=there,
            has_audio=there,
        )
