"""Augmentation of training windows; video and audio are never moved against each other in time.

Follows github.com/v-iashin/Synchformer at b66668a (dataset/transforms.py), reimplemented; its SoX
effects are made with torchaudio and scipy.
"""

import functools
from dataclasses import dataclass, fields

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import signal
from torchaudio.functional import (  # type: ignore[import-untyped]
    lowpass_biquad,
    phase_vocoder,
)
from torchvision.transforms.v2 import functional  # type: ignore[import-untyped]

from core.model.synchformer.dimensions import FRAME_SIDE_PX
from core.timing import AUDIO_RATE_HZ

SMALLER_SIDE_PX = 192

_BRIGHTNESS = _CONTRAST = _SATURATION = 0.8
_HUE = 0.2

_GAIN = 2.0
_PITCH_RATIO = (98, 55)
"""Ratio of the frequencies after and before: 1000 cents within 0.02."""
_LOW_PASS_HZ = 100.0
_LOW_PASS_Q = 0.707
_NOISE = 0.01

_VOCODER_SAMPLES, _VOCODER_HOP_SAMPLES = 512, 128

# Freeverb with the defaults of SoX: delay lengths at 44.1 kHz, slightly different for the second
# ear, reverberance 50 %, damping of high frequencies 50 %.
_COMBS = (1116, 1188, 1277, 1356, 1422, 1491, 1557, 1617)
_ALL_PASSES = (225, 341, 441, 556)
_EAR_DIFFERENCE = 12
_LENGTHS_RATE_HZ = 44_100
_FEEDBACK = 0.8817
_DAMPING = 0.35
_REVERB_GAIN = 0.015
_REVERB_S = 2.0
"""Length of the response; it has fallen by 70 dB there."""


@dataclass(frozen=True, slots=True)
class Augmentation:
    """Probabilities of the augmentations, 0..1.

    Attributes:
        smaller_crop: Crop of 192 px, enlarged, instead of 224 px.
        colour: Random brightness, contrast, saturation and hue.
        grey: Greyscale video.
        flip: Mirrored video.
        reverb: Reverberation alone, without the direct audio.
        gain: Twice the amplitude.
        pitch: Pitch raised by ten semitones.
        low_pass: Low-pass filter at 100 Hz.
        noise: White noise added to the audio.
    """

    smaller_crop: float = 0.0
    colour: float = 0.0
    grey: float = 0.0
    flip: float = 0.5
    reverb: float = 0.0
    gain: float = 0.0
    pitch: float = 0.0
    low_pass: float = 0.0
    noise: float = 0.0

    def __post_init__(self) -> None:
        for one in fields(self):
            if not 0 <= getattr(self, one.name) <= 1:
                raise ValueError(
                    f"{one.name} is a probability from 0 to 1, not {getattr(self, one.name)}"
                )


@dataclass(frozen=True, slots=True)
class Square:
    """Crop of a frame, in pixels."""

    top: int
    left: int
    side: int


def draw_square(
    rng: np.random.Generator, size: tuple[int, int], augmentation: Augmentation
) -> Square:
    """Draw a crop of frames of a size, (height, width)."""
    is_smaller = rng.random() < augmentation.smaller_crop
    side = SMALLER_SIDE_PX if is_smaller else FRAME_SIDE_PX
    top, left = (int(rng.integers(whole - side + 1)) for whole in size)
    return Square(top, left, side)


def cut_square(frames: NDArray[np.uint8], square: Square) -> NDArray[np.uint8]:
    """Crop (T, H, W, 3) frames and resize them to (T, 224, 224, 3)."""
    rows = slice(square.top, square.top + square.side)
    columns = slice(square.left, square.left + square.side)
    cut = frames[:, rows, columns]
    if square.side == FRAME_SIDE_PX:
        return cut
    channels_first = torch.from_numpy(np.ascontiguousarray(cut)).movedim(-1, 1)
    larger: torch.Tensor = functional.resize(
        channels_first, [FRAME_SIDE_PX, FRAME_SIDE_PX], antialias=False
    )
    return np.ascontiguousarray(larger.movedim(1, -1).numpy())


def change_frames(
    rng: np.random.Generator, frames: NDArray[np.uint8], augmentation: Augmentation
) -> NDArray[np.uint8]:
    """Augment (T, H, W, 3) frames, all in the same way."""
    if rng.random() < augmentation.colour:
        frames = change_colours(rng, frames)
    if rng.random() < augmentation.grey:
        frames = without_colours(frames)
    if rng.random() < augmentation.flip:
        # Copied, since torch takes no arrays with negative strides.
        frames = np.ascontiguousarray(frames[:, :, ::-1])
    return frames


