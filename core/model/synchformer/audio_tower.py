"""The audio tower: an audio spectrogram transformer, and an aggregator over frequency.

Sources: AST of Gong et al. (2021) with the parameter names of its Hugging Face port, and the
aggregator of Iashin et al. (2024), as in github.com/v-iashin/Synchformer at b66668a. Written anew.
"""

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F

from core.model.synchformer.attention import ClassAggregator, attend
from core.model.synchformer.dimensions import AUDIO_STEPS, MEL_BANDS, WIDTH

PATCH = 16
STRIDE = 10
LAYER_NORM_EPS = 1e-12

N_BANDS = (MEL_BANDS - PATCH) // STRIDE + 1
"""Frequency patches per time step: 12."""


class _Patches(nn.Module):
    def __init__(self, *, width: int) -> None:
        super().__init__()
        self.projection = nn.Conv2d(1, width, PATCH, STRIDE)


class AudioEmbeddings(nn.Module):
    """Overlapping spectrogram patches, two special tokens in front, positions added."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        n_tokens = 2 + N_BANDS * AUDIO_STEPS
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.distillation_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position_embeddings = nn.Parameter(0.02 * torch.randn(1, n_tokens, width))
        self.patch_embeddings = _Patches(width=width)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Embed (B, 1, 128, 66) spectrograms as (B, 2 + F*T, D) tokens, frequency-major."""
        patches = rearrange(self.patch_embeddings.projection(mel), "b d f t -> b (f t) d")
        special = torch.cat([self.cls_token, self.distillation_token], dim=1)
        tokens = torch.cat([special.expand(len(mel), -1, -1), patches], dim=1)
        return tokens + self.position_embeddings


class _Heads(nn.Module):
    def __init__(self, *, width: int, n_heads: int) -> None:
        super().__init__()
        self.n_heads = n_heads
        self.query = nn.Linear(width, width)
        self.key = nn.Linear(width, width)
        self.value = nn.Linear(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        return attend(self.query(x), self.key(x), self.value(x), self.n_heads)


class _Dense(nn.Module):
    def __init__(self, n_in: int, n_out: int) -> None:
        super().__init__()
        self.dense = nn.Linear(n_in, n_out)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.dense(x)
        return y


class _Attention(nn.Module):
    def __init__(self, *, width: int, n_heads: int) -> None:
        super().__init__()
        self.attention = _Heads(width=width, n_heads=n_heads)
        self.output = _Dense(width, width)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        y: torch.Tensor = self.output(self.attention(x))
        return y


class AudioLayer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, *, width: int, n_heads: int) -> None:
        super().__init__()
        self.attention = _Attention(width=width, n_heads=n_heads)
        self.intermediate = _Dense(width, 4 * width)
        self.output = _Dense(4 * width, width)
        self.layernorm_before = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.layernorm_after = nn.LayerNorm(width, eps=LAYER_NORM_EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform (B, N, D) tokens."""
        x = x + self.attention(self.layernorm_before(x))
        hidden: torch.Tensor = self.output(F.gelu(self.intermediate(self.layernorm_after(x))))
        return x + hidden


class _Encoder(nn.Module):
    def __init__(self, *, width: int, depth: int, n_heads: int) -> None:
        super().__init__()
        self.layer = nn.ModuleList(AudioLayer(width=width, n_heads=n_heads) for _ in range(depth))


class SpectrogramTransformer(nn.Module):
    """The transformer trunk."""

    def __init__(self, *, width: int, depth: int, n_heads: int) -> None:
        super().__init__()
        self.embeddings = AudioEmbeddings(width=width)
        self.encoder = _Encoder(width=width, depth=depth, n_heads=n_heads)
        self.layernorm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Encode (B, 1, 128, 66) spectrograms as (B, 12*6, D) patch tokens, frequency-major."""
        x = self.embeddings(mel)  # (B, 2 + F*T, D)
        for layer in self.encoder.layer:
            x = layer(x)
        patches: torch.Tensor = self.layernorm(x[:, 2:])
        return patches


class AudioTower(nn.Module):
    """Encodes the log-mel spectrogram of a segment as six feature vectors.

    Args:
        width: Width of the tokens.
        depth: Number of transformer layers.
        n_heads: Heads of every attention.
    """

    def __init__(self, *, width: int = WIDTH, depth: int = 12, n_heads: int = 12) -> None:
        super().__init__()
        self.ast = SpectrogramTransformer(width=width, depth=depth, n_heads=n_heads)
        self.freq_attn_agg = ClassAggregator(width=width, n_heads=n_heads)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Encode segments.

        Args:
            mel: (B, 1, 128, 66), normalised log-mel, in the type of the weights.

        Returns:
            (B, 6, D)
        """
        bands = rearrange(self.ast(mel), "b (f t) d -> (b t) f d", f=N_BANDS)
        features: torch.Tensor = self.freq_attn_agg(bands)  # (B*T, D)
        return rearrange(features, "(b t) d -> b t d", t=AUDIO_STEPS)
