"""Synchformer: two towers, two projections and the synchronization module (Iashin et al., 2024)."""

import torch
from einops import rearrange
from torch import nn
from torch.nn import functional as F

from core.model.synchformer.audio_tower import AudioTower
from core.model.synchformer.dimensions import WIDTH
from core.model.synchformer.sync_transformer import FusionTransformer, Head
from core.model.synchformer.visual_tower import VisualTower


class Synchformer(nn.Module):
    """Classifies the offset of a window, or its synchronizability.

    The towers may have weights of a reduced type. Features are float32, and everything after the
    towers runs in float32. Parameter names are those of the published checkpoints.

    Args:
        head: "sync" for the offset, "synchability" for the presence of a measurable offset.
        width: Width of the tokens, a multiple of 24.
        depth: Blocks of each tower.
        dropout: Drop rate of the synchronization module during training.
        stochastic_depth: Drop rate of the last visual block during training.
    """

    def __init__(
        self,
        *,
        head: Head = "sync",
        width: int = WIDTH,
        depth: int = 12,
        dropout: float = 0.1,
        stochastic_depth: float = 0.0,
    ) -> None:
        super().__init__()
        self.vfeat_extractor = VisualTower(
            width=width, depth=depth, stochastic_depth=stochastic_depth
        )
        self.afeat_extractor = AudioTower(width=width, depth=depth)
        self.vproj = nn.Linear(width, width)
        self.aproj = nn.Linear(width, width)
        self.transformer = FusionTransformer(head, width=width, dropout=dropout)

    def encode_video(self, video: torch.Tensor) -> torch.Tensor:
        """Encode segments independently.

        Args:
            video: (B, S, 16, 3, 224, 224) from `inputs.video_input`.

        Returns:
            (B, S, 8, D) float32
        """
        segments = rearrange(video, "b s t c h w -> (b s) t c h w")
        features: torch.Tensor = self.vfeat_extractor(
            segments.to(self.vfeat_extractor.cls_token.dtype)
        )
        return rearrange(features.float(), "(b s) t d -> b s t d", b=len(video))

    def encode_audio(self, mel: torch.Tensor) -> torch.Tensor:
        """Encode segments independently.

        Args:
            mel: (B, S, 1, 128, 66) from `inputs.audio_input`.

        Returns:
            (B, S, 6, D) float32
        """
        segments = rearrange(mel, "b s c f t -> (b s) c f t")
        features: torch.Tensor = self.afeat_extractor(
            segments.to(self.vfeat_extractor.cls_token.dtype)
        )
        return rearrange(features.float(), "(b s) t d -> b s t d", b=len(mel))

    def fuse(self, visual: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
        """Classify a window from its visual and audio features.

        Args:
            visual: (B, S, 8, D) float32, with S = 14 for "sync" and 13 for "synchability".
            audio: (B, S, 6, D) float32.

        Returns:
            Logits: (B, 21) over `offset_classes.OFFSET_GRID_S`, or (B, 2) with index 1 for a
            measurable offset.
        """
        logits: torch.Tensor = self.transformer(
            rearrange(self.vproj(visual), "b s t d -> b (s t) d"),
            rearrange(self.aproj(audio), "b s t d -> b (s t) d"),
        )
        return logits

    def forward(self, video: torch.Tensor, mel: torch.Tensor) -> torch.Tensor:
        """Encode and classify a window; arguments and logits as for the methods above."""
        return self.fuse(self.encode_video(video), self.encode_audio(mel))


def segment_embeddings(features: torch.Tensor) -> torch.Tensor:
    """Reduce (..., T, D) features to the (..., D) unit vectors of contrastive training."""
    return F.normalize(features.mean(dim=-2), dim=-1)
