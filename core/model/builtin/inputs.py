"""What enters the lag network: grey pictures at half size, and log-mel spectra every 10 ms."""

import functools
import math

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from core.timing import AUDIO_RATE_HZ

TICK_SAMPLES = AUDIO_RATE_HZ // 100
"""Distance of the columns of a spectrogram: 10 ms."""

MEL_BANDS = 64
FFT_SAMPLES = 512
WINDOW_SAMPLES = 400

POWER_FLOOR = 1e-6
"""Added to the power of a band before the logarithm; full scale is a power of about 100."""

_LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def grey_half(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average the luma (ITU-R BT.601) of RGB pictures over squares of 2 x 2 pixels.

    Args:
        frames: (T, H, W, 3) uint8 RGB.

    Returns:
        (T, H // 2, W // 2) uint8.
    """
    n_rows, n_columns = frames.shape[1] // 2, frames.shape[2] // 2
    pixels = frames[:, : 2 * n_rows, : 2 * n_columns]
    rows = pixels[:, 0::2].astype(np.uint16) + pixels[:, 1::2]
    luma = rows.astype(np.float32) @ _LUMA_WEIGHTS  # (T, H // 2, W)
    pairs = luma.reshape(len(frames), n_rows, n_columns, 2)
    return ((pairs[..., 0] + pairs[..., 1]) / 4 + 0.5).astype(np.uint8)


def log_mel(waveform: torch.Tensor) -> torch.Tensor:
    """Compute the log-mel spectrogram of a stretch of sound, one column centred on each tick.

    Args:
        waveform: (B, N) float32 mono at 16 kHz, N a multiple of 160.

    Returns:
        (B, 64, N // 160) natural logarithms of power; column k is centred on sample 160 k.
    """
    half = FFT_SAMPLES // 2
    spectrum = torch.stft(
        F.pad(waveform, (half, half)),
        n_fft=FFT_SAMPLES,
        hop_length=TICK_SAMPLES,
        win_length=WINDOW_SAMPLES,
        window=torch.hann_window(WINDOW_SAMPLES, device=waveform.device),
        center=False,
        return_complex=True,
    )
    power = torch.view_as_real(spectrum).square().sum(dim=-1)  # (B, 257, N // 160 + 1)
    n_ticks = waveform.shape[-1] // TICK_SAMPLES
    filters = mel_filters().to(waveform.device)
    return torch.log(filters.T @ power[..., :n_ticks] + POWER_FLOOR)


@functools.cache
def mel_filters() -> torch.Tensor:
    """Return the (257, 64) float32 triangular filters on the HTK mel scale, 60 to 8000 Hz."""
    bins_hz = torch.linspace(0, AUDIO_RATE_HZ / 2, FFT_SAMPLES // 2 + 1)
    low_mel, top_mel = (2595 * math.log10(1 + hz / 700) for hz in (60, AUDIO_RATE_HZ / 2))
    edges_hz = 700 * (10 ** (torch.linspace(low_mel, top_mel, MEL_BANDS + 2) / 2595) - 1)
    widths_hz = edges_hz.diff()
    rising = (bins_hz[:, None] - edges_hz[:-2]) / widths_hz[:-1]
    falling = (edges_hz[2:] - bins_hz[:, None]) / widths_hz[1:]
    return torch.minimum(rising, falling).clamp(min=0)
