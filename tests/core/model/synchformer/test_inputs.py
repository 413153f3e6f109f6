import hashlib
import json

import numpy as np
import pytest
import torch
import torchaudio
from numpy.typing import NDArray

from core.model.synchformer.inputs import audio_input, centre_crop, video_input
from tests.core.model.conftest import Window
from tests.golden.stand_in import GOLDEN_FOLDER

Goldens = dict[str, NDArray[np.float32]]

MEL_ABSOLUTE = 1e-4


@pytest.mark.golden
def test_each_byte_gets_the_published_half_precision_value(goldens: Goldens) -> None:
    frames = np.zeros((16, 224, 224, 3), np.uint8)
    frames[0, 0, :, 0] = np.arange(224)
    frames[0, 1, :32, 0] = np.arange(224, 256)
    video = video_input(frames)
    table = torch.cat([video[0, 0, 0], video[0, 0, 1, :32]])
    np.testing.assert_array_equal(table, goldens["rgb/lut_half"])


@pytest.mark.golden
def test_crop_rounds_half_to_even(goldens: Goldens) -> None:
    for side, start in goldens["geometry/center_crop_start"]:
        ramp = (np.arange(side) % 256).astype(np.uint8)
        cropped = centre_crop(np.broadcast_to(ramp[None, None, :, None], (1, 224, side, 3)))
        assert cropped.shape == (1, 224, 224, 3)
        assert cropped[0, 0, 0, 0] == start % 256


def test_crop_refuses_small_frames() -> None:
    with pytest.raises(ValueError, match="200x240"):
        centre_crop(np.zeros((1, 240, 200, 3), np.uint8))


@pytest.mark.golden
def test_pixels_of_a_window_are_the_published_ones(
    synthetic_window: Window, goldens: Goldens
) -> None:
    recorded = json.loads((GOLDEN_FOLDER / "goldens.json").read_text())
    channels_first = np.ascontiguousarray(np.moveaxis(synthetic_window.frames, -1, 2))
    digest = hashlib.sha256(channels_first.tobytes()).hexdigest()
    assert digest == recorded["synthetic_pixels_sha256"]
    flat = synthetic_window.video.reshape(-1)
    sampled = flat[(torch.arange(64) * 524287 + 12345) % flat.numel()]
    np.testing.assert_array_equal(sampled, goldens["synthetic/video_at"])


@pytest.mark.golden
def test_mel_of_a_window_is_the_published_one(synthetic_window: Window, goldens: Goldens) -> None:
    expected = goldens["synthetic/mel"]
    mel = synthetic_window.mel[: len(expected)]
    np.testing.assert_allclose(mel, expected, rtol=0, atol=MEL_ABSOLUTE)


def test_mel_agrees_with_torchaudio(synthetic_window: Window) -> None:
    transform = torchaudio.transforms.MelSpectrogram(
        sample_rate=16000, win_length=400, hop_length=160, n_fft=1024, n_mels=128
    )
    log_mel = (transform(torch.from_numpy(synthetic_window.samples)) + 1e-6).log()
    expected = (log_mel + 4.2677393) / (2 * 4.5689974)
    mel = synthetic_window.mel[:, 0, :, :65]
    torch.testing.assert_close(mel, expected, rtol=0, atol=MEL_ABSOLUTE)


def test_last_column_is_padding_not_silence() -> None:
    mel = audio_input(np.zeros(10240, np.float32))
    assert mel[..., -1].unique().item() == pytest.approx(4.2677393 / (2 * 4.5689974))
    assert mel[..., :-1].unique().item() == pytest.approx(
        (np.log(1e-6) + 4.2677393) / (2 * 4.5689974)
    )


def test_segments_are_independent_of_their_batch(synthetic_window: Window) -> None:
    one = audio_input(synthetic_window.samples[3])
    assert one.shape == (1, 128, 66)
    torch.testing.assert_close(one, synthetic_window.mel[3], rtol=0, atol=1e-6)
    paired = audio_input(synthetic_window.samples.reshape(2, 7, -1))
    assert paired.shape == (2, 7, 1, 128, 66)
    frames = synthetic_window.frames[None, 3:5]
    torch.testing.assert_close(video_input(frames)[0], synthetic_window.video[3:5], rtol=0, atol=0)


def test_wrong_shapes_and_types_are_refused() -> None:
    with pytest.raises(ValueError, match="10240"):
        audio_input(np.zeros(10241, np.float32))
    with pytest.raises(ValueError, match="float64"):
        audio_input(np.zeros(10240))  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="224"):
        video_input(np.zeros((16, 224, 225, 3), np.uint8))
    with pytest.raises(ValueError, match="float32"):
        video_input(np.zeros((16, 224, 224, 3), np.float32))  # type: ignore[arg-type]
