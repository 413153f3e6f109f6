import numpy as np
import pytest
import torch
import torchaudio
from numpy.typing import NDArray

from core.model.mel import mel_filters


@pytest.mark.golden
def test_filters_are_the_published_ones(goldens: dict[str, NDArray[np.float32]]) -> None:
    rows = mel_filters(n_fft=1024, n_bands=128, low_hz=0)[[1, 2, 10, 100, 300, 512]]
    np.testing.assert_allclose(rows, goldens["mel/filterbank_nonzero"], rtol=0, atol=1e-6)


@pytest.mark.parametrize(("n_fft", "n_bands", "low_hz"), [(1024, 128, 0), (512, 64, 60)])
def test_filters_are_those_of_torchaudio(n_fft: int, n_bands: int, low_hz: float) -> None:
    filters = mel_filters(n_fft=n_fft, n_bands=n_bands, low_hz=low_hz)
    expected = torchaudio.functional.melscale_fbanks(
        n_fft // 2 + 1, f_min=low_hz, f_max=8000, n_mels=n_bands, sample_rate=16000
    )
    torch.testing.assert_close(filters, expected, rtol=0, atol=1e-7)


def test_every_band_of_the_builtin_network_hears_something() -> None:
    filters = mel_filters(n_fft=512, n_bands=64, low_hz=60)
    assert filters.shape == (257, 64)
    assert (filters >= 0).all()
    assert (filters.sum(dim=0) > 0).all()
