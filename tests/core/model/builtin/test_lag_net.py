from collections.abc import Callable

import pytest
import torch

from core.model.builtin.inputs import MEL_BANDS
from core.model.builtin.lag_net import (
    CELL_PX,
    LEAD_FRAMES,
    N_MOTIONS,
    N_SIGNALS,
    EncodedAudio,
    EncodedVideo,
    LagNet,
    LagSizes,
)

SIZES = LagSizes(4, 8, 8, 2, 4, 8, 8, 16)
N_FRAMES = 6
REACH = 60
N_TOKENS = 2 * (N_FRAMES - 1) + 1 + 2 * REACH


@pytest.fixture
def network() -> LagNet:
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(3)
        return LagNet(SIZES).eval().requires_grad_(requires_grad=False)


@pytest.fixture
def noise() -> Callable[..., torch.Tensor]:
    generator = torch.Generator().manual_seed(4)
    return lambda *shape: torch.randn(*shape, generator=generator)


@pytest.fixture
def video(network: LagNet) -> EncodedVideo:
    generator = torch.Generator().manual_seed(5)
    size = (1, N_FRAMES + LEAD_FRAMES, 64, 96)
    return network.encode_video(torch.randint(0, 256, size, dtype=torch.uint8, generator=generator))


def _audio_part(first: int, end: int) -> torch.Tensor:
    has_audio = torch.zeros(1, N_TOKENS, dtype=torch.bool)
    has_audio[:, first:end] = True
    return has_audio


def _curve(
    network: LagNet, video: EncodedVideo, mel: torch.Tensor, has_audio: torch.Tensor
) -> torch.Tensor:
    has_video = torch.ones(1, N_FRAMES, dtype=torch.bool)
    return network.compare(video, network.encode_audio(mel, has_audio), has_video, has_audio)


