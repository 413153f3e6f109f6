"""The built-in lag network: correlates the motion in cells of the frame with the audio.

Frames are cut into cells of several sizes. The motion of each cell, embedded by short convolutions
over time, is correlated with the embedded audio at every lag, and so are three classical signals. A
small network over lags turns the correlations of the most promising cells into one curve. The
network commutes with shifts, so the range of lags is free.
"""

from dataclasses import dataclass

import torch
from torch import nn
from torch.nn import functional as F

from core.model.builtin.inputs import MEL_BANDS

LAG_STEP_S = 0.02
"""Step of the lags and of the audio tokens."""

TOKENS_PER_FRAME = 2
"""Audio tokens per frame (25 fps)."""

CELL_PX = 8
"""Side of the smallest cells, in frames with a short side of 128 px."""

PATCH_PX = 4
"""Side of the square patches embedded at once."""

N_SCALES = 4
N_SIGNALS = 3
"""Classical signals of the audio: onsets, level, rise of the level."""

N_MOTIONS = 2
"""Classical signals of a cell: first and second difference of brightness over time."""

LEAD_FRAMES = 2
"""Frames needed before the first encoded frame."""

STRONGEST_SHARE = 16
"""The motion of the whole frame is the mean of the strongest 1/16 of its smallest cells."""

TREND_COLUMNS = 200
"""Slower changes of the level (in columns of 10 ms) carry no information about sync."""


@dataclass(frozen=True, slots=True)
class LagSizes:
    """Sizes of the network, stored with its weights."""

    patch_width: int = 24
    cell_width: int = 32
    token_width: int = 64
    heads: int = 8
    head_width: int = 8
    audio_width: int = 128
    curve_width: int = 32
    cells_kept: int = 64


@dataclass(frozen=True, slots=True, eq=False)
class EncodedVideo:
    """Encoded video, C being the number of cells.

    Attributes:
        features: (B, T, width, C) embedded changes of brightness.
        motion: (B, T, 2, C) classical signals.
        scales: (C,) int64 index of a cell's scale, 0 for the smallest cells.
    """

    features: torch.Tensor
    motion: torch.Tensor
    scales: torch.Tensor


@dataclass(frozen=True, slots=True, eq=False)
class EncodedAudio:
    """Encoded audio, one token every 20 ms.

    Attributes:
        tokens: (B, N, heads * head_width) embedded spectra.
        signals: (B, N, 3) classical signals.
    """

    tokens: torch.Tensor
    signals: torch.Tensor


class LagNet(nn.Module):
    """Scores the agreement of audio and video at every lag."""

    def __init__(self, sizes: LagSizes) -> None:
        super().__init__()
        self.sizes = sizes
        self.visual = VisualCells(sizes)
        self.audio = AudioTokens(sizes)
        self.scorer = CurveScorer(sizes)

    def encode_video(self, grey: torch.Tensor) -> EncodedVideo:
        """Encode the changes from frame to frame, cell by cell.

        Args:
            grey: (B, T + 2, H, W) uint8; the first two frames serve as reference of the third.
        """
        video: EncodedVideo = self.visual(grey)
        return video

    def encode_audio(self, log_mel: torch.Tensor, has_audio: torch.Tensor) -> EncodedAudio:
        """Encode audio.

        Args:
            log_mel: (B, 64, 2 N), a column every 10 ms; token k is centred on column 2 k.
            has_audio: (B, N) bool, True where the stream has audio.
        """
        audio: EncodedAudio = self.audio(log_mel, has_audio)
        return audio

    def compare(
        self,
        video: EncodedVideo,
        audio: EncodedAudio,
        has_video: torch.Tensor,
        has_audio: torch.Tensor,
    ) -> torch.Tensor:
        """Score every lag of a window.

        Args:
            video: T frames of a window.
            audio: 2 (T - 1) + 1 + 2 R tokens, from R tokens before the first frame on.
            has_video: (B, T) bool, True where the stream has video.
            has_audio: (B, N) bool, True where the stream has audio.

        Returns:
            (B, 2 R + 1) logits from lag -R to +R (positive: audio early), against 0 for
            "audio and video are unrelated".
        """
        logits: torch.Tensor = self.scorer(video, audio, has_video, has_audio)
        return logits


