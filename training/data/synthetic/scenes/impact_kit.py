"""Parts shared by scenes of impacts: rhythm, motion up to a contact, sounds, sub-pixel drawing.

Scenes import this module as `kit`. A take is one cast scene before its sound is mixed. Its list of
contacts lets tests compare video and sound.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

import cv2
import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.signal import butter, sosfilt

from training.data.synthetic.chance import LEAD_S, irregular_times, log_uniform
from training.data.synthetic.performance import (
    SOUND_RATE_HZ,
    Canvas,
    Painter,
    Performance,
    Scene,
    Stage,
    Use,
)

Colour = tuple[int, int, int]
Point = tuple[float, float]
Key = tuple[float, float, float]
"""Time (s), value, and easing towards the value: 0 eases in and out, p > 0 accelerates as u^p,
p < 0 decelerates as 1 - (1 - u)^-p."""

Track = Callable[[float], float]
"""A quantity over clip time (s)."""

SMOOTH = 0.0
_GRID_HZ = 1000
_MARGIN_S = LEAD_S + 0.5
_MOST_GAP_S = 3.0
_SHIFT = 4

Voice = tuple[NDArray[np.float32], ...]
"""Sounds of one struck thing from soft to hard, (n,) each at 48 kHz with peak 1."""

_BRIGHTNESSES = (0.0, 0.35, 0.7, 1.0)


@dataclass(frozen=True, slots=True, eq=False)
class Hit:
    """A sound starting at the instant of a contact.

    Attributes:
        time_s: Clip time of the contact.
        loudness: 0 to 1 within the scene.
        voice: Sound of the struck thing.
        at_px: Position of the contact (x, y).
        is_contact: False for sounds without a visible contact, such as creaks.
    """

    time_s: float
    loudness: float
    voice: Voice
    at_px: Point
    is_contact: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class Take:
    """A cast scene; `extent_px` is the longer side of the moving part."""

    paint: Painter
    hits: Sequence[Hit]
    focus_px: Point
    extent_px: float


TakeMaker = Callable[[np.random.Generator, Stage], Take]


def scenes_of(
    takes: Mapping[str, TakeMaker], uses: Mapping[str, Use] | None = None
) -> tuple[Scene, ...]:
    """Make one scene per take maker, for training unless `uses` gives another use."""
    found = uses or {}
    return tuple(
        Scene(name, _performer(make), use=found.get(name, Use.TRAINING))
        for name, make in takes.items()
    )


def event_times(
    rng: np.random.Generator, stage: Stage, typical_gap_s: float, least_gap_s: float = 0.12
) -> NDArray[np.float64]:
    """Draw irregular times with limited pauses, so every clip has events."""
    times = irregular_times(rng, stage, typical_gap_s, least_gap_s)
    gaps = np.diff(times, prepend=-LEAD_S)
    capped = np.minimum(gaps, rng.uniform(0.6, 1.0, len(gaps)) * _MOST_GAP_S)
    times = -LEAD_S + np.cumsum(capped)
    while times[-1] < stage.duration_s + 0.5:
        times = np.append(times, times[-1] + max(least_gap_s, typical_gap_s * rng.uniform(0.6, 2)))
    return times


def keyed(stage: Stage, keys: Sequence[Key]) -> Track:
    """Interpolate keys over time (s); constant before the first and after the last key."""
    times, values, eases = (np.array(column, float) for column in zip(*keys, strict=True))
    grid = np.arange(round((stage.duration_s + 2 * _MARGIN_S) * _GRID_HZ) + 1) / _GRID_HZ
    grid -= _MARGIN_S
    right = np.clip(np.searchsorted(times, grid, "right"), 1, len(times) - 1)
    start, end, ease = times[right - 1], times[right], eases[right]
    u = np.clip((grid - start) / np.maximum(end - start, 1e-6), 0, 1)
    power = np.maximum(np.abs(ease), 1e-3)
    eased = np.where(ease > 0, u**power, 1 - (1 - u) ** power)
    eased = np.where(ease == SMOOTH, u * u * (3 - 2 * u), eased)
    return sampled(values[right - 1] + (values[right] - values[right - 1]) * eased)


def sampled(track: NDArray[np.float64]) -> Track:
    """Interpolate a 1 kHz series over time (s); the series starts at the margin."""

    def at(time_s: float) -> float:
        position = min(max((time_s + _MARGIN_S) * _GRID_HZ, 0.0), len(track) - 1.001)
        index = int(position)
        part = position - index
        return float(track[index] * (1 - part) + track[index + 1] * part)

    return at


def strokes(
    rng: np.random.Generator,
    stage: Stage,
    times_s: Sequence[float] | NDArray[np.float64],
    rest: float | None = None,
) -> tuple[Track, NDArray[np.float64]]:
    """Height of a striking thing (0 touching, 1 highest), and speed of each blow (0-1).

    The thing is lifted, falls with acceleration, rebounds and rests. In pauses it may be lifted and
    put back without a contact.

    Args:
        rng: Source of all randomness.
        stage: Canvas and duration.
        times_s: Ascending times of contact.
        rest: Height between blows; drawn if None.
    """
    rest = float(rng.choice([0.0, rng.uniform(0.2, 0.7)])) if rest is None else rest
    fall_s, lift_s = float(rng.uniform(0.07, 0.2)), float(rng.uniform(0.15, 0.5))
    power, rebound = float(rng.uniform(1.5, 2.6)), float(rng.uniform(0.05, 0.4))
    keys: list[Key] = [(-_MARGIN_S - 1, rest, SMOOTH)]
    speeds, before, last_top = [], -_MARGIN_S - 1, 0.0
    for time in (float(t) for t in times_s):
        gap = time - before
        top = float(rng.uniform(0.35, 1.0)) * min(1.0, 0.4 + gap)
        fall = min(fall_s * top**0.4 * float(rng.uniform(0.85, 1.15)), 0.42 * gap)
        lift = min(lift_s * float(rng.uniform(0.7, 1.4)), 0.4 * gap)
        free = gap - fall - lift
        if free > 0.25:
            bounced = max(rebound * last_top, 0.1 * rest)
            keys.append((before + 0.09, bounced, -1.8))
            keys.append((before + 0.22, rest, SMOOTH))
            if free > 0.8 and rng.random() < 0.5:
                keys += _feint(rng, before + 0.25, before + free, rest)
            keys += [(before + free, rest, SMOOTH), (time - fall, top, SMOOTH)]
        else:
            keys.append((time - fall, top, -1.7))
        keys.append((time, 0.0, power))
        speeds.append(power * top / fall)
        before, last_top = time, top
    keys += [(before + 0.09, rebound * last_top, -1.8), (before + 0.3, rest, SMOOTH)]
    return keyed(stage, keys), np.array(speeds) / max(speeds)


def _feint(rng: np.random.Generator, start_s: float, end_s: float, rest: float) -> list[Key]:
    length = (end_s - start_s) * float(rng.uniform(0.5, 0.9))
    high = rest + float(rng.uniform(0.15, 0.6))
    turn = start_s + length * float(rng.uniform(0.3, 0.6))
    return [(start_s, rest, SMOOTH), (turn, high, SMOOTH), (start_s + length, rest, SMOOTH)]


def sway(rng: np.random.Generator, size_px: float) -> Callable[[float], Point]:
    """Idle drift of a hand-held thing: (x, y) in pixels, within about size_px."""
    rates = rng.uniform(0.4, 6, (2, 3))
    phases = rng.uniform(0, 7, (2, 3))
    gains = size_px * rng.uniform(0.2, 1, (2, 3)) / (1 + rates)

    def at(time_s: float) -> Point:
        x, y = (gains * np.sin(rates * time_s + phases)).sum(1)
        return float(x), float(y)

    return at


def random_colour(rng: np.random.Generator) -> Colour:
    """Draw any colour, including greys and dull colours."""
    grey = rng.uniform(15, 240)
    r, g, b = np.clip(grey + rng.normal(0, rng.choice([4, 25, 70]), 3), 0, 255)
    return int(r), int(g), int(b)


def other_colour(rng: np.random.Generator, colour: Colour, least: float = 18) -> Colour:
    """Draw a colour with low to high contrast to another."""
    step = rng.uniform(least, 150) * (1 if sum(colour) < 3 * rng.uniform(90, 165) else -1)
    r, g, b = np.clip(np.array(colour) + step + rng.normal(0, 14, 3), 0, 255)
    return int(r), int(g), int(b)


def skin_colour(rng: np.random.Generator) -> Colour:
    """Draw a skin colour under some light, sometimes the colour of a glove."""
    if rng.random() < 0.12:
        return random_colour(rng)
    mix, light = rng.uniform(0, 1), rng.uniform(0.6, 1.1)
    dark, pale = np.array([75, 48, 35]), np.array([240, 200, 175])
    r, g, b = np.clip(light * (dark * (1 - mix) + pale * mix), 0, 255)
    return int(r), int(g), int(b)


def size_px(rng: np.random.Generator, stage: Stage, least: float, most: float) -> float:
    """Draw a log-uniform length between two fractions of the short side."""
    return stage.short_px * log_uniform(rng, least, most)


def place(rng: np.random.Generator, stage: Stage, width_px: float, height_px: float) -> Point:
    """Draw the centre of a box, inside the canvas if it fits, else in the middle."""
    free_x, free_y = stage.width_px - width_px, stage.height_px - height_px
    x = width_px / 2 + max(free_x, 0) * float(rng.uniform()) + min(free_x, 0) / 2
    return x, height_px / 2 + max(free_y, 0) * float(rng.uniform()) + min(free_y, 0) / 2


def turned(points: ArrayLike, angle: float, at: Point, scale: float = 1.0) -> NDArray[np.float64]:
    """Turn (N, 2) points by an angle (rad, clockwise on screen), scale, and move to `at`."""
    cos, sin = np.cos(angle) * scale, np.sin(angle) * scale
    flat: NDArray[np.float64] = np.asarray(points, float) @ np.array([[cos, sin], [-sin, cos]])
    return flat + at


def polygon(canvas: Canvas, points: ArrayLike, colour: Colour) -> None:
    """Fill a polygon of (N, 2) pixels."""
    fixed = np.rint(np.asarray(points, float) * (1 << _SHIFT)).astype(np.int32)
    cv2.fillPoly(canvas, [fixed], colour, cv2.LINE_AA, _SHIFT)


def oval(canvas: Canvas, at: Point, radii: Point, colour: Colour, angle: float = 0.0) -> None:
    """Fill an ellipse; angle in radians."""
    x, y, a, b = (round(v * (1 << _SHIFT)) for v in (*at, *(max(r, 0.3) for r in radii)))
    cv2.ellipse(canvas, (x, y), (a, b), float(np.degrees(angle)), 0, 360, colour, -1, cv2.LINE_AA,
                _SHIFT)  # fmt: skip


def limb(canvas: Canvas, start: Point, end: Point, width_px: float, colour: Colour) -> None:
    """Draw a straight limb with round ends."""
    x, y = end[0] - start[0], end[1] - start[1]
    scale = width_px / 2 / max(np.hypot(x, y), 1e-6)
    nx, ny = -y * scale, x * scale
    (a, b), (c, d) = start, end
    corners = [(a + nx, b + ny), (c + nx, d + ny), (c - nx, d - ny), (a - nx, b - ny)]
    polygon(canvas, corners, colour)
    for point in (start, end):
        oval(canvas, point, (width_px / 2, width_px / 2), colour)


def box(canvas: Canvas, x: float, y: float, right: float, bottom: float, colour: Colour) -> None:
    """Fill an upright rectangle."""
    polygon(canvas, [(x, y), (right, y), (right, bottom), (x, bottom)], colour)


def _performer(make: TakeMaker) -> Callable[[np.random.Generator, Stage], Performance]:
    def perform(rng: np.random.Generator, stage: Stage) -> Performance:
        take = make(rng, stage)
        sound = _mixed(stage, take.hits)
        sound *= np.exp(rng.uniform(np.log(0.1), np.log(0.95))) / max(np.abs(sound).max(), 1e-9)
        return Performance(take.paint, sound, take.focus_px, take.extent_px)

    return perform


def _mixed(stage: Stage, hits: Sequence[Hit]) -> NDArray[np.float32]:
    sound = np.zeros(stage.n_samples, np.float32)
    for hit in hits:
        struck = hit.voice[min(int(hit.loudness * len(hit.voice)), len(hit.voice) - 1)]
        start = round(hit.time_s * SOUND_RATE_HZ)
        first, last = max(start, 0), min(start + len(struck), len(sound))
        if first < last:
            sound[first:last] += max(hit.loudness, 0.03) * struck[first - start : last - start]
    return sound


@dataclass(frozen=True, slots=True)
class Material:
    """Ranges of a random voice: modes (Hz, ratio of the highest, s), noise, attack."""

    base_hz: tuple[float, float]
    top_ratio: float
    n_modes: int
    decay_s: tuple[float, float]
    noise: tuple[float, float]
    noise_hz: tuple[float, float]
    noise_decay_s: tuple[float, float]
    attack_s: tuple[float, float]
    drop: float = 0.0


WOOD = Material((180, 900), 7, 6, (0.02, 0.12), (0.1, 0.6), (500, 6000), (0.004, 0.03),
                (0.0005, 0.003))  # fmt: skip
METAL = Material((400, 3000), 5, 8, (0.12, 0.6), (0.05, 0.4), (1500, 12000), (0.004, 0.04),
                 (0.0005, 0.002))  # fmt: skip
GLASS = Material((1400, 4500), 4, 5, (0.05, 0.35), (0.05, 0.4), (3000, 14000), (0.003, 0.02),
                 (0.0005, 0.001))  # fmt: skip
SKIN_DRUM = Material((55, 330), 4, 6, (0.08, 0.45), (0.05, 0.8), (200, 7000), (0.01, 0.15),
                     (0.0005, 0.004), 0.4)  # fmt: skip
CYMBAL = Material((900, 4000), 4, 8, (0.15, 0.6), (0.8, 2.5), (2500, 14000), (0.08, 0.5),
                  (0.0005, 0.003))  # fmt: skip
RUBBER = Material((70, 420), 5, 5, (0.02, 0.13), (0.1, 0.7), (150, 3500), (0.006, 0.04),
                  (0.001, 0.006), 0.3)  # fmt: skip
THUD = Material((40, 150), 6, 5, (0.04, 0.2), (0.2, 1.2), (80, 1200), (0.015, 0.08),
                (0.002, 0.015), 0.3)  # fmt: skip
STONE = Material((500, 2200), 4, 5, (0.015, 0.06), (0.3, 1.2), (1000, 9000), (0.004, 0.02),
                 (0.0005, 0.002))  # fmt: skip
PALM = Material((400, 1600), 3, 4, (0.006, 0.025), (1.0, 4.0), (500, 6000), (0.006, 0.035),
                (0.0005, 0.004))  # fmt: skip
CLICK = Material((1200, 5500), 3, 4, (0.005, 0.03), (0.5, 3.0), (1500, 12000), (0.002, 0.012),
                 (0.0005, 0.0015))  # fmt: skip
STRINGS = Material((300, 900), 5, 5, (0.02, 0.1), (0.3, 1.2), (400, 5000), (0.005, 0.03),
                   (0.0005, 0.003))  # fmt: skip


def voice(rng: np.random.Generator, material: Material, pitch: float = 1.0) -> Voice:
    """Draw a voice of a material; pitch scales its modes."""
    base = float(np.exp(rng.uniform(*np.log(material.base_hz)))) * pitch
    ratios = np.append(1.0, np.sort(rng.uniform(1.15, material.top_ratio, material.n_modes - 1)))
    decays = float(np.exp(rng.uniform(*np.log(material.decay_s)))) * ratios ** -rng.uniform(0.2, 1)
    noise_decay = float(np.exp(rng.uniform(*np.log(material.noise_decay_s))))
    attack_s = float(np.exp(rng.uniform(*np.log(material.attack_s))))
    seconds = min(0.9, max(6 * max(decays.max(), noise_decay), 0.03) + attack_s)
    time = np.arange(round(seconds * SOUND_RATE_HZ)) / SOUND_RATE_HZ  # (n,)
    glide = time + material.drop * rng.uniform(0, 1) * 0.02 * (1 - np.exp(-time / 0.02))
    phases = np.outer(2 * np.pi * base * ratios, glide) + rng.uniform(0, 6.28, (len(ratios), 1))
    modes = np.sin(phases) * np.exp(-np.outer(1 / decays, time))  # (M, n)
    gains = rng.uniform(0.3, 1, len(ratios))
    band = butter(2, np.sort(material.noise_hz * rng.uniform(0.7, 1.4, 2)), "bandpass",
                  fs=SOUND_RATE_HZ, output="sos")  # fmt: skip
    hiss = sosfilt(band, rng.standard_normal(len(time)))
    hiss *= rng.uniform(*material.noise) * np.exp(-time / noise_decay) / (2 * hiss.std())
    shape = np.minimum(1, (time + 1e-4) / attack_s) * np.minimum(1, (time[-1] - time) / 0.01)
    variants = []
    for brightness in _BRIGHTNESSES:
        tone = (gains * ratios ** (-1.6 * (1 - brightness))) @ modes
        mixed = (tone + (0.4 + 0.6 * brightness) * hiss) * shape
        variants.append((mixed / np.abs(mixed).max()).astype(np.float32))
    return tuple(variants)
