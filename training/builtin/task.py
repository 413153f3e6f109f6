"""Training of the built-in network on windows of rendered clips with known offsets."""

from collections import deque
from collections.abc import Callable, Generator, Iterator, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

import numpy as np
import torch
from numpy.typing import NDArray
from torch import nn
from torch.nn import functional as F

from core.detection.engines.lag import TRAINED_REACH_TOKENS
from core.model.builtin.inputs import log_mel
from core.model.builtin.lag_net import (
    LAG_STEP_S,
    LEAD_FRAMES,
    TOKENS_PER_FRAME,
    EncodedAudio,
    EncodedVideo,
    LagNet,
)
from core.model.synchformer.dimensions import WINDOW_FRAMES
from core.model.synchformer.offset_classes import MAX_OFFSET_S, OFFSET_GRID_S, STEP_S
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME
from training.aliases import Metrics, Tensors
from training.data.samples import stacked
from training.data.synthetic.cache import CachedClip, load_clip
from training.loop.run_log import Show
from training.metrics.ranking import roc_auc

_Scalar = TypeVar("_Scalar", bound=np.generic)

REACH_TOKENS = TRAINED_REACH_TOKENS

N_LAGS = 2 * REACH_TOKENS + 1
N_TOKENS = TOKENS_PER_FRAME * (WINDOW_FRAMES - 1) + 1 + 2 * REACH_TOKENS
TOKEN_SAMPLES = SAMPLES_PER_FRAME // TOKENS_PER_FRAME
LARGEST_OFFSET_S = 2.1

_Made = TypeVar("_Made")


@dataclass(frozen=True, slots=True)
class LagTaskConfig:
    """Options for drawing windows.

    Attributes:
        batch_size: Windows per step.
        label_sigma_s: Standard deviation of the target, a normal distribution around the true
            offset.
        foreign_share: Pairs of video with foreign audio, per window.
        crowd_share: Share of windows with the video of another clip beside their own.
        mix_share: Share of windows with the audio of another clip mixed into their own.
        degrade_share: Share of windows with changed contrast or noise in the video.
    """

    batch_size: int = 12
    label_sigma_s: float = 0.02
    foreign_share: float = 0.5
    crowd_share: float = 0.4
    mix_share: float = 0.25
    degrade_share: float = 0.4


