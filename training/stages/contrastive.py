"""Stage 1: training the towers to match video and audio segments.

Source: Iashin et al. (2024), as in github.com/v-iashin/Synchformer at b66668a. Reimplemented, with
the parameter names of the published checkpoints.
"""

from dataclasses import dataclass

import torch
from einops import rearrange
from torch import nn
from torch.distributed.nn.functional import all_gather
from torch.nn import functional as F

from core.model.synchformer.audio_tower import AudioTower
from core.model.synchformer.dimensions import WIDTH
from core.model.synchformer.synchformer import segment_embeddings
from core.model.synchformer.visual_tower import VisualTower
from training.aliases import Metrics, Tensors
from training.data.samples import Samples
from training.loop.distributed import gather_rows
from training.loop.run_log import Show
from training.metrics.plots import similarity_figure
from training.stages.rank_share import SampledTask, Share, own_questions

START_TEMPERATURE = 0.07
TEMPERATURE_RANGE = (0.001, 0.5)

N_SHOWN = 8

_KINDS = {"v": "video", "a": "audio"}

Similarities = dict[str, torch.Tensor]

VALIDATION_WINDOW_SEGMENTS = 8
"""Length of the runs of segments compared in validations."""


class ContrastiveModel(nn.Module):
    """Both towers and the temperature of their comparison.

    Args:
        width: Width of the tokens, a multiple of 12.
        depth: Blocks of each tower.
        stochastic_depth: Drop rate of the last visual block while training.
    """

    def __init__(
        self, *, width: int = WIDTH, depth: int = 12, stochastic_depth: float = 0.2
    ) -> None:
        super().__init__()
        self.v_encoder = VisualTower(width=width, depth=depth, stochastic_depth=stochastic_depth)
        self.a_encoder = AudioTower(width=width, depth=depth)
        # Named a scale in the published files, but similarities are divided by it.
        self.logit_scale = nn.Parameter(torch.tensor(START_TEMPERATURE))

    def forward(self, video: torch.Tensor, mel: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed each segment by itself.

        Args:
            video: (B, S, 16, 3, 224, 224) from `core.model.synchformer.inputs.video_input`.
            mel: (B, S, 1, 128, 66) from `core.model.synchformer.inputs.audio_input`.

        Returns:
            Visual and audio unit vectors, (B, S, D) float32 each.
        """
        with torch.no_grad():
            self.logit_scale.clamp_(*TEMPERATURE_RANGE)
        n_clips = len(video)
        dtype = self.v_encoder.cls_token.dtype
        visual = self.v_encoder(rearrange(video, "b s t c h w -> (b s) t c h w").to(dtype))
        audio = self.a_encoder(rearrange(mel, "b s c f t -> (b s) c f t").to(dtype))
        pattern = "(b s) d -> b s d"
        return (
            rearrange(segment_embeddings(visual.float()), pattern, b=n_clips),
            rearrange(segment_embeddings(audio.float()), pattern, b=n_clips),
        )


def contrastive_loss(
    visual: torch.Tensor,
    audio: torch.Tensor,
    temperature: torch.Tensor,
    *,
    gather_negatives: bool = False,
) -> torch.Tensor:
    """Classify the audio of each segment among all others, and vice versa (InfoNCE).

    Args:
        visual: (N, D) unit vectors of all segments of the batch.
        audio: (N, D) unit vectors of the same segments.
        temperature: () divisor of the similarities.
        gather_negatives: Compare with the segments of all ranks, not only of this one, for the
            same loss as on one rank with all clips; the published training does not.

    Returns:
        () mean of both directions.
    """
    all_visual, all_audio, first = visual, audio, 0
    if gather_negatives and torch.distributed.is_initialized():
        all_visual, all_audio = (
            torch.cat(all_gather(x))  # type: ignore[no-untyped-call]
            for x in (visual, audio)
        )
        first = len(visual) * torch.distributed.get_rank()
    own = torch.arange(first, first + len(visual), device=visual.device)
    seen = F.cross_entropy(visual @ all_audio.T / temperature, own)
    heard = F.cross_entropy(audio @ all_visual.T / temperature, own)
    return (seen + heard) / 2


class ContrastiveTask(SampledTask):
    """Matching of video and audio segments; validations match runs of segments.

    Args:
        train: As in `SampledTask`.
        validation: As in `SampledTask`.
        share: As in `SampledTask`.
        n_workers: As in `SampledTask`.
        gather_negatives: As in `contrastive_loss`.
    """

    def __init__(
        self,
        train: Samples,
        validation: Samples,
        share: Share,
        *,
        n_workers: int = 0,
        gather_negatives: bool = False,
    ) -> None:
        super().__init__(train, validation, share, n_workers=n_workers)
        self._gather_negatives = gather_negatives

    def loss(self, network: nn.Module, batch: Tensors) -> tuple[torch.Tensor, Metrics]:
        """Contrastive loss over all segments of the batch."""
        visual, audio = network(batch["video"], batch["mel"])
        temperature = network.get_parameter("logit_scale")
        loss = contrastive_loss(
            visual.flatten(0, 1),
            audio.flatten(0, 1),
            temperature,
            gather_negatives=self._gather_negatives,
        )
        return loss, {"temperature": float(temperature.detach())}

    @torch.no_grad()
    def validate(self, network: nn.Module, show: Show | None = None) -> Metrics:
        """Compare windows and segments within each clip; the metrics are of all ranks together.

        Args:
            network: A `ContrastiveModel`.
            show: Gets figures of the `similarities` within this rank's first clips.
        """
        network.eval()
        device = next(network.parameters()).device
        precisions, losses, shown = [], [], list[Similarities]()
        for batch in own_questions(self.validation_batches()):
            visual, audio = network(batch["video"].to(device), batch["mel"].to(device))
            precisions.append(compare_windows(visual, audio).precision.cpu())
            temperature = network.get_parameter("logit_scale")
            for seen, heard in zip(visual, audio, strict=True):
                losses.append(contrastive_loss(seen, heard, temperature).cpu())
                if len(shown) < N_SHOWN:
                    shown.append(similarities(seen.cpu(), heard.cpu()))
        if show is not None and shown:
            for name in shown[0]:
                matrices = [of_clip[name] for of_clip in shown]
                titles = [f"clip {number}" for number in range(len(shown))]
                rows, columns = (_KINDS[letter] for letter in name.split("2"))
                figure = similarity_figure(matrices, titles, rows=rows, columns=columns)
                show(f"similarity-{name}", figure)
        found = (torch.cat(precisions), torch.stack(losses)) if losses else 2 * (torch.zeros(0),)
        precision, loss = map(gather_rows, found)
        return {"precision": float(precision.mean()), "loss": float(loss.mean())}


def similarities(visual: torch.Tensor, audio: torch.Tensor) -> Similarities:
    """Compare the segments of a clip with each other.

    Args:
        visual: (S, D) unit vectors.
        audio: (S, D) of the same segments.

    Returns:
        (S, S) by name: v2a has a row for each visual segment and a column for each audio segment,
        a2v the other way round, v2v and a2a compare the segments of one kind.
    """
    across = visual @ audio.T
    return {"v2a": across, "a2v": across.T, "v2v": visual @ visual.T, "a2a": audio @ audio.T}


@dataclass(frozen=True, slots=True, eq=False)
class ShiftedWindows:
    """Most similar window of the other kind for every window of a clip.

    Attributes:
        audio_of_visual: (B, W) index of the audio window for each visual window.
        visual_of_audio: (B, W) index of the visual window for each audio window.
        precision: (B,) share of windows matched with their own, mean of both directions.
    """

    audio_of_visual: torch.Tensor
    visual_of_audio: torch.Tensor
    precision: torch.Tensor


def compare_windows(
    visual: torch.Tensor, audio: torch.Tensor, window: int = VALIDATION_WINDOW_SEGMENTS
) -> ShiftedWindows:
    """Match each run of segments with all runs of the same clip, without training for runs.

    Args:
        visual: (B, S, D) unit vectors of segments without overlap.
        audio: (B, S, D) unit vectors of the same segments.
        window: Segments in a run; runs begin at every segment.

    Raises:
        ValueError: The clips have fewer segments than a run.
    """
    if visual.shape[1] < window:
        raise ValueError(f"expected at least {window} segments, got {visual.shape[1]}")
    runs_of_visual, runs_of_audio = (
        rearrange(x.unfold(1, window, 1), "b w d s -> b w (s d)") for x in (visual, audio)
    )
    similarity = runs_of_audio @ runs_of_visual.transpose(1, 2)  # (B, W audio, W visual)
    own = torch.arange(similarity.shape[-1], device=visual.device)
    audio_of_visual, visual_of_audio = similarity.argmax(dim=1), similarity.argmax(dim=2)
    hits = torch.stack([audio_of_visual == own, visual_of_audio == own]).float()  # (2, B, W)
    return ShiftedWindows(audio_of_visual, visual_of_audio, hits.mean(dim=(0, 2)))
