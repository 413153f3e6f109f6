"""Network inputs from windows of clips."""

from collections.abc import Sequence
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray

from core.model.synchformer.dimensions import SEGMENT_FRAMES, SEGMENT_SAMPLES
from core.model.synchformer.inputs import audio_input, centre_crop, video_input
from training.data import augment
from training.data.augment import Augmentation
from training.data.clip import Clip
from training.data.types import Tensors
from training.data.window_positions import Cut

_Scalar = TypeVar("_Scalar", bound=np.generic)


def plain_sample(clip: Clip, cut: Cut, *, in_half: bool = True) -> Tensors:
    """Make the inputs of a window without augmentation, from the centre of the frames.

    Args:
        clip: The clip.
        cut: The window.
        in_half: Round pixels to float16, as in the published pipeline except for tests of the first
            stage.

    Returns:
        video, mel, label and offset_s of `SyncSamples`; video is float32 if not `in_half`.
    """
    segments = _segments(centre_crop(clip.frames), cut.first_frames, SEGMENT_FRAMES)
    if in_half:
        video = video_input(segments).half()
    else:
        pixels = torch.from_numpy(segments).movedim(-1, -3).float()
        video = pixels.div_(255).sub_(0.5).div_(0.5)
    heard = _segments(clip.waveform, cut.first_samples, SEGMENT_SAMPLES)
    return _sample(video, heard, cut)


def augmented_sample(
    rng: np.random.Generator, clip: Clip, cut: Cut, augmentation: Augmentation, *, apart: bool
) -> Tensors:
    """Make the inputs of a window with augmentation.

    Args:
        rng: Source of the random changes.
        clip: The clip.
        cut: The window.
        augmentation: Probabilities of the changes.
        apart: Change each segment separately, else the whole window as one.

    Returns:
        video, mel, label and offset_s of `SyncSamples`.
    """
    square = augment.draw_square(rng, clip.frames.shape[1:3], augmentation)
    first, last = cut.first_frames[0], cut.first_frames[-1] + SEGMENT_FRAMES
    frames = augment.cut_square(clip.frames[first:last], square)
    first_sample, last_sample = cut.first_samples[0], cut.first_samples[-1] + SEGMENT_SAMPLES
    waveform = clip.waveform[first_sample:last_sample]
    if not apart:
        frames = augment.change_frames(rng, frames, augmentation)
        waveform = augment.change_audio(rng, waveform, augmentation)
    seen = _segments(frames, [frame - first for frame in cut.first_frames], SEGMENT_FRAMES)
    starts = [sample - first_sample for sample in cut.first_samples]
    heard = _segments(waveform, starts, SEGMENT_SAMPLES)
    if apart:
        seen = np.stack([augment.change_frames(rng, one, augmentation) for one in seen])
        heard = np.stack([augment.change_audio(rng, one, augmentation) for one in heard])
    return _sample(video_input(seen).half(), heard, cut)


def _segments(values: NDArray[_Scalar], starts: Sequence[int], length: int) -> NDArray[_Scalar]:
    return np.stack([values[start : start + length] for start in starts])


def _sample(video: torch.Tensor, heard: NDArray[np.float32], cut: Cut) -> Tensors:
    return {
        "video": video,
        "mel": audio_input(heard),
        "label": torch.tensor(cut.label),
        "offset_s": torch.tensor(cut.offset_s, dtype=torch.float32),
    }
