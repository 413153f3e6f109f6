"""Each stage learns from a few generated clips, by the loop and the samples of the commands."""

import json
import math
from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path

import pytest
import torch

from core.model.synchformer.sync_transformer import Head
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT
from tests.training.stages.conftest import FixedSamples
from training.aliases import Tensors
from training.data.sample_config import SampleRecipe
from training.data.samples import ContrastiveSamples, Samples, SynchabilitySamples, SyncSamples
from training.data.sets.data_set import DataConfig, DataSet
from training.data.sets.opening import open_data_set
from training.data.synthetic.salient import SalientStyle, write_salient_clips
from training.loop.config import LoopConfig
from training.loop.loop import Task, train
from training.loop.run_log import LOG
from training.stages.contrastive import ContrastiveModel, ContrastiveTask
from training.stages.rank_share import Share
from training.stages.sync import WindowTask, build_learner

CONFIG = LoopConfig(learning_rate=5e-3, warm_up_steps=5, log_every=1, seed=1)


def _clips(folder: Path, *, is_single: bool) -> DataSet:
    write_salient_clips(folder / "train", 2, style=SalientStyle(is_single=is_single))
    return open_data_set("folder", "train", DataConfig(root=folder))


def _losses(network: torch.nn.Module, task: Task, config: LoopConfig, folder: Path) -> list[float]:
    train(network, task, config, folder, SILENT)
    lines = [json.loads(line) for line in (folder / LOG).read_text().splitlines()]
    return [line["loss"] for line in lines if "loss" in line]


def test_towers_learn_which_segments_belong_together(tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = ContrastiveModel(width=24, depth=1, stochastic_depth=0.0)
    recipe = SampleRecipe(n_segments=8)
    drawn = ContrastiveSamples(_clips(tmp_path / "clips", is_single=False), recipe, seed=3)
    samples = FixedSamples([drawn[0]])
    task = ContrastiveTask(samples, samples, Share(batch_size=1))
    config = replace(CONFIG, n_steps=60)
    losses = _losses(network, task, config, tmp_path / "run")
    chance = math.log(8)
    assert losses[0] == pytest.approx(chance, rel=0.1)
    assert losses[-1] < 0.6 * chance


@pytest.mark.parametrize(("head", "n_classes"), [("sync", 21), ("synchability", 2)])
def test_windows_are_learned_by_heart(head: Head, n_classes: int, tmp_path: Path) -> None:
    torch.manual_seed(0)
    network = build_learner(head, width=24, depth=1, dropout=0.0)
    clips, recipe = _clips(tmp_path / "clips", is_single=True), SampleRecipe()
    make = SyncSamples if head == "sync" else SynchabilitySamples
    drawn: Samples = make(clips, recipe, 3)
    samples = FixedSamples(list(_encoded(network, (drawn[place] for place in range(6)))))
    task = WindowTask(samples, samples, Share(batch_size=6))
    losses = _losses(network, task, replace(CONFIG, n_steps=300), tmp_path / "run")
    chance = math.log(n_classes)
    assert losses[0] == pytest.approx(chance, rel=0.3)
    assert losses[-1] < 0.3 * chance


def _encoded(network: Synchformer, items: Iterable[Tensors]) -> Iterable[Tensors]:
    """Yield samples with what the towers make of them."""
    for item in items:
        with torch.no_grad():
            visual = network.encode_video(item["video"][None])[0]
            audio = network.encode_audio(item["mel"][None])[0]
        yield {"visual": visual.half(), "audio": audio.half(), "label": item["label"]}
