from collections.abc import Callable

import pytest
import torch

from core.model.builtin.inputs import MEL_BANDS
from core.model.builtin.lag_net import (
    CELL_PX,
    LEAD_FRAMES,
    N_MOTIONS,
    N_SIGNALS,
    Heard,
    LagNet,
    LagSizes,
    Seen,
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
def seen(network: LagNet) -> Seen:
    generator = torch.Generator().manual_seed(5)
    size = (1, N_FRAMES + LEAD_FRAMES, 64, 96)
    return network.encode_video(torch.randint(0, 256, size, dtype=torch.uint8, generator=generator))


def _heard_part(first: int, end: int) -> torch.Tensor:
    is_heard = torch.zeros(1, N_TOKENS, dtype=torch.bool)
    is_heard[:, first:end] = True
    return is_heard


def _curve(network: LagNet, seen: Seen, mel: torch.Tensor, is_heard: torch.Tensor) -> torch.Tensor:
    is_seen = torch.ones(1, N_FRAMES, dtype=torch.bool)
    return network.compare(seen, network.encode_audio(mel, is_heard), is_seen, is_heard)


def test_there_are_cells_of_every_scale_for_every_change(network: LagNet, seen: Seen) -> None:
    n_fine = (64 // CELL_PX) * (96 // CELL_PX)
    n_cells = n_fine + n_fine // 4 + n_fine // 16 + 1
    assert seen.features.shape[:3] == (1, N_FRAMES, SIZES.cell_width)
    assert seen.features.shape[3] == seen.motion.shape[3] == len(seen.scales)
    assert seen.motion.shape[2] == N_MOTIONS
    assert len(seen.scales) == n_cells
    assert seen.scales.unique().tolist() == [0, 1, 2, 3]


def test_still_picture_has_no_motion(network: LagNet) -> None:
    still = torch.full((1, 4, 64, 64), 90, dtype=torch.uint8)
    assert not network.encode_video(still).motion.any()


def test_motion_is_where_the_picture_changes(network: LagNet) -> None:
    grey = torch.full((1, 5, 64, 64), 90, dtype=torch.uint8)
    grey[0, 3:, 8:16, 24:32] = 200
    seen = network.encode_video(grey)
    change, jolt = seen.motion[0, :, :, seen.scales == 0].reshape(3, 2, 8, 8).unbind(1)
    assert [video.any().item() for video in change] == [False, True, False]
    # A motion that starts and stops has two jolts.
    assert [video.any().item() for video in jolt] == [False, True, True]
    assert change[1].nonzero().tolist() == jolt[2].nonzero().tolist() == [[1, 3]]


def test_sound_gives_a_token_every_20_ms(
    network: LagNet, noise: Callable[..., torch.Tensor]
) -> None:
    heard = network.encode_audio(noise(2, MEL_BANDS, 30), torch.ones(2, 15, dtype=torch.bool))
    assert heard.tokens.shape == (2, 15, SIZES.heads * SIZES.head_width)
    assert heard.signals.shape == (2, 15, N_SIGNALS)


def test_curve_has_a_logit_for_every_lag(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    curve = _curve(network, seen, mel, _heard_part(0, N_TOKENS))
    assert curve.shape == (1, 2 * REACH + 1)
    assert curve.isfinite().all()


@pytest.mark.parametrize("later", [1, 4, -7])
def test_moving_the_sound_moves_the_curve(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor], later: int
) -> None:
    mel = torch.zeros(1, MEL_BANDS, 2 * N_TOKENS)
    mel[..., 110:150] = noise(1, MEL_BANDS, 40)
    moved = mel.roll(2 * later, dims=2)
    curve = _curve(network, seen, mel, _heard_part(50, 80))[0]
    other = _curve(network, seen, moved, _heard_part(50 + later, 80 + later))[0]
    # Later sound is less early, so the curve goes down; its ends are those of the axis.
    inner = slice(20, -20)
    torch.testing.assert_close(other.roll(later)[inner], curve[inner], rtol=1e-4, atol=1e-4)
    assert curve[inner].std() > 1e-4


def test_sound_that_is_not_there_has_no_influence(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    is_heard = _heard_part(30, 100)
    other = mel.clone()
    other[..., :60], other[..., 200:] = 5.0, -5.0
    torch.testing.assert_close(
        _curve(network, seen, other, is_heard),
        _curve(network, seen, mel, is_heard),
        rtol=1e-4,
        atol=1e-4,
    )


def test_picture_that_is_not_there_has_no_influence(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor]
) -> None:
    is_heard = _heard_part(0, N_TOKENS)
    heard = network.encode_audio(noise(1, MEL_BANDS, 2 * N_TOKENS), is_heard)
    is_seen = torch.ones(1, N_FRAMES, dtype=torch.bool)
    is_seen[:, 4:] = False
    features, motion = seen.features.clone(), seen.motion.clone()
    features[:, 4:], motion[:, 4:] = 9.0, 3.0
    other = Seen(features, motion, seen.scales)
    torch.testing.assert_close(
        network.compare(other, heard, is_seen, is_heard),
        network.compare(seen, heard, is_seen, is_heard),
        rtol=1e-4,
        atol=1e-4,
    )


def test_without_any_sound_the_curve_is_flat_and_finite(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    curve = _curve(network, seen, mel, torch.zeros(1, N_TOKENS, dtype=torch.bool))[0]
    assert curve.isfinite().all()
    # The convolutions over lags see the ends of the axis.
    assert curve[10:-10].std() < 1e-5


def test_places_of_the_cells_do_not_matter(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    is_heard = _heard_part(0, N_TOKENS)
    order = torch.randperm(len(seen.scales), generator=torch.Generator().manual_seed(6))
    permuted = Seen(seen.features[..., order], seen.motion[..., order], seen.scales[order])
    torch.testing.assert_close(
        _curve(network, permuted, mel, is_heard),
        _curve(network, seen, mel, is_heard),
        rtol=1e-4,
        atol=1e-4,
    )


def test_clips_of_a_batch_do_not_meet(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor]
) -> None:
    mel = noise(2, MEL_BANDS, 2 * N_TOKENS)
    is_heard = _heard_part(0, N_TOKENS).expand(2, -1)
    twice = Seen(seen.features.repeat(2, 1, 1, 1), seen.motion.repeat(2, 1, 1, 1), seen.scales)
    heard: Heard = network.encode_audio(mel, is_heard)
    is_seen = torch.ones(2, N_FRAMES, dtype=torch.bool)
    together = network.compare(twice, heard, is_seen, is_heard)
    for i in range(2):
        alone = _curve(network, seen, mel[i : i + 1], is_heard[:1])
        torch.testing.assert_close(together[i : i + 1], alone, rtol=1e-4, atol=1e-4)


def test_every_weight_is_used(
    network: LagNet, seen: Seen, noise: Callable[..., torch.Tensor]
) -> None:
    network.requires_grad_(requires_grad=True)
    grey = (noise(1, N_FRAMES + LEAD_FRAMES, 64, 96) * 40 + 128).clamp(0, 255).to(torch.uint8)
    mel = noise(1, MEL_BANDS, 2 * N_TOKENS)
    curve = _curve(network, network.encode_video(grey), mel, _heard_part(0, N_TOKENS))
    curve.logsumexp(dim=1).sum().backward()
    unused = [name for name, value in network.named_parameters() if value.grad is None]
    assert unused == []
