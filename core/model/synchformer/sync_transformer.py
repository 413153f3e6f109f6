"""The synchronization module: a small transformer over the features of both towers.

Source: Iashin et al. (2024), as in github.com/v-iashin/Synchformer at b66668a. Written anew;
parameter names are those of the published checkpoints.
"""

from typing import Literal

import torch
from torch import nn

from core.model.synchformer.attention import attend
from core.model.synchformer.dimensions import (
    AUDIO_STEPS,
    SYNC_SEGMENTS,
    VISUAL_STEPS,
    WIDTH,
    WINDOW_SEGMENTS,
)
from core.model.synchformer.offset_classes import N_CLASSES

Head = Literal["sync", "synchability"]
"""Task of the head: offset (21 classes) or synchronizability (2 classes)."""


class FusionAttention(nn.Module):
    """Attention with separate projections."""

    def __init__(self, *, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.dropout = dropout
        self.key = nn.Linear(width, width)
        self.query = nn.Linear(width, width)
        self.value = nn.Linear(width, width)
        self.proj = nn.Linear(width, width)
        self.proj_drop = nn.Dropout(dropout)

    def forward(self, query: torch.Tensor, context: torch.Tensor) -> torch.Tensor:
        """Attend from (B, N, D) query tokens to (B, M, D) context tokens; returns (B, N, D)."""
        dropout = self.dropout if self.training else 0.0
        q, k, v = self.query(query), self.key(context), self.value(context)
        attended = attend(q, k, v, self.n_heads, dropout)
        projected: torch.Tensor = self.proj_drop(self.proj(attended))
        return projected


class FusionBlock(nn.Module):
    """A pre-norm transformer block."""

    def __init__(self, *, width: int, n_heads: int, dropout: float) -> None:
        super().__init__()
        self.ln1 = nn.LayerNorm(width)
        self.ln2 = nn.LayerNorm(width)
        self.attn = FusionAttention(width=width, n_heads=n_heads, dropout=dropout)
        self.mlp = nn.Sequential(
            nn.Linear(width, 4 * width),
            nn.GELU(),
            nn.Linear(4 * width, width),
            nn.Dropout(dropout),
        )

    def forward(self, x: torch.Tensor, n_rows: int | None = None) -> torch.Tensor:
        """Transform (B, N, D) tokens; with `n_rows`, compute the first rows only."""
        context = self.ln1(x)
        x = x[:, :n_rows] + self.attn(context[:, :n_rows], context)
        hidden: torch.Tensor = self.mlp(self.ln2(x))
        return x + hidden


class _Positions(nn.Module):
    def __init__(self, n_tokens: int, *, width: int) -> None:
        super().__init__()
        self.pos_emb = nn.Parameter(torch.randn(1, n_tokens, width))


class FusionTransformer(nn.Module):
    """Classifies a window from projected features.

    Args:
        head: Task of the head; determines the numbers of segments and classes.
        width: Width of the tokens.
        depth: Number of blocks.
        n_heads: Heads of every attention.
        dropout: Drop rate of tokens, attention weights and branches during training.
    """

    def __init__(
        self,
        head: Head,
        *,
        width: int = WIDTH,
        depth: int = 3,
        n_heads: int = 8,
        dropout: float = 0.1,
    ) -> None:
        super().__init__()
        n_segments = WINDOW_SEGMENTS if head == "sync" else SYNC_SEGMENTS
        n_tokens = 1 + n_segments * VISUAL_STEPS + 1 + n_segments * AUDIO_STEPS
        self.vis_in_lnorm = nn.LayerNorm(width)
        self.aud_in_lnorm = nn.LayerNorm(width)
        self.pos_emb_cfg = _Positions(n_tokens, width=width)
        self.drop = nn.Dropout(dropout)
        self.blocks = nn.ModuleList(
            FusionBlock(width=width, n_heads=n_heads, dropout=dropout) for _ in range(depth)
        )
        self.ln_f = nn.LayerNorm(width)
        # The published checkpoints name the two heads differently.
        if head == "sync":
            self.off_head = nn.Linear(width, N_CLASSES)
        else:
            self.sync_head = nn.Linear(width, 2)
        self.head = head
        self.apply(_initialize)
        self.OFF_tok = nn.Parameter(torch.randn(1, 1, width))
        self.MOD_tok = nn.Parameter(torch.randn(1, 1, width))

    def forward(self, visual: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        """Classify windows.

        Args:
            visual: (B, S*8, D) visual tokens, segment-major.
            audio: (B, S*6, D) audio tokens, segment-major.

        Returns:
            (B, K) logits.

        Raises:
            ValueError: The number of tokens does not match the head.
        """
        n_batch = len(visual)
        tokens = torch.cat(
            [
                self.OFF_tok.expand(n_batch, -1, -1),
                self.vis_in_lnorm(visual),
                self.MOD_tok.expand(n_batch, -1, -1),
                self.aud_in_lnorm(audio),
            ],
            dim=1,
        )  # (B, N, D)
        positions = self.pos_emb_cfg.pos_emb
        if tokens.shape[1] != positions.shape[1]:
            raise ValueError(f"expected {positions.shape[1]} tokens, got {tokens.shape[1]}")
        x = self.drop(tokens + positions)
        for block in self.blocks[:-1]:
            x = block(x)
        # The answer is read off the first token, so the last block needs no other row.
        answer = self.ln_f(self.blocks[-1](x, n_rows=1))[:, 0]  # (B, D)
        logits: torch.Tensor = (self.off_head if self.head == "sync" else self.sync_head)(answer)
        return logits


def _initialize(module: nn.Module) -> None:
    if isinstance(module, nn.Linear):
        nn.init.normal_(module.weight, std=0.02)
        nn.init.zeros_(module.bias)
