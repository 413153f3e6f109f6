"""Recording of the dry sound of a scene: room, noise, other sounds, equipment, level.

The timing of the scene stays exact: room responses start at delay 0, and filters are zero-phase.
"""

import math
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy import fft, signal

from training.data.synthetic.chance import log_uniform
from training.data.synthetic.distractors import (
    active_level,
    draw_unrelated,
    music,
    noise_of_slope,
    unrelated_sound,
)
from training.data.synthetic.performance import SOUND_RATE_HZ

Sound = NDArray[np.float32]
"""(n,) at 48 kHz."""

_PEAK = 0.97


@dataclass(frozen=True, slots=True)
class SoundtrackStyle:
    """Style of the recording and mix.

    Attributes:
        reverberation_s: Reverberation time (decay by 60 dB); 0 for none.
        wetness: Energy of the room relative to the direct sound.
        noise_snr_db: Level of the scene above the noise bed; None for no noise.
        noise_slope: 0 is white, 0.5 pink, 1 brown.
        music_snr_db: Level of the scene above music; None for no music.
        unrelated: Kinds of other sounds.
        unrelated_snr_db: Level of the scene above each of them.
        low_hz: Lower band limit of the equipment.
        high_hz: Upper band limit of the equipment.
        tilts_db: Gains at 100 Hz, 400 Hz, 1.6 kHz and 6.4 kHz.
        compression: Reduction of the dynamics in dB, as a share of 0..1.
        drive_db: Gain into the soft limiter (tanh), in dB; 0 for no limiter.
        level_db: Peak level relative to full scale.
        pan: Position between left (-1) and right (1) in stereo.
    """

    reverberation_s: float
    wetness: float
    noise_snr_db: float | None
    noise_slope: float
    music_snr_db: float | None
    unrelated: tuple[str, ...]
    unrelated_snr_db: float
    low_hz: float
    high_hz: float
    tilts_db: tuple[float, ...]
    compression: float
    drive_db: float
    level_db: float
    pan: float


def draw_soundtrack(rng: np.random.Generator) -> SoundtrackStyle:
    """Draw a style; one in seven is clean: dry, without noise, music and equipment."""
    is_clean = rng.random() < 0.15

    def sometimes(share: float, value: float, otherwise: float = 0.0) -> float:
        return value if not is_clean and rng.random() < share else otherwise

    has_noise = not is_clean and rng.random() < 0.85
    has_music = not is_clean and rng.random() < 0.22
    return SoundtrackStyle(
        reverberation_s=sometimes(0.6, log_uniform(rng, 0.12, 2.0)),
        wetness=log_uniform(rng, 0.03, 1.2),
        noise_snr_db=float(rng.uniform(6, 50)) if has_noise else None,
        noise_slope=float(rng.uniform(0, 1)),
        music_snr_db=float(rng.uniform(-2, 25)) if has_music else None,
        unrelated=() if is_clean else draw_unrelated(rng),
        unrelated_snr_db=float(rng.uniform(0, 25)),
        low_hz=sometimes(0.5, float(rng.uniform(40, 320)), 20.0),
        high_hz=sometimes(0.35, log_uniform(rng, 3200, 16000), 20000.0),
        tilts_db=tuple(sometimes(0.7, float(gain)) for gain in rng.normal(0, 4, 4)),
        compression=sometimes(0.3, float(rng.uniform(0.1, 0.7))),
        drive_db=sometimes(0.2, float(rng.uniform(1, 12))),
        level_db=-float(rng.triangular(0, 3, 30)),
        pan=float(np.clip(rng.normal(0, 0.3), -0.8, 0.8)),
    )


def mix(
    rng: np.random.Generator, dry: Sound, style: SoundtrackStyle, n_channels: int
) -> NDArray[np.float32]:
    """Record and mix a scene.

    Args:
        rng: Source of all randomness.
        dry: (n,) dry sound of the scene.
        style: Style of the recording.
        n_channels: 1 or 2.

    Returns:
        (n_channels, n) float32 within -1..1.
    """
    level = max(active_level(dry), 1e-6)
    others = _others(rng, len(dry), style) * np.float32(level)
    angles = [math.pi / 4 * (1 + style.pan * side) for side in (-1, 1)[:n_channels]]
    gains = [1.0] if n_channels == 1 else [math.sqrt(2) * math.cos(a) for a in angles]
    channels = np.stack(
        [gain * _in_room(rng, dry, style) + others for gain in gains], dtype=np.float32
    )
    channels = _equipped(channels, style)
    if style.compression:
        channels = channels * _compressing_gain(channels, style.compression)
    peak = float(np.abs(channels).max())
    channels = channels / np.float32(max(peak, 1e-6))
    if style.drive_db:
        drive = 10 ** (style.drive_db / 20)
        channels = np.tanh(drive * channels) / math.tanh(drive)
    return (_PEAK * 10 ** (style.level_db / 20) * channels).astype(np.float32)


