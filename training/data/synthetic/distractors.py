"""Distractors: silent movement and unrelated sounds, neither in sync with anything."""

import math
from collections.abc import Callable, Sequence

import cv2
import numpy as np
from numpy.typing import NDArray

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.performance import SOUND_RATE_HZ, Canvas, Painter, Stage

SHIFT_BITS = 4
_ONE = 1 << SHIFT_BITS

Sound = NDArray[np.float32]
"""(n,) at 48 kHz."""


def draw_moving(rng: np.random.Generator) -> tuple[str, ...]:
    """Draw kinds of silent movement behind the action; none in half of the clips."""
    n_kinds = int(rng.choice((0, 1, 2, 3), p=(0.5, 0.3, 0.14, 0.06)))
    return tuple(str(kind) for kind in rng.choice(sorted(_MOVING), n_kinds))


def moving_painter(rng: np.random.Generator, stage: Stage, kinds: Sequence[str]) -> Painter:
    """Painter of silent movement over the background."""
    painters = [_MOVING[kind](rng, stage) for kind in kinds]

    def paint(canvas: Canvas, time_s: float) -> None:
        for painter in painters:
            painter(canvas, time_s)

    return paint


def draw_unrelated(rng: np.random.Generator) -> tuple[str, ...]:
    """Draw kinds of unrelated sounds; none in two thirds of the clips."""
    n_kinds = int(rng.choice((0, 1, 2), p=(0.66, 0.27, 0.07)))
    return tuple(str(kind) for kind in rng.choice(sorted(_UNRELATED), n_kinds, replace=False))


def unrelated_sound(rng: np.random.Generator, kind: str, n_samples: int) -> Sound:
    """Generate an unrelated sound with RMS 1 in its active parts."""
    sound = _UNRELATED[kind](rng, n_samples)
    return (sound / max(active_level(sound), 1e-9)).astype(np.float32)


