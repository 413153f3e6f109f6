"""How much the picture moves and how much the sound sets in, measured as a clip streams by."""

import numpy as np
from numpy.typing import NDArray

from core.media.decode import ClipChunk
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME

TICK_SAMPLES = AUDIO_RATE_HZ // 100
"""Distance of the values of a sound signal: 10 ms."""

TICKS_PER_FRAME = SAMPLES_PER_FRAME // TICK_SAMPLES

BLOCK_PX = 2
"""Pixels are averaged over squares of this side before they are compared."""

STRONGEST_PIXELS = 200
"""Motion is that of the pixels that change most, so that a small mouth counts as a large hand."""

SPECTRUM_SAMPLES = 320
"""Length of the analysis window of a spectrum: 20 ms."""

N_FFT = 512
N_BANDS = 24
LOWEST_BAND_HZ = 100.0

RELATIVE_FLOOR = 1e-3
"""Energies this far below the loudest so far (-30 dB) count as silence."""

ABSOLUTE_FLOOR = 1e-8

_TAIL_SAMPLES = SPECTRUM_SAMPLES + TICK_SAMPLES


class MotionMeter:
    """Measures the change from each frame to the next."""

    def __init__(self) -> None:
        self._previous: NDArray[np.float32] | None = None
        self._had_video = False

    def measure(self, chunk: ClipChunk) -> NDArray[np.float32]:
        """Return (T,) grey levels of change, each between a frame and the one before it.

        The change of a pair belongs to the time between its frames: value k to (k - 1/2) / 25 s.
        It is 0 where a frame of the pair is missing.
        """
        changes = np.zeros(len(chunk.frames), np.float32)
        for index, (frame, has_video) in enumerate(
            zip(chunk.frames, chunk.has_video.tolist(), strict=True)
        ):
            small = _shrink(frame)
            if self._previous is not None and has_video and self._had_video:
                change = np.abs(small - self._previous).ravel()
                n_strongest = min(STRONGEST_PIXELS, change.size)
                changes[index] = np.partition(change, -n_strongest)[-n_strongest:].mean()
            self._previous, self._had_video = small, has_video
        return changes


def _shrink(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Average the green channel, which carries most of the luminance, over small squares."""
    rows, columns = (side // BLOCK_PX * BLOCK_PX for side in frame.shape[:2])
    green = frame[:rows, :columns, 1].astype(np.float32)
    rows_summed = green[0::BLOCK_PX] + green[1::BLOCK_PX]
    return np.asarray((rows_summed[:, 0::BLOCK_PX] + rows_summed[:, 1::BLOCK_PX]) / 4, np.float32)


class SoundMeter:
    """Measures onsets and level of the sound every 10 ms, centred on the tick.

    Values come out a little later than the samples go in; `flush` brings the rest.
    """

    def __init__(self) -> None:
        half = _TAIL_SAMPLES // 2
        self._samples = np.zeros(half, np.float32)
        self._peak = ABSOLUTE_FLOOR

    def measure(self, waveform: NDArray[np.float32]) -> tuple[NDArray[np.float32], ...]:
        """Return onsets (N,) and level (N,) of the ticks that are complete.

        Onsets are the rise of log energy per band (spectral flux), level is log energy over all.
        Both are relative to the loudest sound so far, so gain does not matter.
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
        """Return the values of the last ticks, as if silence followed."""
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