class LagTask:
    """Random windows for the network, others in every step."""

    def __init__(
        self,
        train: Sequence[Path],
        validation: Sequence[Path],
        config: LagTaskConfig,
        seed: int,
    ) -> None:
        self._train, self._validation = train, validation
        self._config, self._seed = config, seed

    def batches(self, first: int, end: int) -> Iterator[Tensors]:
        """Yield the batches of the steps, made ahead of their use."""
        return made_ahead(self.batch, first, end)

    def batch(self, step: int) -> Tensors:
        """Draw the windows of a step; every clip is used once before any is used again."""
        size, n_clips = self._config.batch_size, len(self._train)
        items = []
        for position in range(step * size, (step + 1) * size):
            epoch, index = divmod(position, n_clips)
            order = np.random.default_rng([self._seed, 1, epoch]).permutation(n_clips)
            rng = np.random.default_rng([self._seed, 2, position])
            other = load_clip(self._train[int(rng.integers(n_clips))])
            clip = load_clip(self._train[order[index]])
            items.append(draw_window(rng, clip, other.waveform, self._config))
        return stacked(items)

    def loss(self, network: nn.Module, batch: Tensors) -> tuple[torch.Tensor, Metrics]:
        """Cross-entropy over all lags and "unrelated", for true and for foreign pairs."""
        network, n = _lag_net(network), len(batch["grey"])
        seen = network.encode_video(batch["grey"])
        heard = network.encode_audio(log_mel(batch["waveform"]), batch["is_heard"])
        n_crowded = round(n * self._config.crowd_share)
        everyone = torch.arange(n)
        crowded = _crowd(seen, everyone[:n_crowded], (everyone[:n_crowded] + n // 2) % n)
        there = torch.ones(batch["grey"].shape[0], WINDOW_FRAMES, dtype=torch.bool)
        n_foreign = round(n * self._config.foreign_share)
        pairs = [
            (crowded, everyone[:n_crowded], 0),
            (seen, everyone[n_crowded:], 0),
            (seen, everyone[:n_foreign], 1),
        ]
        losses, metrics = [], {}
        for source, rows, turn in pairs:
            if not len(rows):
                continue
            partner = (rows + turn) % n
            picked = source if source is crowded else _rows(source, rows)
            audio = EncodedAudio(heard.tokens[partner], heard.signals[partner])
            logits = network.compare(picked, audio, there[rows], batch["is_heard"][partner])
            full = F.pad(logits.float(), (0, 1))
            target = batch["target"][rows] if not turn else _unrelated(len(rows))
            losses.append(-(target * full.log_softmax(1)).sum(1))
            if source is seen:
                value = _class_accuracy(logits, batch["offset_s"][rows])
                metrics["foreign" if turn else "accuracy"] = (
                    float((full.argmax(1) == N_LAGS).float().mean()) if turn else value
                )
        return torch.cat(losses).mean(), metrics

    def validate(self, network: nn.Module, show: Show | None = None) -> Metrics:
        """Run on one window of each clip at one offset, and once with foreign audio."""
        logits, foreign, offset_s = self._run_validation(_lag_net(network))
        return summary(logits, foreign, offset_s)

    def validation_logits(self, network: LagNet) -> tuple[torch.Tensor, torch.Tensor]:
        """Logits (N, L) of true and foreign pairs and their true lags (N,), L for foreign ones."""
        logits, foreign, offset_s = self._run_validation(network)
        truth = torch.cat([_nearest_lag(offset_s), torch.full((len(foreign),), N_LAGS)])
        return torch.cat([logits, foreign]), truth

    @torch.no_grad()
    def _run_validation(self, network: LagNet) -> tuple[torch.Tensor, torch.Tensor, torch.Tensor]:
        size = self._config.batch_size
        found, foreign = [], []
        for first in range(0, len(self._validation), size):
            items = [
                draw_window(np.random.default_rng([self._seed, 3, number]), load_clip(path))
                for number, path in enumerate(self._validation[first : first + size], first)
            ]
            batch = stacked(items)
            seen = network.encode_video(batch["grey"])
            is_heard = batch["is_heard"]
            heard = network.encode_audio(log_mel(batch["waveform"]), is_heard)
            there = torch.ones(len(items), WINDOW_FRAMES, dtype=torch.bool)
            found.append((network.compare(seen, heard, there, is_heard), batch["offset_s"]))
            # A single clip in the last batch has no partner.
            if len(items) > 1:
                turned = EncodedAudio(heard.tokens.roll(1, 0), heard.signals.roll(1, 0))
                foreign.append(network.compare(seen, turned, there, is_heard.roll(1, 0)))
        logits, offset_s = (torch.cat(parts) for parts in zip(*found, strict=True))
        return logits, torch.cat(foreign), offset_s


def _lag_net(network: nn.Module) -> LagNet:
    if not isinstance(network, LagNet):
        raise TypeError(f"expected LagNet, got {type(network).__name__}")
    return network


def summary(logits: torch.Tensor, foreign: torch.Tensor, offset_s: torch.Tensor) -> Metrics:
    """Accuracies, median error and the AUC of the score against foreign audio."""
    lags = lag_axis()
    error_s = (lags[logits.argmax(1)] - offset_s).abs()
    area = roc_auc(torch.logsumexp(logits, 1).numpy(), torch.logsumexp(foreign, 1).numpy())
    loss = F.pad(logits, (0, 1)).log_softmax(1)
    return {
        "accuracy": _class_accuracy(logits, offset_s),
        "within_one": _class_accuracy(logits, offset_s, within=1),
        "within_100ms": float((error_s <= 0.1).float().mean()),
        "median_ms": 1000 * float(error_s.median()),
        "auc": area or 0.0,
        "loss": -float(loss.gather(1, _nearest_lag(offset_s)[:, None]).mean()),
    }


def _nearest_lag(offset_s: torch.Tensor) -> torch.Tensor:
    return ((offset_s / LAG_STEP_S).round() + REACH_TOKENS).long()


def lag_axis() -> torch.Tensor:
    """Lags of training in seconds: (L,)."""
    return torch.arange(-REACH_TOKENS, REACH_TOKENS + 1) * LAG_STEP_S


def _class_accuracy(logits: torch.Tensor, offset_s: torch.Tensor, within: int = 0) -> float:
    """Sum the probabilities of each class's lags and compare the best class with the true one."""
    lags = lag_axis()
    grid = torch.from_numpy(OFFSET_GRID_S)
    near = (lags[:, None] - grid).abs() <= STEP_S / 2 + 1e-6
    mass = logits.float().softmax(1) @ near.float()
    true = (offset_s.clamp(-MAX_OFFSET_S, MAX_OFFSET_S)[:, None] - grid).abs().argmin(1)
    return float(((mass.argmax(1) - true).abs() <= within).float().mean())


def _crowd(seen: EncodedVideo, rows: torch.Tensor, others: torch.Tensor) -> EncodedVideo:
    """Show two clips at once: the cells of both side by side."""
    return EncodedVideo(
        torch.cat([seen.features[rows], seen.features[others]], dim=3),
        torch.cat([seen.motion[rows], seen.motion[others]], dim=3),
        seen.scales.repeat(2),
    )


def _rows(seen: EncodedVideo, rows: torch.Tensor) -> EncodedVideo:
    return EncodedVideo(seen.features[rows], seen.motion[rows], seen.scales)


def _unrelated(n: int) -> torch.Tensor:
    return F.one_hot(torch.full((n,), N_LAGS), N_LAGS + 1).float()


def draw_window(
    rng: np.random.Generator,
    clip: CachedClip,
    other: NDArray[np.float32] | None = None,
    config: LagTaskConfig | None = None,
) -> Tensors:
    """Cut a window and shift its audio; without a config, by an offset class and undegraded.

    Returns:
        grey (122, 128, 128) uint8, waveform (N_TOKENS * 320,) float32, is_heard (N_TOKENS,) bool,
        offset_s () and target (N_LAGS + 1,) float32.
    """
    first = int(rng.integers(LEAD_FRAMES, len(clip.frames) - WINDOW_FRAMES + 1))
    offset_s = float(rng.uniform(-LARGEST_OFFSET_S, LARGEST_OFFSET_S))
    if config is None:
        offset_s = float(rng.choice(OFFSET_GRID_S))
    grey = clip.frames[first - LEAD_FRAMES : first + WINDOW_FRAMES]
    begin = first * SAMPLES_PER_FRAME - REACH_TOKENS * TOKEN_SAMPLES
    begin += round(offset_s * AUDIO_RATE_HZ)
    has_audio = np.repeat(clip.has_audio, SAMPLES_PER_FRAME)
    waveform = clip.waveform
    if config is not None:
        grey, waveform = _degrade(rng, grey, waveform, other, config)
    n_samples = N_TOKENS * TOKEN_SAMPLES
    there = _cut(has_audio, begin, n_samples).reshape(N_TOKENS, TOKEN_SAMPLES).all(1)
    distance = (lag_axis().numpy() - offset_s) / (config.label_sigma_s if config else LAG_STEP_S)
    target = np.append(np.exp(-0.5 * distance**2), 0)
    return {
        "grey": torch.from_numpy(np.ascontiguousarray(grey)),
        "waveform": torch.from_numpy(_cut(waveform, begin, n_samples)),
        "is_heard": torch.from_numpy(there),
        "offset_s": torch.tensor(offset_s, dtype=torch.float32),
        "target": torch.from_numpy((target / target.sum()).astype(np.float32)),
    }


def _cut(values: NDArray[_Scalar], begin: int, n: int) -> NDArray[_Scalar]:
    """Cut n values from `begin` on, zero outside of the array."""
    cut = np.zeros(n, values.dtype)
    low, high = max(begin, 0), min(begin + n, len(values))
    if low < high:
        cut[low - begin : high - begin] = values[low:high]
    return cut


def _degrade(
    rng: np.random.Generator,
    grey: NDArray[np.uint8],
    waveform: NDArray[np.float32],
    other: NDArray[np.float32] | None,
    config: LagTaskConfig,
) -> tuple[NDArray[np.uint8], NDArray[np.float32]]:
    if rng.random() < 0.5:
        grey = grey[:, :, ::-1]
    if rng.random() < 0.3:
        grey = 255 - grey
    if rng.random() < config.degrade_share:
        levels = (grey - np.float32(128)) * np.float32(np.exp(rng.uniform(-1.6, 0.2))) + 128
        if rng.random() < 0.5:
            noise = rng.standard_normal((16, *grey.shape[1:]), np.float32)
            levels += rng.uniform(0.3, 4) * noise[rng.integers(0, 16, len(grey))]
        grey = levels.clip(0, 255).astype(np.uint8)
    if other is not None and rng.random() < config.mix_share:
        n = min(len(waveform), len(other))
        ratio = np.sqrt((waveform**2).mean() / max((other**2).mean(), 1e-10))
        level = ratio * 10 ** (-rng.uniform(0, 20) / 20)
        waveform = waveform.copy()
        waveform[:n] += np.float32(level) * other[:n]
    return grey, waveform * np.float32(10 ** (rng.uniform(-25, 6) / 20))


def made_ahead(
    make: Callable[[int], _Made], first: int, end: int, n_ahead: int = 3
) -> Generator[_Made, None, None]:
    """Yield the results of `make`, run in a thread, for the numbers from `first` to `end` - 1.

    Closing the generator waits for results in the making. An error of `make` is raised in its turn.
    """
    with ThreadPoolExecutor(1) as executor:
        waiting = deque[Future[_Made]]()
        for number in range(first, end):
            waiting.append(executor.submit(make, number))
            if len(waiting) == n_ahead:
                yield waiting.popleft().result()
        yield from (future.result() for future in waiting)
