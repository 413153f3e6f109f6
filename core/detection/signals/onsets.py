"""Onset strength and level of the audio, measured as a clip streams by."""

import numpy as np
from numpy.typing import NDArray

from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME

TICK_SAMPLES = AUDIO_RATE_HZ // 100
"""Step of the audio signals: 10 ms, one tick."""

TICKS_PER_FRAME = SAMPLES_PER_FRAME // TICK_SAMPLES

SPECTRUM_SAMPLES = 320
"""Length of a spectrum: 20 ms."""

N_FFT = 512
N_BANDS = 24
LOWEST_BAND_HZ = 100.0

RELATIVE_FLOOR = 1e-3
"""Floor of the energy, relative to the loudest so far: -30 dB."""

ABSOLUTE_FLOOR = 1e-8

_TAIL_SAMPLES = SPECTRUM_SAMPLES + TICK_SAMPLES


class AudioMeter:
    """Measures onset strength and level every 10 ms, centred on the tick.

    Values lag a little behind the samples; `flush` returns the last ones.
    """

    def __init__(self) -> None:
        half = _TAIL_SAMPLES // 2
        self._samples = np.zeros(half, np.float32)
        self._peak = ABSOLUTE_FLOOR

    def measure(self, waveform: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Onset strength (N,) and level (N,) of the complete ticks.

        Onset strength is the rise of log energy per mel band (spectral flux), level is the log
        energy of all bands. Both are relative to the loudest audio so far, independent of gain.
        """
        self._samples = np.concatenate([self._samples, waveform])
        n_ticks = (len(self._samples) - _TAIL_SAMPLES) // TICK_SAMPLES + 1
        if n_ticks <= 0:
            return np.zeros(0, np.float32), np.zeros(0, np.float32)
        pieces = np.lib.stride_tricks.sliding_window_view(self._samples, SPECTRUM_SAMPLES)
        spectra = np.fft.rfft(pieces[::TICK_SAMPLES][: n_ticks + 1] * _TAPER, N_FFT)
        energies = (np.abs(spectra) ** 2 @ _BANDS).astype(np.float64)  # (N + 1, bands)
        peaks = np.maximum.accumulate(np.maximum(energies.mean(1), self._peak))
        self._peak = float(peaks[-2])
        floors = (RELATIVE_FLOOR * peaks)[1:, None]
        rise = np.log(energies[1:] + floors) - np.log(energies[:-1] + floors)
        onsets = np.maximum(rise, 0).mean(1)
        level = np.log((energies[1:] + energies[:-1]).mean(1) / 2 + floors[:, 0])
        level -= np.log(floors[:, 0])
        self._samples = self._samples[n_ticks * TICK_SAMPLES :]
        return onsets.astype(np.float32), level.astype(np.float32)

    def flush(self) -> tuple[NDArray[np.float32], ...]:
        """Values of the last ticks, as if silence followed."""
        return self.measure(np.zeros(_TAIL_SAMPLES // 2, np.float32))


def _bands() -> NDArray[np.float64]:
    """Return (bins, bands) triangular weights on the mel scale, each summing to one."""

    def to_mel(hz: float) -> float:
        return float(2595 * np.log10(1 + hz / 700))

    edges_mel = np.linspace(to_mel(LOWEST_BAND_HZ), to_mel(AUDIO_RATE_HZ / 2), N_BANDS + 2)
    edges_hz = 700 * (10 ** (edges_mel / 2595) - 1)
    bins_hz = np.fft.rfftfreq(N_FFT, 1 / AUDIO_RATE_HZ)[:, None]
    rising = (bins_hz - edges_hz[:-2]) / np.diff(edges_hz)[:-1]
    falling = (edges_hz[2:] - bins_hz) / np.diff(edges_hz)[1:]
    weights = np.clip(np.minimum(rising, falling), 0, None)
    normalised: NDArray[np.float64] = weights / weights.sum(0)
    return normalised


_TAPER = np.hanning(SPECTRUM_SAMPLES + 1)[:-1] / np.sqrt(SPECTRUM_SAMPLES * 3 / 8)
_BANDS = _bands()