def test_there_are_cells_of_every_scale_for_every_change(
    network: LagNet, video: EncodedVideo
) -> None:
    n_fine = (64 // CELL_PX) * (96 // CELL_PX)
    n_cells = n_fine + n_fine // 4 + n_fine // 16 + 1
    assert video.features.shape[:3] == (1, N_FRAMES, SIZES.cell_width)
    assert video.features.shape[3] == video.motion.shape[3] == len(video.scales)
    assert video.motion.shape[2] == N_MOTIONS
    assert len(video.scales) == n_cells
    assert video.scales.unique().tolist() == [0, 1, 2, 3]


def test_still_frame_has_no_motion(network: LagNet) -> None:
    still = torch.full((1, 4, 64, 64), 90, dtype=torch.uint8)
    assert not network.encode_video(still).motion.any()


def test_motion_is_where_the_frame_changes(network: LagNet) -> None:
    grey = torch.full((1, 5, 64, 64), 90, dtype=torch.uint8)
    grey[0, 3:, 8:16, 24:32] = 200
    video = network.encode_video(grey)
    change, jolt = video.motion[0, :, :, video.scales == 0].reshape(3, 2, 8, 8).unbind(1)
    assert [video.any().item() for video in change] == [False, True, False]
    # A motion that starts and stops has two jolts.
    assert [video.any().item() for video in jolt] == [False, True, True]
    assert change[1].nonzero().tolist() == jolt[2].nonzero().tolist() == [[1, 3]]


def test_sound_gives_a_token_every_20_ms(
    network: LagNet, noise: Callable[..., torch.Tensor]
) -> None:
    audio = network.encode_audio(noise(2, MEL_BANDS, 30), torch.ones(2, 15, dtype=torch.bool))
    assert audio.tokens.shape == (2, 15, SIZES.heads * SIZES.head_width)
    assert audio.signals.shape == (2, 15, N_SIGNALS)


def test_curve_has_a_logit_for_every_lag(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    curve = _curve(network, video, mel, _audio_part(0, N_TOKENS))
    assert curve.shape == (1, 2 * REACH + 1)
    assert curve.isfinite().all()


@pytest.mark.parametrize("later", [1, 4, -7])
def test_moving_the_sound_moves_the_curve(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor], later: int
) -> None:
    mel = torch.zeros(1, MEL_BANDS, 2 * N_TOKENS)
    mel[..., 110:150] = noise(1, MEL_BANDS, 40)
    moved = mel.roll(2 * later, dims=2)
    curve = _curve(network, video, mel, _audio_part(50, 80))[0]
    other = _curve(network, video, moved, _audio_part(50 + later, 80 + later))[0]
    # Later sound is less early, so the curve goes down; its ends are those of the axis.
    inner = slice(20, -20)
    torch.testing.assert_close(other.roll(later)[inner], curve[inner], rtol=1e-4, atol=1e-4)
    assert curve[inner].std() > 1e-4


def test_sound_that_is_not_there_has_no_influence(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    has_audio = _audio_part(30, 100)
    other = mel.clone()
    other[..., :60], other[..., 200:] = 5.0, -5.0
    torch.testing.assert_close(
        _curve(network, video, other, has_audio),
        _curve(network, video, mel, has_audio),
        rtol=1e-4,
        atol=1e-4,
    )


def test_missing_frames_have_no_influence(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor]
) -> None:
    has_audio = _audio_part(0, N_TOKENS)
    audio = network.encode_audio(noise(1, MEL_BANDS, 2 * N_TOKENS), has_audio)
    has_video = torch.ones(1, N_FRAMES, dtype=torch.bool)
    has_video[:, 4:] = False
    features, motion = video.features.clone(), video.motion.clone()
    features[:, 4:], motion[:, 4:] = 9.0, 3.0
    other = EncodedVideo(features, motion, video.scales)
    torch.testing.assert_close(
        network.compare(other, audio, has_video, has_audio),
        network.compare(video, audio, has_video, has_audio),
        rtol=1e-4,
        atol=1e-4,
    )


def test_without_any_sound_the_curve_is_flat_and_finite(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    curve = _curve(network, video, mel, torch.zeros(1, N_TOKENS, dtype=torch.bool))[0]
    assert curve.isfinite().all()
    # The convolutions over lags see the ends of the axis.
    assert curve[10:-10].std() < 1e-5


def test_places_of_the_cells_do_not_matter(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    has_audio = _audio_part(0, N_TOKENS)
    order = torch.randperm(len(video.scales), generator=torch.Generator().manual_seed(6))
    permuted = EncodedVideo(
        video.features[..., order], video.motion[..., order], video.scales[order]
    )
    torch.testing.assert_close(
        _curve(network, permuted, mel, has_audio),
        _curve(network, video, mel, has_audio),
        rtol=1e-4,
        atol=1e-4,
    )


def test_clips_of_a_batch_do_not_meet(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(2, MEL_BANDS, 2 * N_TOKENS)
    has_audio = _audio_part(0, N_TOKENS).expand(2, -1)
    twice = EncodedVideo(
        video.features.repeat(2, 1, 1, 1), video.motion.repeat(2, 1, 1, 1), video.scales
    )
    audio: EncodedAudio = network.encode_audio(mel, has_audio)
    has_video = torch.ones(2, N_FRAMES, dtype=torch.bool)
    together = network.compare(twice, audio, has_video, has_audio)
    for i in range(2):
        alone = _curve(network, video, mel[i : i + 1], has_audio[:1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-4)


def test_every_weight_is_used(
    network: LagNet, video: EncodedVideo, noise: Callable[..., torch.Tensor]
) -> None:
    network.requires_grad_(requires_grad=True)
    grey = (noise(1, N_FRAMES + LEAD_FRAMES, 64, 96) * 40 + 128).clamp(0, 255).to(torch.uint8)
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    curve = _curve(network, network.encode_video(grey), mel, _audio_part(0, N_TOKENS))
    curve.logsumexp(dim=1).sum().backward()
    unused = [name for name, value in network.named_parameters() if value.grad is None]
    assert unused == []
