"""Trains the built-in network without some of its parts, to measure the benefit of each.

    python tests/benchmarks/builtin_ablations.py CLIPS [STEPS] [NAME...]

CLIPS is a folder of clips rendered by `python -m training builtin`. All runs have the same clips,
windows, seed and length, and are far shorter than the shipped training.
"""

import json
import sys
import tempfile
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import torch

from core.model.builtin.lag_net import EncodedAudio, EncodedVideo, LagNet, LagSizes
from core.progress import SILENT
from training.builtin.task import LagTask, LagTaskConfig
from training.loop.config import LoopConfig
from training.loop.loop import train

N_TRAIN, N_VALIDATION = 600, 185
FINEST, WHOLE = 0, 3


class OnlyScale(LagNet):
    """Sees the cells of one scale only."""

    def __init__(self, scale: int) -> None:
        super().__init__(LagSizes())
        self._scale = scale

    def encode_video(self, grey: torch.Tensor) -> EncodedVideo:
        video = super().encode_video(grey)
        kept = video.scales == self._scale
        return EncodedVideo(video.features[..., kept], video.motion[..., kept], video.scales[kept])


class WithoutClassicalCurves(LagNet):
    """Uses classical curves for the choice of cells only."""

    def __init__(self) -> None:
        super().__init__(LagSizes())
        width = self.scorer.cell_in.weight.shape[1]
        n_learned = self.sizes.heads
        mask = torch.ones(width)
        n_curves = (width - 1) // 2
        mask[n_learned:n_curves] = 0
        mask[n_curves + n_learned : 2 * n_curves] = 0
        self.scorer.cell_in.register_forward_pre_hook(lambda _, args: (args[0] * mask[:, None],))


class WithoutLearnedAudio(LagNet):
    """Correlates classical signals alone; only the use of the curves is learned."""

    def __init__(self) -> None:
        super().__init__(LagSizes())

    def encode_audio(self, log_mel: torch.Tensor, has_audio: torch.Tensor) -> EncodedAudio:
        audio = super().encode_audio(log_mel, has_audio)
        return EncodedAudio(audio.tokens * 0, audio.signals)


class FewCells(LagNet):
    """Keeps the eight most promising cells instead of 64."""

    def __init__(self) -> None:
        super().__init__(replace(LagSizes(), cells_kept=8))


PLAIN = LagTaskConfig(crowd_share=0.0, mix_share=0.0, degrade_share=0.0)
VARIANTS: dict[str, tuple[Callable[[], LagNet], LagTaskConfig]] = {
    "all parts": (lambda: LagNet(LagSizes()), LagTaskConfig()),
    "whole picture as one cell": (lambda: OnlyScale(WHOLE), LagTaskConfig()),
    "smallest cells only": (lambda: OnlyScale(FINEST), LagTaskConfig()),
    "eight cells kept": (FewCells, LagTaskConfig()),
    "no classical curves": (WithoutClassicalCurves, LagTaskConfig()),
    "classical curves only": (WithoutLearnedAudio, LagTaskConfig()),
    "no crowding, mixing, degrading": (lambda: LagNet(LagSizes()), PLAIN),
}


def main() -> None:
    clips = Path(sys.argv[1])
    n_steps = int(sys.argv[2]) if len(sys.argv) > 2 else 200
    names = sys.argv[3:] or list(VARIANTS)
    torch.set_num_threads(1)
    train_clips = sorted(clips.glob("train-*.npz"))[:N_TRAIN]
    validation = sorted(clips.glob("val-*.npz"))[:N_VALIDATION]
    for name in names:
        build, config = VARIANTS[name]
        torch.manual_seed(0)
        network = build()
        task = LagTask(train_clips, validation, config, seed=0)
        loop = LoopConfig(
            n_steps=n_steps, learning_rate=1.5e-3, precision="bfloat16", validate_every=n_steps
        )
        with tempfile.TemporaryDirectory() as folder:
            metrics = train(network, task, loop, Path(folder), SILENT)
        print(json.dumps({"variant": name, **metrics}), flush=True)  # noqa: T201


if __name__ == "__main__":
    main()