def active_level(sound: Sound) -> float:
    """RMS of the loudest fifth of the 20 ms blocks."""
    block = SOUND_RATE_HZ // 50
    n_blocks = len(sound) // block
    powers = np.sort(np.mean(sound[: n_blocks * block].reshape(n_blocks, block) ** 2, axis=1))
    return float(np.sqrt(powers[-max(n_blocks // 5, 1) :].mean()))


def music(rng: np.random.Generator, n_samples: int) -> Sound:
    """Generate chords, bass and drums at the constant tempo of produced music."""
    beat_s = 60 / rng.uniform(70, 165)
    root_hz = log_uniform(rng, 80, 220)
    total = np.zeros(n_samples, np.float32)
    is_pad = rng.random() < 0.7
    drum_level = float(rng.choice((0.0, rng.uniform(0.2, 1.2))))
    begin_s = -rng.uniform(0, 4 * beat_s)
    n_bars = math.ceil((n_samples / SOUND_RATE_HZ - begin_s) / (4 * beat_s))
    for bar in range(n_bars):
        bar_s = begin_s + 4 * bar * beat_s
        base_hz = root_hz * 2 ** (float(rng.choice((0, 5, 7, 9))) / 12)
        steps = (0, 4, 7) if rng.random() < 0.6 else (0, 3, 7)
        for step in steps:
            hz = 2 * base_hz * 2 ** (step / 12)
            if is_pad:
                _lay(total, bar_s, 0.25 * _note(rng, hz, 4 * beat_s, 4 * beat_s))
            else:
                for eighth in rng.choice(8, 4, replace=False):
                    at_s = bar_s + eighth * beat_s / 2
                    _lay(total, at_s, 0.35 * _note(rng, hz, beat_s, 0.2))
        for beat in range(4):
            at_s = bar_s + beat * beat_s
            _lay(total, at_s, 0.5 * _note(rng, base_hz / 2, beat_s, 0.4))
            if drum_level:
                _lay(total, at_s, drum_level * (_kick(rng) if beat % 2 == 0 else _burst(rng, 0.06)))
                _lay(total, at_s + beat_s / 2, 0.4 * drum_level * _burst(rng, 0.02))
    return total


def noise_of_slope(rng: np.random.Generator, n_samples: int, slope: float) -> Sound:
    """Generate noise of RMS 1 with amplitude falling as frequency to the power of `slope`."""
    # A repetition after 4 s is inaudible and costs less than the whole length.
    n = min(4 * SOUND_RATE_HZ, n_samples)
    spectrum = np.fft.rfft(rng.standard_normal(n, np.float32))
    hz = np.fft.rfftfreq(n, 1 / SOUND_RATE_HZ)
    noise = np.fft.irfft(spectrum * np.maximum(hz, 30.0) ** -slope, n)
    noise = np.resize(noise / noise.std(), n_samples)
    return np.asarray(noise, np.float32)


def _note(rng: np.random.Generator, hz: float, length_s: float, decay_s: float) -> Sound:
    t = np.arange(int(length_s * SOUND_RATE_HZ), dtype=np.float32) / SOUND_RATE_HZ
    phase = np.float32(2 * np.pi * hz) * t
    tone = np.sin(phase) + 0.4 * np.sin(2 * phase) + 0.2 * np.sin(3 * phase)
    rise = np.minimum(t / np.float32(rng.uniform(0.004, 0.05)), 1)
    return np.asarray(tone * rise * np.exp(-t / np.float32(decay_s)), np.float32)


def _kick(rng: np.random.Generator) -> Sound:
    t = np.arange(SOUND_RATE_HZ // 4, dtype=np.float32) / SOUND_RATE_HZ
    sweep = 2 * np.pi * (50 * t + 4 * (1 - np.exp(-t / 0.03)))
    return np.asarray(1.2 * np.sin(sweep) * np.exp(-t / 0.08), np.float32)


def _burst(rng: np.random.Generator, decay_s: float) -> Sound:
    t = np.arange(int(6 * decay_s * SOUND_RATE_HZ), dtype=np.float32) / SOUND_RATE_HZ
    noise = rng.standard_normal(len(t), np.float32)
    return (0.4 * noise * np.exp(-t / np.float32(decay_s))).astype(np.float32)


def _lay(total: Sound, at_s: float, piece: Sound) -> None:
    start = round(at_s * SOUND_RATE_HZ)
    begin, end = max(start, 0), min(start + len(piece), len(total))
    if begin < end:
        total[begin:end] += piece[begin - start : end - start]


def _swelling(rng: np.random.Generator, n_samples: int, rate_hz: float) -> Sound:
    """Random envelope of 0..1 with about `rate_hz` changes per second."""
    n_points = max(int(n_samples / SOUND_RATE_HZ * rate_hz), 1) + 2
    knots = rng.random(n_points) ** 2
    return np.interp(np.linspace(0, n_points - 1, n_samples), np.arange(n_points), knots).astype(
        np.float32
    )


def _babble(rng: np.random.Generator, n_samples: int) -> Sound:
    """Generate several talkers: voiced syllables through moving resonances."""
    total = np.zeros(n_samples, np.float32)
    for _ in range(int(rng.integers(1, 5))):
        pitch_hz = rng.uniform(85, 240) * (1 + 0.2 * (_swelling(rng, n_samples, 3) - 0.3))
        phase = (np.cumsum(pitch_hz) / SOUND_RATE_HZ).astype(np.float32)
        formant = 3 + 10 * _swelling(rng, n_samples, 5)
        # A pulse train with a decaying oscillation as formant.
        within = phase % 1
        voiced = np.exp(-5 * within) * np.sin(2 * np.pi * formant * within)
        total += voiced * _swelling(rng, n_samples, 9)
    return total


def _clicks(rng: np.random.Generator, n_samples: int) -> Sound:
    total = np.zeros(n_samples, np.float32)
    duration_s = n_samples / SOUND_RATE_HZ
    decay_s = float(rng.uniform(0.002, 0.03))
    for at_s in rng.uniform(0, duration_s, int(duration_s * rng.uniform(0.5, 5))):
        _lay(total, float(at_s), float(rng.uniform(0.2, 1)) * _burst(rng, decay_s))
    return total


def _traffic(rng: np.random.Generator, n_samples: int) -> Sound:
    loudness = 0.15 + _swelling(rng, n_samples, 0.5)
    return (noise_of_slope(rng, n_samples, 0.9) * loudness).astype(np.float32)


def _rustle(rng: np.random.Generator, n_samples: int) -> Sound:
    return noise_of_slope(rng, n_samples, 0.1) * _swelling(rng, n_samples, 4) ** 2


_UNRELATED: dict[str, Callable[[np.random.Generator, int], Sound]] = {
    "babble": _babble,
    "clicks": _clicks,
    "traffic": _traffic,
    "rustle": _rustle,
    "music": music,
}


def _colour(rng: np.random.Generator) -> tuple[int, int, int]:
    red, green, blue = (int(level) for level in rng.integers(10, 245, 3))
    return red, green, blue


def _fixed(*values: float) -> tuple[int, ...]:
    return tuple(round(value * _ONE) for value in values)


def _ball(rng: np.random.Generator, stage: Stage) -> Painter:
    """Paint a drifting or hopping ball."""
    radius = stage.short_px * float(rng.uniform(0.015, 0.08))
    colour = _colour(rng)
    size = np.array((stage.width_px, stage.height_px))
    base, reach = rng.uniform(0.1, 0.9, 2) * size, rng.uniform(0.02, 0.3, 2) * size
    rates = rng.uniform(0.1, 1.8, 2)
    phases = rng.uniform(0, 6.3, 2)
    is_hopping = rng.random() < 0.4

    def paint(canvas: Canvas, time_s: float) -> None:
        swing = np.sin(2 * np.pi * rates * time_s + phases)
        if is_hopping:
            swing[1] = -abs(swing[1])
        x, y = base + reach * swing
        cv2.circle(canvas, _fixed(x, y), _fixed(radius)[0], colour, -1, cv2.LINE_AA, SHIFT_BITS)

    return paint


def _passer(rng: np.random.Generator, stage: Stage) -> Painter:
    """Paint a person crossing the frame now and then."""
    tall = stage.short_px * float(rng.uniform(0.2, 0.8))
    ground = stage.height_px * float(rng.uniform(0.6, 1.1))
    speed = tall * float(rng.uniform(0.3, 0.9)) * float(rng.choice((-1, 1)))
    span = stage.width_px + 2 * tall
    start, step_hz = float(rng.uniform(0, span)), float(rng.uniform(1.4, 2.2))
    skin, coat, legs = _colour(rng), _colour(rng), _colour(rng)
    thick = max(round(0.07 * tall), 1)

    def paint(canvas: Canvas, time_s: float) -> None:
        x = (start + speed * time_s) % span - tall
        step = math.sin(math.pi * step_hz * time_s)
        hip = ground - 0.48 * tall - 0.015 * tall * abs(step)
        for side in (-1, 1):
            foot = _fixed(x + side * 0.16 * tall * step, ground)
            cv2.line(canvas, _fixed(x, hip), foot, legs, thick, cv2.LINE_AA, SHIFT_BITS)
        shoulder = hip - 0.33 * tall
        middle = _fixed(x, (hip + shoulder) / 2)
        axes = _fixed(0.11 * tall, 0.21 * tall)
        cv2.ellipse(canvas, middle, axes, 0, 0, 360, coat, -1, cv2.LINE_AA, SHIFT_BITS)
        head = _fixed(x, shoulder - 0.1 * tall)
        cv2.circle(canvas, head, _fixed(0.075 * tall)[0], skin, -1, cv2.LINE_AA, SHIFT_BITS)

    return paint


def _screen(rng: np.random.Generator, stage: Stage) -> Painter:
    """Paint a television with changing content."""
    w, h = (round(stage.short_px * s) for s in rng.uniform((0.12, 0.08), (0.5, 0.35)))
    x = int(rng.integers(0, max(stage.width_px - w, 1)))
    y = int(rng.integers(0, max(stage.height_px - h, 1)))
    changes = np.cumsum(rng.exponential(float(rng.uniform(0.3, 2.5)), 200)) - 2
    colours = rng.integers(10, 245, (201, 3))
    rate_hz, depth = float(rng.uniform(0.5, 6)), float(rng.uniform(0, 0.35))

    def paint(canvas: Canvas, time_s: float) -> None:
        colour = colours[int(np.searchsorted(changes, time_s))]
        light = 1 - depth * (1 + math.sin(2 * math.pi * rate_hz * time_s)) / 2
        canvas[y : y + h, x : x + w] = (colour * light).astype(np.uint8)

    return paint


def _sway(rng: np.random.Generator, stage: Stage) -> Painter:
    """Paint branches or curtains swaying from an edge."""
    n_lines = int(rng.integers(3, 12))
    roots = rng.uniform(0, stage.width_px, n_lines)
    lengths = stage.short_px * rng.uniform(0.2, 0.7, n_lines)
    from_top = rng.random() < 0.5
    rates, phases = rng.uniform(0.15, 0.7, n_lines), rng.uniform(0, 6.3, n_lines)
    colour, thick = _colour(rng), int(rng.integers(1, 7))
    depth = float(rng.uniform(0.02, 0.15))

    def paint(canvas: Canvas, time_s: float) -> None:
        swings = depth * lengths * np.sin(2 * np.pi * rates * time_s + phases)
        for root, length, swing in zip(roots, lengths, swings, strict=True):
            edge, end = (0.0, length) if from_top else (canvas.shape[0], canvas.shape[0] - length)
            tip = _fixed(root + swing, end)
            cv2.line(canvas, _fixed(root, edge), tip, colour, thick, cv2.LINE_AA, SHIFT_BITS)

    return paint


_MOVING: dict[str, Callable[[np.random.Generator, Stage], Painter]] = {
    "ball": _ball,
    "passer": _passer,
    "screen": _screen,
    "sway": _sway,
}