def room_response(rng: np.random.Generator, reverberation_s: float, wetness: float) -> Sound:
    """Synthesize a room response: direct sound at sample 0, reflections, diffuse tail.

    Args:
        rng: Source of all randomness.
        reverberation_s: Reverberation time of the tail (decay by 60 dB).
        wetness: Energy after the direct sound, relative to the direct sound.
    """
    n = int(min(reverberation_s, 1.5) * SOUND_RATE_HZ)
    t = np.arange(n, dtype=np.float32) / SOUND_RATE_HZ
    tail = rng.standard_normal(n, np.float32) * np.exp(-t * np.float32(6.9 / reverberation_s))
    # The tail becomes denser and duller over time.
    dull = np.convolve(tail, np.ones(6, np.float32) / 6, "same")
    share = np.minimum(t / np.float32(0.3 * reverberation_s), 1)
    tail = (1 - share) * tail + share * dull
    onset_s = float(rng.uniform(0.002, 0.02))
    tail *= np.clip((t - onset_s) / 0.01, 0, 1)
    for delay_s in rng.uniform(0.001, 0.03, int(rng.integers(2, 8))):
        tail[min(int(delay_s * SOUND_RATE_HZ), n - 1)] += float(rng.normal(0, 3))
    tail *= math.sqrt(wetness) / max(float(np.sqrt(np.sum(tail**2))), 1e-6)
    tail[0] = 1
    return np.asarray(tail, np.float32)


def _others(rng: np.random.Generator, n_samples: int, style: SoundtrackStyle) -> Sound:
    """Mix noise, music and unrelated sounds, relative to a scene of level 1."""
    total = np.zeros(n_samples, np.float32)
    if style.noise_snr_db is not None:
        noise = noise_of_slope(rng, n_samples, style.noise_slope)
        total += np.float32(10 ** (-style.noise_snr_db / 20)) * noise
    if style.music_snr_db is not None:
        bed = music(rng, n_samples)
        gain = 10 ** (-style.music_snr_db / 20) / max(active_level(bed), 1e-6)
        total += np.float32(gain) * bed
    for kind in style.unrelated:
        gain = 10 ** (-style.unrelated_snr_db / 20)
        total += np.float32(gain) * unrelated_sound(rng, kind, n_samples)
    return total


def _in_room(rng: np.random.Generator, dry: Sound, style: SoundtrackStyle) -> Sound:
    if not style.reverberation_s:
        return dry
    response = room_response(rng, style.reverberation_s, style.wetness)
    return np.asarray(signal.fftconvolve(dry, response)[: len(dry)], np.float32)


def _equipped(channels: NDArray[np.float32], style: SoundtrackStyle) -> NDArray[np.float32]:
    """Limit the band and tilt the spectrum, zero-phase."""
    if style.low_hz <= 20 and style.high_hz >= 20000 and not any(style.tilts_db):
        return channels
    n = fft.next_fast_len(channels.shape[1] + SOUND_RATE_HZ // 4, real=True)
    hz = np.fft.rfftfreq(n, 1 / SOUND_RATE_HZ).astype(np.float32) + np.float32(1)
    octaves = np.log2(hz)
    knots = np.log2([100, 400, 1600, 6400])
    gain = 10 ** (np.interp(octaves, knots, style.tilts_db) / 20)
    gain /= np.sqrt(1 + (style.low_hz / hz) ** 4) * np.sqrt(1 + (hz / style.high_hz) ** 12)
    spectrum = fft.rfft(channels, n, axis=-1) * gain.astype(np.float32)
    return np.asarray(fft.irfft(spectrum, n, axis=-1)[:, : channels.shape[1]], np.float32)


def _compressing_gain(channels: NDArray[np.float32], compression: float) -> Sound:
    """(n,) gains of a compressor with 5 ms attack and slow release."""
    block = SOUND_RATE_HZ // 200
    n = channels.shape[1]
    n_blocks = math.ceil(n / block)
    padded = np.zeros(n_blocks * block, np.float32)
    padded[:n] = np.abs(channels).max(axis=0)
    peaks = padded.reshape(n_blocks, block).max(axis=1)
    held = np.empty_like(peaks)
    level = 0.0
    for i, peak in enumerate(peaks):
        level = max(float(peak), level * 0.97)
        held[i] = level
    floor = 0.02 * max(float(held.max()), 1e-6)
    gains = np.maximum(held, floor) ** -compression
    positions = (np.arange(n_blocks) + 0.5) * block
    return np.asarray(np.interp(np.arange(n), positions, gains), np.float32)
