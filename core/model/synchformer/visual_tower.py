"""The visual tower: Motionformer with divided space-time attention, and a spatial aggregator.

Sources: the trunk of Patrick et al. (2021) in its TimeSformer-like form (Bertasius et al., 2021)
and the aggregator of Iashin et al. (2024), as in github.com/v-iashin/Synchformer at b66668a.
Written anew; parameter names are those of the published checkpoints.
"""

from typing import Literal

import torch
from einops import rearrange, repeat
from torch import nn
from torch.nn import functional as F

from core.model.synchformer.attention import ClassAggregator, StochasticDepth
from core.model.synchformer.dimensions import FRAME_SIDE_PX, SEGMENT_FRAMES, VISUAL_STEPS, WIDTH

PATCH_PX = 16
LAYER_NORM_EPS = 1e-6

# Tokens attended to besides the class token: the same patch over time, or the same time step.
_GROUPS = {
    "time": ("b h (t p) d -> (b p) h t d", "(b p) h t d -> b (t p) (h d)"),
    "space": ("b h (t p) d -> (b t) h p d", "(b t) h p d -> b (t p) (h d)"),
}


class DividedAttention(nn.Module):
    """Attention within groups of patches; the class token attends to all and is attended by all."""

    def __init__(self, axis: Literal["time", "space"], *, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.to_groups, self.from_groups = _GROUPS[axis]
        self.qkv = nn.Linear(width, 3 * width)
        self.proj = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Attend over (B, 1 + T*P, D) tokens, class token first, with T = 8 time steps."""
        pattern = "b n (three h d) -> three b h n d"
        q, k, v = rearrange(self.qkv(x), pattern, three=3, h=self.n_heads)
        cls = F.scaled_dot_product_attention(q[:, :, :1], k, v)  # (B, h, 1, d)
        patches = F.scaled_dot_product_attention(
            rearrange(q[:, :, 1:], self.to_groups, t=VISUAL_STEPS), self._group(k), self._group(v)
        )  # (B*groups, h, members, d)
        attended = torch.cat(
            [
                rearrange(cls, "b h n d -> b n (h d)"),
                rearrange(patches, self.from_groups, b=len(x)),
            ],
            dim=1,
        )  # (B, 1 + T*P, D)
        projected: torch.Tensor = self.proj(attended)
        return projected

    def _group(self, tokens: torch.Tensor) -> torch.Tensor:
        """Sort (B, h, 1 + T*P, d) into (B*groups, h, 1 + members, d), class token in each group."""
        patches = rearrange(tokens[:, :, 1:], self.to_groups, t=VISUAL_STEPS)
        n_groups = len(patches) // len(tokens)
        cls = repeat(tokens[:, :, :1], "b h n d -> (b groups) h n d", groups=n_groups)
        return torch.cat([cls, patches], dim=2)


class MLP(nn.Module):
    """The two-layer feed-forward part of a block."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.fc1 = nn.Linear(width, 4 * width)
        self.fc2 = nn.Linear(4 * width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        hidden: torch.Tensor = self.fc2(F.gelu(self.fc1(x)))
        return hidden


class VisualBlock(nn.Module):
    """Time attention, space attention, feed-forward; pre-norm, in this order."""

    def __init__(self, *, width: int, n_heads: int, stochastic_depth: float) -> None:
        super().__init__()
        self.norm1 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.attn = DividedAttention("space", width=width, n_heads=n_heads)
        self.timeattn = DividedAttention("time", width=width, n_heads=n_heads)
        self.norm2 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.mlp = MLP(width=width)
        self.norm3 = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        # The published training never drops the time branch.
        self.drop_path = StochasticDepth(stochastic_depth)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform (B, N, D) tokens, class token first."""
        x = x + self.timeattn(self.norm3(x))
        x = x + self.drop_path(self.attn(self.norm1(x)))
        hidden: torch.Tensor = self.drop_path(self.mlp(self.norm2(x)))
        return x + hidden


class VisualTower(nn.Module):
    """Encodes the frames of a segment as eight feature vectors.

    Args:
        width: Width of the tokens.
        depth: Number of blocks.
        n_heads: Heads of every attention.
        stochastic_depth: Drop rate of the last block during training; grows linearly from 0.
    """

    def __init__(
        self,
        *,
        width: int = WIDTH,
        depth: int = 12,
        n_heads: int = 12,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        n_patches = (FRAME_SIDE_PX // PATCH_PX) ** 2
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.pos_embed = nn.Parameter(0.02 * torch.randn(1, 1 + n_patches, width))
        self.temp_embed = nn.Parameter(0.02 * torch.randn(1, VISUAL_STEPS, width))
        # Published checkpoints carry an unused embedding of single images.
        self.patch_embed = nn.ModuleDict({"proj": nn.Conv2d(3, width, PATCH_PX, PATCH_PX)})
        self.patch_embed.requires_grad_(False)
        tubelet = (SEGMENT_FRAMES // VISUAL_STEPS, PATCH_PX, PATCH_PX)
        self.patch_embed_3d = nn.ModuleDict({"proj": nn.Conv3d(3, width, tubelet, tubelet)})
        self.blocks = nn.ModuleList(
            VisualBlock(width=width, n_heads=n_heads, stochastic_depth=stochastic_depth * share)
            for share in (i / max(1, depth - 1) for i in range(depth))
        )
        self.norm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.spatial_attn_agg = ClassAggregator(width=width, n_heads=n_heads)

    def forward(self, video: torch.Tensor) -> torch.Tensor:
        """Encode segments.

        Args:
            video: (B, 16, 3, 224, 224), normalised, in the type of the weights.

        Returns:
            (B, 8, D)
        """
        x = self._embed(video)  # (B, 1 + T*P, D)
        for block in self.blocks:
            x = block(x)
        patches = rearrange(self.norm(x[:, 1:]), "b (t p) d -> (b t) p d", t=VISUAL_STEPS)
        features: torch.Tensor = self.spatial_attn_agg(patches)  # (B*T, D)
        return rearrange(features, "(b t) d -> b t d", t=VISUAL_STEPS)

    def _embed(self, video: torch.Tensor) -> torch.Tensor:
        tubelets = self.patch_embed_3d["proj"](rearrange(video, "b t c h w -> b c t h w"))
        positions = self.pos_embed[:, None, 1:] + self.temp_embed[:, :, None]  # (1, T, P, D)
        patches = rearrange(tubelets, "b d t h w -> b t (h w) d") + positions
        cls = (self.cls_token + self.pos_embed[:, :1]).expand(len(video), -1, -1)
        return torch.cat([cls, rearrange(patches, "b t p d -> b (t p) d")], dim=1)