def change_colours(rng: np.random.Generator, frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Change brightness, contrast, saturation and hue by random amounts in random order."""
    brightness, contrast, saturation = (
        float(rng.uniform(1 - most, 1 + most)) for most in (_BRIGHTNESS, _CONTRAST, _SATURATION)
    )
    hue = float(rng.uniform(-_HUE, _HUE))
    images = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 1)
    steps = (
        lambda x: functional.adjust_brightness(x, brightness),
        lambda x: functional.adjust_contrast(x, contrast),
        lambda x: functional.adjust_saturation(x, saturation),
        lambda x: functional.adjust_hue(x, hue),
    )
    for index in rng.permutation(len(steps)):
        images = steps[int(index)](images)
    return np.ascontiguousarray(images.movedim(1, -1).numpy())


def without_colours(frames: NDArray[np.uint8]) -> NDArray[np.uint8]:
    """Convert to greyscale with three equal channels."""
    images = torch.from_numpy(np.ascontiguousarray(frames)).movedim(-1, 1)
    grey = functional.rgb_to_grayscale(images, num_output_channels=3)
    return np.ascontiguousarray(grey.movedim(1, -1).numpy())


def change_audio(
    rng: np.random.Generator, waveform: NDArray[np.float32], augmentation: Augmentation
) -> NDArray[np.float32]:
    """Augment (n,) samples at 16 kHz; the number of samples stays."""
    if rng.random() < augmentation.reverb:
        waveform = reverberated(waveform)
    if rng.random() < augmentation.gain:
        waveform = np.clip(_GAIN * waveform, -1, 1)
    if rng.random() < augmentation.pitch:
        waveform = pitched_up(waveform)
    if rng.random() < augmentation.low_pass:
        waveform = low_passed(waveform)
    if rng.random() < augmentation.noise:
        noise = rng.standard_normal(len(waveform), dtype=np.float32)
        waveform = np.add(waveform, np.float32(_NOISE) * noise, dtype=np.float32)
    return waveform


def reverberated(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Reverberation without the direct audio, cut to the same length."""
    response = _room()[: len(waveform)]
    wet = signal.oaconvolve(waveform, response)[: len(waveform)]
    return np.asarray(wet, np.float32)


def pitched_up(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Raise the pitch by 1000 cents in the same time, with a phase vocoder."""
    up, down = _PITCH_RATIO
    window = torch.hann_window(_VOCODER_SAMPLES)
    spectrum = torch.stft(
        torch.from_numpy(np.ascontiguousarray(waveform)),
        _VOCODER_SAMPLES,
        _VOCODER_HOP_SAMPLES,
        window=window,
        return_complex=True,
    )
    n_bins = spectrum.shape[0]
    advance = torch.linspace(0, torch.pi * _VOCODER_HOP_SAMPLES, n_bins)[:, None]
    longer = phase_vocoder(spectrum, down / up, advance)
    n_longer = -(-len(waveform) * up // down)
    stretched = torch.istft(
        longer, _VOCODER_SAMPLES, _VOCODER_HOP_SAMPLES, window=window, length=n_longer
    )
    pitched = signal.resample_poly(stretched.numpy(), down, up)
    return np.asarray(pitched[: len(waveform)], np.float32)


def low_passed(waveform: NDArray[np.float32]) -> NDArray[np.float32]:
    """Low-pass filter at 100 Hz, clipped to -1..1."""
    samples = torch.from_numpy(np.ascontiguousarray(waveform))
    filtered: NDArray[np.float32] = lowpass_biquad(
        samples, AUDIO_RATE_HZ, _LOW_PASS_HZ, _LOW_PASS_Q
    ).numpy()
    return filtered


@functools.cache
def _room() -> NDArray[np.float64]:
    """Impulse response of Freeverb, mean of both ears."""
    click = np.zeros(round(_REVERB_S * AUDIO_RATE_HZ))
    click[0] = _REVERB_GAIN
    return (_ear(click, 0) + _ear(click, _EAR_DIFFERENCE)) / 2


def _ear(click: NDArray[np.float64], difference: int) -> NDArray[np.float64]:
    heard = np.zeros_like(click)
    for length in _COMBS:
        n = _at_this_rate(length + difference)
        difference = -difference
        # The echo returns after n samples, each time weaker and duller.
        ahead, back = np.zeros(n + 2), np.zeros(n + 1)
        ahead[n], ahead[n + 1] = 1, -_DAMPING
        back[0], back[1], back[n] = 1, -_DAMPING, -_FEEDBACK * (1 - _DAMPING)
        heard += signal.lfilter(ahead, back, click)
    for length in _ALL_PASSES:
        n = _at_this_rate(length + difference)
        difference = -difference
        ahead, back = np.zeros(n + 1), np.zeros(n + 1)
        ahead[0], ahead[n] = -1, 1.5
        back[0], back[n] = 1, -0.5
        heard = signal.lfilter(ahead, back, heard)
    return heard


def _at_this_rate(n_samples: int) -> int:
    return round(n_samples * AUDIO_RATE_HZ / _LENGTHS_RATE_HZ)
