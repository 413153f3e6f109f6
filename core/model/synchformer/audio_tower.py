"""The audio tower: an audio spectrogram transformer, and an aggregator over frequency.

Sources: AST of Gong et al. (2021) with the parameter names of its Hugging Face port, and the
aggregator of Iashin et al. (2024), as in github.com/v-iashin/Synchformer at b66668a. Written anew;
containers with a single entry exist for the names of their parameters.
"""

from collections import OrderedDict

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


class AudioEmbeddings(nn.Module):
    """Overlapping spectrogram patches, two special tokens in front, positions added."""

    def __init__(self, *, width: int) -> None:
        super().__init__()
        n_tokens = 2 + N_BANDS * AUDIO_STEPS
        self.cls_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.distillation_token = nn.Parameter(0.02 * torch.randn(1, 1, width))
        self.position_embeddings = nn.Parameter(0.02 * torch.randn(1, n_tokens, width))
        self.patch_embeddings = nn.ModuleDict({"projection": nn.Conv2d(1, width, PATCH, STRIDE)})

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Embed (B, 1, 128, 66) spectrograms as (B, 2 + F*T, D) tokens, frequency-major."""
        patches = rearrange(self.patch_embeddings["projection"](mel), "b d f t -> b (f t) d")
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


def _dense(n_in: int, n_out: int) -> nn.Module:
    return nn.Sequential(OrderedDict(dense=nn.Linear(n_in, n_out)))


class AudioLayer(nn.Module):
    """A pre-norm transformer layer."""

    def __init__(self, *, width: int, n_heads: int) -> None:
        super().__init__()
        attention = {
            "attention": _Heads(width=width, n_heads=n_heads),
            "output": _dense(width, width),
        }
        self.attention = nn.Sequential(OrderedDict(attention))
        self.intermediate = _dense(width, 4 * width)
        self.output = _dense(4 * width, width)
        self.layernorm_before = nn.LayerNorm(width, eps=LAYER_NORM_EPS)
        self.layernorm_after = nn.LayerNorm(width, eps=LAYER_NORM_EPS)

    def forward(self, x: torch.Tensor) -> torch.Tensor:
        """Transform (B, N, D) tokens."""
        x = x + self.attention(self.layernorm_before(x))
        hidden: torch.Tensor = self.output(F.gelu(self.intermediate(self.layernorm_after(x))))
        return x + hidden


class SpectrogramTransformer(nn.Module):
    """The transformer trunk."""

    def __init__(self, *, width: int, depth: int, n_heads: int) -> None:
        super().__init__()
        self.embeddings = AudioEmbeddings(width=width)
        layers = nn.ModuleList(AudioLayer(width=width, n_heads=n_heads) for _ in range(depth))
        self.encoder = nn.ModuleDict({"layer": layers})
        self.layernorm = nn.LayerNorm(width, eps=LAYER_NORM_EPS)

    def forward(self, mel: torch.Tensor) -> torch.Tensor:
        """Encode (B, 1, 128, 66) spectrograms as (B, 12*6, D) patch tokens, frequency-major."""
        x = self.embeddings(mel)  # (B, 2 + F*T, D)
        for layer in self.encoder["layer"].children():
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
