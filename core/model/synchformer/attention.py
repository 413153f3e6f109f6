"""Building blocks shared by the two towers and the synchronization module."""

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F


def attend(
    query: torch.Tensor, key: torch.Tensor, value: torch.Tensor, n_heads: int, dropout: float = 0.0
) -> torch.Tensor:
    """Multi-head attention of query tokens over key tokens.

    Args:
        query: (B, N, D), channels ordered (head, channel of the head).
        key: (B, M, D).
        value: (B, M, D).
        n_heads: Number of heads, a divisor of D.
        dropout: Drop rate of the attention weights, 0..1.

    Returns:
        (B, N, D), before the output projection.
    """
    q, k, v = (rearrange(t, "b n (h d) -> b h n d", h=n_heads) for t in (query, key, value))
    attended = F.scaled_dot_product_attention(q, k, v, dropout_p=dropout)
    return rearrange(attended, "b h n d -> b n (h d)")


class StochasticDepth(nn.Module):
    """Drops a residual branch for whole batch items during training (Huang et al., 2016)."""

    def __init__(self, rate: float) -> None:
        super().__init__()
        self.rate = rate

    def forward(self, branch: torch.Tensor) -> torch.Tensor:
        if not self.training or self.rate == 0:
            return branch
        shape = (branch.shape[0],) + (1,) * (branch.dim() - 1)
        kept = torch.empty(shape, dtype=branch.dtype, device=branch.device)
        return branch * kept.bernoulli_(1 - self.rate) / (1 - self.rate)


class ClassAggregator(nn.Module):
    """Aggregates tokens into one: a pre-norm encoder layer with its own class token.

    Only the class row is used, so queries and feed-forward of the other rows are not computed.
    """

    def __init__(self, *, width: int, n_heads: int) -> None:
        super().__init__()
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.self_attn = nn.MultiheadAttention(width, n_heads)
        self.linear1 = nn.Linear(width, 4 * width)
        self.linear2 = nn.Linear(4 * width, width)
        self.norm1 = nn.LayerNorm(width, eps=1e-6)
        self.norm2 = nn.LayerNorm(width, eps=1e-6)

    def forward(self, tokens: torch.Tensor) -> torch.Tensor:
        """Aggregate (B, N, D) tokens to (B, D)."""
        # Tokens come first: the attention would otherwise make a slow copy for each projection.
        cls = self.cls_token.expand(-1, len(tokens), -1)  # (1, B, D)
        normed = self.norm1(torch.cat([cls, rearrange(tokens, "b n d -> n b d")]))  # (1 + N, B, D)
        attended, _ = self.self_attn(normed[:1], normed, normed, need_weights=False)
        row: torch.Tensor = (cls + attended)[0]  # (B, D)
        hidden: torch.Tensor = self.linear2(F.gelu(self.linear1(self.norm2(row))))
        return row + hidden
