"""Inputs of the lag network: grey frames at half size, and log-mel spectra every 10 ms."""

import numpy as np
import torch
from numpy.typing import NDArray
from torch.nn import functional as F

from core.model.mel import mel_filters
from core.timing import AUDIO_RATE_HZ

TICK_SAMPLES = AUDIO_RATE_HZ // 100
"""Hop of the spectrogram: 10 ms."""

MEL_BANDS = 64
FFT_SAMPLES = 512
WINDOW_SAMPLES = 400
LOWEST_BAND_HZ = 60

POWER_FLOOR = 1e-6
"""Added to the power of a band before the logarithm; full scale is a power of about 100."""

_LUMA_WEIGHTS = np.array([0.299, 0.587, 0.114], np.float32)


def grey_half(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Average the luma (ITU-R BT.601) of RGB frames over squares of 2 x 2 pixels.

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
    """Compute the log-mel spectrogram of audio, one column centred on each 10 ms tick.

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
    filters = mel_filters(n_fft=FFT_SAMPLES, n_bands=MEL_BANDS, low_hz=LOWEST_BAND_HZ)
    filters = filters.to(waveform.device)
    return torch.log(filters.T @ power[..., :n_ticks] + POWER_FLOOR)
