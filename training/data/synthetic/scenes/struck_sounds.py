"""Sounds of struck things: decaying modes and a burst of noise, from soft to hard."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.signal import butter, sosfilt

from training.data.synthetic.performance import SOUND_RATE_HZ

Voice = tuple[NDArray[np.float32], ...]
"""Sounds of one struck thing from soft to hard, (n,) each at 48 kHz with peak 1."""

_BRIGHTNESSES = (0.0, 0.35, 0.7, 1.0)


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
