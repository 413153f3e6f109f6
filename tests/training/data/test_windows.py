import hashlib
import json

import numpy as np
import pytest
import torch
from numpy.typing import NDArray

from tests.golden.stand_in import GOLDEN_FOLDER
from training.data.augment import Augmentation
from training.data.clip import Clip
from training.data.window_positions import Cut, draw_contrastive, fixed_sync
from training.data.windows import augmented_sample, plain_sample

NOTHING = Augmentation(flip=0.0)


@pytest.mark.golden
def test_window_of_a_test_enters_the_network_as_published(
    arithmetic_clip: Clip, goldens: dict[str, NDArray[np.float32]]
) -> None:
    sample = plain_sample(arithmetic_clip, fixed_sync(200, 1.16, 0.6))
    video = sample["video"]
    assert video.shape == (14, 16, 3, 224, 224)
    assert video.dtype == torch.float16
    flat = video.reshape(-1)
    sampled = flat[(torch.arange(64) * 524287 + 12345) % flat.numel()]
    np.testing.assert_array_equal(sampled.float(), goldens["synthetic/video_at"])
    bytes_again = ((video.float() * 0.5 + 0.5) * 255).round().to(torch.uint8)
    recorded = json.loads((GOLDEN_FOLDER / "goldens.json").read_text())
    digest = hashlib.sha256(bytes_again.numpy().tobytes()).hexdigest()
    assert digest == recorded["synthetic_pixels_sha256"]
    expected = goldens["synthetic/mel"]
    np.testing.assert_allclose(sample["mel"][: len(expected)], expected, rtol=0, atol=1e-4)
    assert sample["label"] == 13
    assert sample["offset_s"] == pytest.approx(0.6)


def test_pixels_can_be_normalised_without_rounding(arithmetic_clip: Clip) -> None:
    cut = Cut((5,), (3200,), 0.0, 10)
    exact = plain_sample(arithmetic_clip, cut, in_half=False)["video"]
    assert exact.dtype == torch.float32
    rounded = plain_sample(arithmetic_clip, cut)["video"].float()
    assert 0 < (exact - rounded).abs().max() < 5e-4


@pytest.mark.parametrize("apart", [False, True])
def test_without_augmentation_only_the_square_is_drawn(arithmetic_clip: Clip, apart: bool) -> None:
    cut = Cut((5, 13), (3200, 8320), 0.0, 10)
    rng = np.random.default_rng(0)
    sample = augmented_sample(rng, arithmetic_clip, cut, NOTHING, apart=apart)
    plain = plain_sample(arithmetic_clip, cut)
    torch.testing.assert_close(sample["mel"], plain["mel"], rtol=0, atol=0)
    assert not torch.equal(sample["video"], plain["video"])
    # Both segments show the eight frames that they share, in the same square.
    torch.testing.assert_close(sample["video"][0, 8:], sample["video"][1, :8], rtol=0, atol=0)


def test_segments_apart_are_mirrored_each_by_itself(arithmetic_clip: Clip) -> None:
    cut = draw_contrastive(np.random.default_rng(1), 200, 8)
    always, never = (Augmentation(flip=flip) for flip in (1.0, 0.0))
    mirrored, straight, some = (
        augmented_sample(np.random.default_rng(2), arithmetic_clip, cut, one, apart=True)["video"]
        for one in (always, never, Augmentation(flip=0.5))
    )
    torch.testing.assert_close(mirrored, straight.flip(-1), rtol=0, atol=0)
    are_mirrored = [torch.equal(a, b) for a, b in zip(some, mirrored, strict=True)]
    are_straight = [torch.equal(a, b) for a, b in zip(some, straight, strict=True)]
    assert [not one for one in are_mirrored] == are_straight
    assert 0 < sum(are_mirrored) < 8


def test_a_window_is_mirrored_as_a_whole(arithmetic_clip: Clip) -> None:
    cut = fixed_sync(200, 0.0, 0.0)
    one = Augmentation(flip=0.5)
    for seed in range(4):
        rng = np.random.default_rng(seed)
        video = augmented_sample(rng, arithmetic_clip, cut, one, apart=False)["video"]
        torch.testing.assert_close(video[0, 8:], video[1, :8], rtol=0, atol=0)