class VisualCells(nn.Module):
    """Encodes the change of each cell from one frame to the next.

    Only changes of brightness enter. The look of things does not carry over from the drawn training
    clips to real video; their motion does.
    """

    def __init__(self, sizes: LagSizes) -> None:
        super().__init__()
        width = sizes.cell_width
        self.patches = nn.Conv2d(3, sizes.patch_width, PATCH_PX, PATCH_PX)
        self.fine = nn.Conv2d(sizes.patch_width, width, 3, 2, 1)
        self.medium = nn.Conv2d(width, width, 3, 2, 1)
        self.coarse = nn.Conv2d(width, width, 3, 2, 1)
        self.whole = nn.Linear(2 * width, width)

    def forward(self, grey: torch.Tensor) -> EncodedVideo:
        n_batch, n_frames = grey.shape[0], grey.shape[1] - LEAD_FRAMES
        levels = grey.float()
        change = levels[:, 1:] - levels[:, :-1]
        # A thing that bounces back changes as much after the impact as before; its jolt stands out.
        jolt = (change[:, 1:] - change[:, :-1]).flatten(0, 1).abs()
        change = change[:, 1:].flatten(0, 1)  # (B T, H, W)
        size = change.abs()
        # Compresses the range: a mouth changes by a few grey levels, a hand by a hundred.
        planes = torch.stack([change / (4 + size), size / (4 + size), jolt / (4 + jolt)], dim=1)
        fine = F.relu(self.fine(F.relu(self.patches(planes))))
        medium = F.relu(self.medium(fine))
        coarse = F.relu(self.coarse(medium))
        whole = F.relu(self.whole(torch.cat([coarse.mean((2, 3)), coarse.amax((2, 3))], dim=1)))
        maps = [fine, medium, coarse, whole[..., None, None]]
        features = torch.cat([m.flatten(2) for m in maps], dim=2)  # (B T, width, C)
        motion = torch.stack([_cell_motion(size, maps), _cell_motion(jolt, maps)], dim=1)
        scales = torch.cat([torch.full((m.shape[2] * m.shape[3],), i) for i, m in enumerate(maps)])
        return EncodedVideo(
            features.reshape(n_batch, n_frames, *features.shape[1:]),
            motion.reshape(n_batch, n_frames, *motion.shape[1:]),
            scales.to(grey.device),
        )


