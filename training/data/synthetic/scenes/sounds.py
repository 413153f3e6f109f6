"""Sounds and curves over time shared by signals, creatures, instruments and machines."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from training.data.synthetic.chance import LEAD_S, irregular_times
from training.data.synthetic.performance import SOUND_RATE_HZ, Stage

Floats = NDArray[np.float64]

CURVE_RATE_HZ = 1000


@dataclass(frozen=True, slots=True, eq=False)
class Curve:
    """A quantity over clip time at 1 kHz, from LEAD_S before the clip to LEAD_S after its end."""

    values: Floats

    def at(self, t: float) -> float:
        position = min(max((t + LEAD_S) * CURVE_RATE_HZ, 0.0), len(self.values) - 1.001)
        index = int(position)
        low, high = self.values[index], self.values[index + 1]
        return float(low + (position - index) * (high - low))

    def samples(self, stage: Stage) -> Floats:
        """Interpolate the curve to (n_samples,) at the rate of the sound."""
        at = np.arange(stage.n_samples) * (CURVE_RATE_HZ / SOUND_RATE_HZ) + LEAD_S * CURVE_RATE_HZ
        level: Floats = np.interp(at, np.arange(len(self.values)), self.values)
        return level


def curve_times(stage: Stage) -> Floats:
    """Clip times (s) of the values of a Curve."""
    n_values = round((stage.duration_s + 2 * LEAD_S) * CURVE_RATE_HZ)
    return np.arange(n_values, dtype=np.float64) / CURVE_RATE_HZ - LEAD_S


def wander(rng: np.random.Generator, stage: Stage, period_s: float) -> Curve:
    """Draw smooth idle motion of about -1 to 1, with pauses, never repeating."""
    n_knots = int((stage.duration_s + 2 * LEAD_S) / period_s) + 3
    knots = rng.uniform(-1, 1, n_knots)
    for held in np.flatnonzero(rng.random(n_knots - 1) < 0.35):
        knots[held + 1] = knots[held]
    position = (curve_times(stage) + LEAD_S) / period_s
    index = position.astype(np.intp)
    ease = np.clip((position - index) * rng.uniform(1.2, 2.5), 0, 1)
    ease = ease * ease * (3 - 2 * ease)
    return Curve(knots[index] + ease * (knots[index + 1] - knots[index]))


def openings(stage: Stage, spans: Sequence[tuple[float, float, float]], peak: float = 0.4) -> Curve:
    """Opening that rises and falls once per span of (start s, length s, height)."""
    times = curve_times(stage)
    values = np.zeros(len(times))
    for start, length, height in spans:
        first, last = np.searchsorted(times, (start, start + length))
        x = (times[first:last] - start) / length
        up = np.sin(np.pi / 2 * np.clip(x / peak, 0, 1))
        down = np.cos(np.pi / 2 * np.clip((x - peak) / (1 - peak), 0, 1))
        values[first:last] = np.maximum(values[first:last], height * up * down)
    return Curve(values)


def event_times(
    rng: np.random.Generator, stage: Stage, gap_s: float, least_gap_s: float = 0.12
) -> Floats:
    """Draw irregular times (s), at least one of them within the clip."""
    while True:
        times = irregular_times(rng, stage, gap_s, least_gap_s)
        if np.any((times > 0) & (times < 0.9 * stage.duration_s)):
            return times


def since(times: Floats, t: float) -> tuple[int, float, float]:
    """Index of the last event (-1: none), seconds since then, seconds to the next event."""
    index = int(np.searchsorted(times, t, side="right")) - 1
    past = t - float(times[index]) if index >= 0 else 1e3
    future = float(times[index + 1]) - t if index + 1 < len(times) else 1e3
    return index, past, future


def mix(track: Floats, sound: Floats, start_s: float, gain: float = 1.0) -> None:
    """Add a sound to a track in place, starting at start_s; parts outside the track are cut off."""
    first = round(start_s * SOUND_RATE_HZ)
    skip = max(0, -first)
    first = max(0, first)
    n = min(len(track) - first, len(sound) - skip)
    if n > 0:
        track[first : first + n] += gain * sound[skip : skip + n]


def mastered(rng: np.random.Generator, track: Floats) -> NDArray[np.float32]:
    """Scale a track to a peak of 0.3 to 0.95, as float32."""
    peak = max(float(np.abs(track).max()), 1e-9)
    return (track * (rng.uniform(0.3, 0.95) / peak)).astype(np.float32)


def seconds(length_s: float) -> Floats:
    """Times (s) of the samples of a sound."""
    return np.arange(max(1, round(length_s * SOUND_RATE_HZ))) / SOUND_RATE_HZ


def fade(length_s: float, attack_s: float, release_s: float) -> Floats:
    """Envelope with attack, hold and release."""
    t = seconds(length_s)
    return np.clip((t + 1e-4) / attack_s, 0, 1) * np.clip((length_s - t) / release_s, 0, 1)


def band_noise(rng: np.random.Generator, n: int, low_hz: float, high_hz: float) -> Floats:
    """Generate (n,) band-pass noise of unit deviation."""
    sos = butter(2, (low_hz, min(high_hz, 22_000.0)), "bandpass", fs=SOUND_RATE_HZ, output="sos")
    noise = np.asarray(sosfilt(sos, rng.standard_normal(n)), np.float64)
    return noise / max(float(noise.std()), 1e-9)


def ring(modes: Sequence[tuple[float, float, float]], length_s: float) -> Floats:
    """Sum of damped sines, each (frequency Hz, decay s, level)."""
    t = seconds(length_s)
    out = np.zeros(len(t))
    for frequency, decay, level in modes:
        out += level * np.exp(-t / decay) * np.sin(2 * np.pi * frequency * t)
    return out


def click(
    rng: np.random.Generator, low_hz: float, high_hz: float, decay_s: float, tone: float = 0.5
) -> Floats:
    """Generate a knock: a noise burst and a few resonances of the same range."""
    t = seconds(6 * decay_s)
    noise = band_noise(rng, len(t), low_hz, high_hz) * np.exp(-t / decay_s)
    high = max(low_hz * 1.3, high_hz / 2)
    modes = [(rng.uniform(low_hz, high), decay_s * rng.uniform(0.6, 1.5), 1.0) for _ in range(4)]
    return 0.4 * (1 - tone) * noise + 0.5 * tone * ring(modes, 6 * decay_s)


def wave(frequency_hz: Floats | float, length_s: float, tilt: float, n_harmonics: int) -> Floats:
    """Generate a harmonic tone.

    Args:
        frequency_hz: Constant, or one value per sample.
        length_s: Length of the tone.
        tilt: Harmonic k has the level k ** -tilt.
        n_harmonics: Number of harmonics; those above 16 kHz are left out.
    """
    n = len(seconds(length_s))
    frequency = np.broadcast_to(np.asarray(frequency_hz, np.float64), (n,))
    phase = 2 * np.pi * np.cumsum(frequency) / SOUND_RATE_HZ
    highest = float(frequency.max())
    out = np.zeros(n)
    for k in range(1, n_harmonics + 1):
        if k * highest < 16_000:
            out += k**-tilt * np.sin(k * phase)
    return out


def formants(sound: Floats, centres_hz: Sequence[float], width: float = 0.25) -> Floats:
    """Filter a sound by parallel resonances, to a peak of 1."""
    out = np.zeros(len(sound))
    for order, centre in enumerate(centres_hz):
        band = (centre * (1 - width), min(centre * (1 + width), 20_000.0))
        sos = butter(1, band, "bandpass", fs=SOUND_RATE_HZ, output="sos")
        out += np.asarray(sosfilt(sos, sound), np.float64) / (1 + 0.5 * order)
    return out / max(float(np.abs(out).max()), 1e-9)
