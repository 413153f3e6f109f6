"""Inputs of Synchformer: normalised pixels and log-mel spectrograms of segments.

Follows the evaluation transforms of github.com/v-iashin/Synchformer at b66668a; written anew.
"""

import numpy as np
import torch
from einops import rearrange
from numpy.typing import NDArray
from torch.nn import functional as F

from core.model.mel import mel_filters
from core.model.synchformer.dimensions import (
    FRAME_SIDE_PX,
    MEL_BANDS,
    MEL_COLUMNS,
    SEGMENT_FRAMES,
    SEGMENT_SAMPLES,
)

FFT_SAMPLES = 1024
STFT_WINDOW_SAMPLES = 400
STFT_HOP_SAMPLES = 160

# Statistics of log-mel spectrograms in AudioSet, from AST (Gong et al., 2021).
LOG_MEL_MEAN = -4.2677393
LOG_MEL_STD = 4.5689974


def centre_crop(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Crop (T, H, W, 3) frames to a view of their central (T, 224, 224, 3).

    Raises:
        ValueError: The frames are smaller than 224 pixels.
    """
    height, width = frames.shape[1:3]
    if min(height, width) < FRAME_SIDE_PX:
        raise ValueError(f"frames are at least {FRAME_SIDE_PX} px a side, got {width}x{height}")
    # Rounds half to even, as the published evaluation does.
    top, left = (round((side - FRAME_SIDE_PX) / 2) for side in (height, width))
    return frames[:, top : top + FRAME_SIDE_PX, left : left + FRAME_SIDE_PX]


def video_input(frames: NDArray[np.uint8] | torch.Tensor) -> torch.Tensor:
    """Normalise the pixels of segments to -1..1.

    Args:
        frames: (..., 16, 224, 224, 3) uint8 RGB.

    Returns:
        (..., 16, 3, 224, 224) float32 on the device of the frames. Values have the float16 rounding
        of the published pipeline.

    Raises:
        ValueError: Shape or type differ from the above.
    """
    pixels = torch.as_tensor(frames)
    expected = (SEGMENT_FRAMES, FRAME_SIDE_PX, FRAME_SIDE_PX, 3)
    if pixels.shape[-4:] != expected or pixels.dtype != torch.uint8:
        raise ValueError(f"expected (..., {expected}) uint8, got {pixels.shape} {pixels.dtype}")
    scaled = pixels.to(torch.float16).div_(255).sub_(0.5).div_(0.5)
    return rearrange(scaled.float(), "... t h w c -> ... t c h w")


def audio_input(samples: NDArray[np.float32] | torch.Tensor) -> torch.Tensor:
    """Compute the normalised log-mel spectrogram of each segment.

    Args:
        samples: (..., 10240) float32 mono at 16 kHz.

    Returns:
        (..., 1, 128, 66) float32 on the device of the samples.

    Raises:
        ValueError: Shape or type differ from the above.
    """
    waveform = torch.as_tensor(samples)
    if waveform.shape[-1] != SEGMENT_SAMPLES or waveform.dtype != torch.float32:
        raise ValueError(
            f"expected (..., {SEGMENT_SAMPLES}) float32, got {waveform.shape} {waveform.dtype}"
        )
    spectrum = torch.stft(
        waveform.reshape(-1, SEGMENT_SAMPLES),
        n_fft=FFT_SAMPLES,
        hop_length=STFT_HOP_SAMPLES,
        win_length=STFT_WINDOW_SAMPLES,
        window=torch.hann_window(STFT_WINDOW_SAMPLES, device=waveform.device),
        pad_mode="reflect",
        return_complex=True,
    )  # (B, 513, 65)
    power = torch.view_as_real(spectrum).square().sum(dim=-1)
    filters = mel_filters(n_fft=FFT_SAMPLES, n_bands=MEL_BANDS, low_hz=0).to(waveform.device)
    log_mel = torch.log(filters.T @ power + 1e-6)  # (B, 128, 65)
    # The missing column is zero before the normalisation, not silent.
    log_mel = F.pad(log_mel, (0, MEL_COLUMNS - log_mel.shape[-1]))
    normalised = (log_mel - LOG_MEL_MEAN) / (2 * LOG_MEL_STD)
    return normalised.reshape(*waveform.shape[:-1], 1, MEL_BANDS, MEL_COLUMNS)