def _cell_motion(size: torch.Tensor, maps: list[torch.Tensor]) -> torch.Tensor:
    """Compute (B T, C): root of the strongest change in each cell, averaged for larger cells."""
    cells = F.max_pool2d(F.avg_pool2d(size, 2), CELL_PX // 2, ceil_mode=True)[:, None]
    pooled = [F.adaptive_avg_pool2d(cells, (m.shape[2], m.shape[3])).flatten(1) for m in maps[:-1]]
    n_strongest = max(1, pooled[0].shape[1] // STRONGEST_SHARE)
    strongest = pooled[0].topk(n_strongest, dim=1).values.mean(1, keepdim=True)
    return torch.cat([*pooled, strongest], dim=1).sqrt()


class AudioTokens(nn.Module):
    """Convolutions over a log-mel spectrogram, halving its rate."""

    def __init__(self, sizes: LagSizes) -> None:
        super().__init__()
        self.spectral = nn.Sequential(
            nn.Conv2d(2, 16, 5, (2, 2), 2),
            nn.ReLU(),
            nn.Conv2d(16, 32, 3, (2, 1), 1),
            nn.ReLU(),
            nn.Conv2d(32, 32, 3, (2, 1), 1),
            nn.ReLU(),
        )
        self.flat = nn.Conv1d(32 * MEL_BANDS // 8, sizes.audio_width, 1)
        self.temporal = nn.Sequential(*(_TemporalBlock(sizes.audio_width) for _ in range(3)))
        self.out = nn.Linear(sizes.audio_width, sizes.heads * sizes.head_width)

    def forward(self, log_mel: torch.Tensor, has_audio: torch.Tensor) -> EncodedAudio:
        there = has_audio.repeat_interleave(2, dim=1)[:, None].float()  # (B, 1, 2 N)
        n_there = there.sum(2, keepdim=True).clamp(min=1)
        mean = (log_mel * there).sum(2, keepdim=True).mean(1, keepdim=True) / n_there
        contrast = (log_mel - mean) * there / 4
        # Borders of missing data are no onsets.
        inside = F.pad(there[..., 2:] * there[..., 1:-1] * there[..., :-2], (1, 1))
        rise = F.pad(log_mel[..., 2:] - log_mel[..., :-2], (1, 1)) * inside / 2
        features = self.spectral(torch.stack([contrast, rise], dim=1)).flatten(1, 2)
        tokens = self.out(self.temporal(self.flat(features)).transpose(1, 2))
        level = _detrended(contrast.mean(1, keepdim=True), there)
        flux = _detrended(rise.clamp(min=0).mean(1, keepdim=True), there)
        rising = F.pad(level[..., 2:] - level[..., :-2], (1, 1)).clamp(min=0) * inside
        signals = F.avg_pool1d(torch.cat([flux, level, rising], dim=1), 3, 2, 1)
        return EncodedAudio(tokens, signals.transpose(1, 2))


class CurveScorer(nn.Module):
    """Combines the correlations per cell and head into one curve over lags."""

    def __init__(self, sizes: LagSizes) -> None:
        super().__init__()
        self.sizes = sizes
        n_curves = sizes.heads + N_MOTIONS * N_SIGNALS
        width = sizes.curve_width
        self.token_in = nn.Linear(sizes.cell_width, sizes.token_width)
        self.token_scale = nn.Embedding(N_SCALES, sizes.token_width)
        self.temporal = nn.Sequential(*(_TemporalBlock(sizes.token_width) for _ in range(2)))
        self.token_out = nn.Linear(sizes.token_width, sizes.heads * sizes.head_width)
        self.cell_in = nn.Conv1d(2 * n_curves + 1, width, 5, padding=2)
        self.cell_facts = nn.Linear(N_MOTIONS + sizes.heads, width)
        self.cell_scale = nn.Embedding(N_SCALES, width)
        self.cell_mid = nn.Conv1d(width, width, 5, padding=4, dilation=2)
        self.cell_out = nn.Conv1d(width, width + 1, 1)
        self.gate = nn.Linear(3 * width, 1)
        self.joint = nn.Sequential(
            nn.Conv1d(2 * width + 1, width, 5, padding=2),
            nn.ReLU(),
            nn.Conv1d(width, width, 5, padding=4, dilation=2),
            nn.ReLU(),
            nn.Conv1d(width, 1, 1),
        )
        self.level = nn.Parameter(torch.tensor(-4.0))

    def forward(
        self,
        video: EncodedVideo,
        audio: EncodedAudio,
        has_video: torch.Tensor,
        has_audio: torch.Tensor,
    ) -> torch.Tensor:
        motion = _unit(video.motion.flatten(2), has_video).transpose(1, 2)  # (B, 2 C, T)
        signals = _standardised(audio.signals, has_audio)
        classical = _correlate(motion[:, None], signals.transpose(1, 2)[:, :, None])
        n_cells = len(video.scales)
        of_change, of_jolt = classical[:, :, :n_cells], classical[:, :, n_cells:]
        classical = torch.cat([of_change, of_jolt], dim=1)  # (B, 2 S, C, L)
        kept = self._most_promising(classical)  # (B, M)
        index = kept[:, None, :, None].expand(-1, classical.shape[1], -1, classical.shape[-1])
        classical = classical.gather(2, index)
        tokens, norms = self._tokens(video, has_video, kept)
        sounds = _standardised(audio.tokens, has_audio).transpose(1, 2)
        sounds = sounds.reshape(
            len(sounds), self.sizes.heads, self.sizes.head_width, sounds.shape[-1]
        )
        curves = torch.cat([_correlate(tokens, sounds), classical], dim=1)  # (B, h + S, M, L)
        spread = curves.std(dim=-1, keepdim=True) + 1e-4
        covered = _covered(has_video, has_audio)[:, None, None].expand(-1, 1, curves.shape[2], -1)
        stacked = torch.cat([curves, curves / spread, covered], dim=1).transpose(1, 2)
        n_present = has_video.sum(1).clamp(min=1)[:, None, None]
        energy = (video.motion * has_video[..., None, None]).sum(1) / n_present  # (B, 2, C)
        energy = energy.gather(2, kept[:, None].expand(-1, N_MOTIONS, -1)).transpose(1, 2)
        facts = torch.cat([torch.log(energy + 0.1), norms], dim=-1)
        return self._pool(stacked, facts, video.scales[kept])

    def _most_promising(self, classical: torch.Tensor) -> torch.Tensor:
        """Select (B, M) cells by the prominence of their classical curves."""
        with torch.no_grad():
            height = classical.amax(-1)
            contrast = height / (classical.std(-1) + 1e-4)  # (B, S, C)
            n_kept = min(self.sizes.cells_kept, classical.shape[2])
            return (contrast * height).amax(1).topk(n_kept, dim=1).indices

    def _tokens(
        self, video: EncodedVideo, has_video: torch.Tensor, kept: torch.Tensor
    ) -> tuple[torch.Tensor, torch.Tensor]:
        """Embed the kept cells: (B, h, M, d T) of unit length, and log lengths (B, M, h)."""
        n_frames, width = video.features.shape[1:3]
        index = kept[:, None, None].expand(-1, n_frames, width, -1)
        cells = video.features.gather(3, index).permute(0, 3, 1, 2)  # (B, M, T, width)
        values = self.token_in(cells) + self.token_scale(video.scales[kept])[:, :, None]
        values = values * has_video[:, None, :, None]
        values = self.temporal(values.flatten(0, 1).transpose(1, 2)).transpose(1, 2)
        tokens = self.token_out(values).reshape(*kept.shape, n_frames, -1)
        there = has_video[:, None, :, None].float()
        n_present = there.sum(2, keepdim=True).clamp(min=1)
        tokens = (tokens - (tokens * there).sum(2, keepdim=True) / n_present) * there
        tokens = tokens.unflatten(-1, (self.sizes.heads, self.sizes.head_width))
        tokens = tokens.permute(0, 3, 1, 4, 2).flatten(3)  # (B, h, M, d T)
        lengths = tokens.square().sum(-1, keepdim=True).add(1e-6).sqrt()
        return tokens / lengths, torch.log(lengths[..., 0]).transpose(1, 2)

    def _pool(
        self, stacked: torch.Tensor, facts: torch.Tensor, scales: torch.Tensor
    ) -> torch.Tensor:
        n_batch, n_cells = stacked.shape[:2]
        bias = self.cell_facts(facts) + self.cell_scale(scales)  # (B, M, width)
        hidden = F.relu(self.cell_in(stacked.flatten(0, 1)) + bias.flatten(0, 1)[..., None])
        hidden = F.relu(self.cell_mid(hidden)) + hidden
        out = self.cell_out(hidden).unflatten(0, (n_batch, n_cells))  # (B, M, width + 1, L)
        summary = torch.cat([hidden.amax(-1), hidden.mean(-1), hidden.std(-1)], dim=-1)
        gate = self.gate(summary).unflatten(0, (n_batch, n_cells))  # (B, M, 1)
        alone = torch.logsumexp(out[:, :, -1] + F.log_softmax(gate, dim=1), dim=1)
        weights = gate.softmax(dim=1)[..., None]
        together = (out[:, :, :-1] * weights).sum(1)
        highest = out[:, :, :-1].amax(1)
        joint = self.joint(torch.cat([alone[:, None], together, highest], dim=1))[:, 0]
        curve: torch.Tensor = joint + alone + self.level
        return curve


def _correlate(video: torch.Tensor, audio: torch.Tensor) -> torch.Tensor:
    """Correlate over time and width at every lag.

    Args:
        video: (B, h, M, d T), width before time; h may be 1 to serve all heads.
        audio: (B, h, d, N), or (B, h, 1, N) for scalar signals.

    Returns:
        (B, h, M, L) with L = N - 2 (T - 1), from the lowest lag to the highest.
    """
    n_frames = video.shape[-1] // audio.shape[2]
    span = TOKENS_PER_FRAME * (n_frames - 1) + 1
    pieces = audio.unfold(-1, span, 1)[..., ::TOKENS_PER_FRAME]  # (B, h, d, L, T)
    shifted = pieces.permute(0, 1, 2, 4, 3).flatten(2, 3)  # (B, h, d T, L), lags falling
    return (video.expand(-1, audio.shape[1], -1, -1) @ shifted).flip(-1)


def _covered(has_video: torch.Tensor, has_audio: torch.Tensor) -> torch.Tensor:
    """Compute (B, L): share of the present frames with audio at each lag."""
    video = has_video.float()
    video = video / video.sum(1, keepdim=True).clamp(min=1)
    return _correlate(video[:, None, None], has_audio.float()[:, None, None])[:, 0, 0]


def _standardised(values: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Centre and scale (B, N, K) to unit power over the present times (B, N); 0 elsewhere."""
    mask = there[..., None].float()
    n = mask.sum(1, keepdim=True).clamp(min=1)
    centred = (values - (values * mask).sum(1, keepdim=True) / n) * mask
    power = centred.square().sum(1, keepdim=True) / n
    return centred / (power + 1e-6).sqrt()


def _unit(values: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Centre (B, T, C) over the present times and scale to unit length."""
    mask = there[..., None].float()
    n = mask.sum(1, keepdim=True).clamp(min=1)
    centred = (values - (values * mask).sum(1, keepdim=True) / n) * mask
    return centred / (centred.square().sum(1, keepdim=True) + 1e-4).sqrt()


def _detrended(signal: torch.Tensor, there: torch.Tensor) -> torch.Tensor:
    """Subtract from (B, 1, N) the mean of the known values within one second."""
    half = TREND_COLUMNS // 2
    sums = F.avg_pool1d(torch.cat([signal * there, there], dim=1), 2 * half + 1, 1, half)
    return (signal - sums[:, :1] / sums[:, 1:].clamp(min=1e-3)) * there


class _TemporalBlock(nn.Module):
    """Residual block of a convolution over time per channel and one over channels."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.depthwise = nn.Conv1d(width, width, 5, padding=2, groups=width)
        self.pointwise = nn.Conv1d(width, width, 1)

    def forward(self, values: torch.Tensor) -> torch.Tensor:
        change: torch.Tensor = self.pointwise(F.relu(self.depthwise(values)))
        return values + change
