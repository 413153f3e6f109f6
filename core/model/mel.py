"""Mel filter banks of the networks."""

import functools
import math

import torch

from core.timing import AUDIO_RATE_HZ


@functools.cache
def mel_filters(*, n_fft: int, n_bands: int, low_hz: float) -> torch.Tensor:
    """Triangular filters on the HTK mel scale, from `low_hz` to 8000 Hz, each of peak 1.

    Computed in float32, like the filters of `torchaudio.functional.melscale_fbanks` that the
    published networks were trained with. In float64 the weights differ by up to 1.4e-5. For this
    reason, and to do without torch, the classical engine computes its own bank in
    `core.detection.signals.onsets`.

    Args:
        n_fft: Samples of the Fourier transform at 16 kHz.
        n_bands: Number of filters.
        low_hz: Lower edge of the first filter.

    Returns:
        (n_fft // 2 + 1, n_bands) float32 weights of the frequency bins. Callers share the tensor.
    """
    nyquist_hz = AUDIO_RATE_HZ / 2
    bins_hz = torch.linspace(0, nyquist_hz, n_fft // 2 + 1)
    low_mel, top_mel = (2595 * math.log10(1 + hz / 700) for hz in (low_hz, nyquist_hz))
    edges_hz = 700 * (10 ** (torch.linspace(low_mel, top_mel, n_bands + 2) / 2595) - 1)
    widths_hz = edges_hz.diff()
    rising = (bins_hz[:, None] - edges_hz[:-2]) / widths_hz[:-1]
    falling = (edges_hz[2:] - bins_hz[:, None]) / widths_hz[1:]
    return torch.minimum(rising, falling).clamp(min=0)
