"""Sung syllables: long vowels with vibrato on a melody, separated by consonants."""

import numpy as np
from numpy.typing import NDArray
from scipy.signal import lfilter

from training.data.synthetic.chance import LEAD_S
from training.data.synthetic.performance import SOUND_RATE_HZ
from training.data.synthetic.speakers.speech import Phoneme, Talk

_FORMANTS_HZ = {
    # Peterson and Barney, "Control methods used in a study of the vowels" (1952), men, rounded.
    "a": (730, 1090, 2440, 3400),
    "e": (530, 1840, 2480, 3400),
    "i": (270, 2290, 3010, 3600),
    "o": (570, 840, 2410, 3300),
    "u": (300, 870, 2240, 3200),
}
_NASAL_HZ = (270, 1000, 2200, 3000)
_CONSONANTS = ("", "m", "n", "l", "p", "b", "t", "s")

_Spoken = tuple[str, float, float, float, float]
"""Symbol, start, end, release (s) and loudness of a phoneme."""


def sing(rng: np.random.Generator, duration_s: float) -> Talk:
    """Sing with one voice over a whole clip."""
    throat = float(rng.uniform(0.95, 1.25))
    lowest_hz = 90.0 * 2 ** float(rng.uniform(0, 1.6))
    scale = np.array([0, 2, 4, 5, 7, 9, 11, 12])
    step, tempo_s = int(rng.integers(2, 6)), float(rng.uniform(0.25, 0.8))
    sound = np.zeros(round((duration_s + 2 * LEAD_S) * SOUND_RATE_HZ))
    phonemes = []
    at_s = -LEAD_S + float(rng.uniform(0.05, 0.5))
    while at_s < duration_s + LEAD_S - 0.4:
        length_s = tempo_s * float(np.clip(np.exp(0.6 * rng.standard_normal()), 0.5, 4))
        step = int(np.clip(step + rng.integers(-2, 3), 0, 7))
        pitch_hz = lowest_hz * 2 ** (float(scale[step]) / 12)
        consonant, vowel = str(rng.choice(_CONSONANTS)), str(rng.choice(list(_FORMANTS_HZ)))
        part, spoken = _syllable(rng, consonant, vowel, pitch_hz, length_s, throat)
        begin = round((at_s + LEAD_S) * SOUND_RATE_HZ)
        end = min(begin + part.size, sound.size)
        sound[begin:end] += part[: end - begin]
        phonemes += [
            Phoneme(s, at_s + a, at_s + b, at_s + c, loudness) for s, a, b, c, loudness in spoken
        ]
        at_s += part.size / SOUND_RATE_HZ
        if rng.random() < 0.2:
            at_s += float(rng.uniform(0.2, 2.0))
    begin = round(LEAD_S * SOUND_RATE_HZ)
    inside = sound[begin : begin + round(duration_s * SOUND_RATE_HZ)]
    peak = float(np.abs(inside).max()) + 1e-6
    return Talk((inside * (0.9 / peak)).astype(np.float32), (tuple(phonemes),))


def _syllable(
    rng: np.random.Generator,
    consonant: str,
    vowel: str,
    pitch_hz: float,
    length_s: float,
    throat: float,
) -> tuple[NDArray[np.float64], list[_Spoken]]:
    """Sound of a syllable, and its phonemes with times from its start."""
    before_s = float(rng.uniform(0.06, 0.12)) if consonant else 0.0
    level = float(rng.uniform(0.5, 1.0))
    source = _glottis(rng, pitch_hz, length_s)
    sung = level * _resonate(source, _FORMANTS_HZ[vowel], throat) * _fade(source.size, 0.03, 0.07)
    onset = np.zeros(round(before_s * SOUND_RATE_HZ))
    if consonant in ("m", "n", "l"):
        hum = _resonate(_glottis(rng, pitch_hz, before_s), _NASAL_HZ, throat)
        onset = 0.3 * level * hum * _fade(onset.size, 0.015, 0.004)
    elif consonant == "s":
        noise = np.diff(rng.standard_normal(onset.size), prepend=0.0)
        onset = 0.08 * level * noise * _fade(onset.size, 0.02, 0.01)
    elif consonant:
        n = round(0.012 * SOUND_RATE_HZ)
        burst = rng.standard_normal(n) * np.exp(-np.arange(n) / (0.003 * SOUND_RATE_HZ))
        sung[:n] += 0.35 * level * burst
    end_s = before_s + length_s
    spoken: list[_Spoken] = [(vowel, before_s, end_s, end_s, level)]
    if consonant:
        spoken.insert(0, (consonant, 0.0, before_s, before_s, 0.3))
    return np.concatenate([onset, sung]), spoken


def _glottis(rng: np.random.Generator, pitch_hz: float, length_s: float) -> NDArray[np.float64]:
    time_s = np.arange(round(length_s * SOUND_RATE_HZ)) / SOUND_RATE_HZ
    depth = float(rng.uniform(0, 0.02)) * np.clip(time_s / 0.4, 0, 1)
    hz = pitch_hz * (1 + depth * np.sin(2 * np.pi * rng.uniform(4.5, 6.5) * time_s))
    phase = np.cumsum(hz) / SOUND_RATE_HZ % 1.0
    # A pulse with slow opening and abrupt closing, as of vocal folds.
    return np.diff(phase**2 * (1 - phase**4), prepend=0.0) + 2e-4 * rng.standard_normal(phase.size)


def _resonate(
    source: NDArray[np.float64], formants_hz: tuple[int, ...], throat: float
) -> NDArray[np.float64]:
    total = np.zeros_like(source)
    for k, formant_hz in enumerate(formants_hz):
        radius = np.exp(-np.pi * (60 + 50 * k) / SOUND_RATE_HZ)
        angle = 2 * np.pi * formant_hz * throat / SOUND_RATE_HZ
        part = lfilter([1 - radius], [1, -2 * radius * np.cos(angle), radius**2], source)
        total += part * (0.8**k)
    peak = float(np.abs(total).max(initial=0.0)) + 1e-9
    return np.asarray(total / peak, np.float64)


def _fade(n: int, rise_s: float, fall_s: float) -> NDArray[np.float64]:
    at = np.arange(n) / SOUND_RATE_HZ
    ramp = np.minimum(at / rise_s, (n / SOUND_RATE_HZ - at) / fall_s)
    return np.asarray(np.clip(ramp, 0, 1), np.float64)
