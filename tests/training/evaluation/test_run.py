import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import CheckpointError
from core.model.synchformer import Synchformer
from core.progress import SILENT
from training.config import RunConfig
from training.data.sets.data_set import DataConfig
from training.evaluation.run import Question, evaluate_checkpoint
from training.loop_config import LoopConfig
from training.stages.contrastive import ContrastiveModel

TINY: dict[str, Any] = {"width": 24, "depth": 1}


@pytest.fixture
def config(tmp_path: Path, make_clip: Callable[..., Path]) -> RunConfig:
    """A clip to test on."""
    folder = tmp_path / "clips" / "test"
    folder.mkdir(parents=True)
    make_clip("clips/test/clip.mp4", duration_s=9.9, size=(256, 256))
    return RunConfig(
        stage="sync", data=DataConfig(root=tmp_path / "clips"), loop=LoopConfig(batch_size=2)
    )


def saved(network: torch.nn.Module, path: Path) -> Path:
    torch.save({"model": network.state_dict()}, path)
    return path


def test_a_checkpoint_is_evaluated_together_with_what_says_where_to_trust_it(
    config: RunConfig, tmp_path: Path
) -> None:
    torch.manual_seed(0)
    question = Question(
        saved(Synchformer(**TINY), tmp_path / "sync.pt"),
        n_passes=2,
        synchability=saved(Synchformer(**TINY, head="synchability"), tmp_path / "third.pt"),
    )
    out = tmp_path / "out"
    evaluation = evaluate_checkpoint(config, question, out, SILENT)
    assert evaluation.figures.n_answers == 2
    assert evaluation.figures.n_clips == 1
    assert evaluation.n_passes == 2
    assert len(evaluation.thresholds) == 7
    assert json.loads((out / "evaluation.json").read_text())["network"] == "sync"
    assert (out / "reliability.png").stat().st_size > 1000
    assert (out / "confusion.png").stat().st_size > 1000


def test_clips_that_cannot_be_used_are_left_out_and_told(config: RunConfig, tmp_path: Path) -> None:
    (tmp_path / "clips" / "test" / "broken.mp4").write_text("no clip")
    question = Question(saved(Synchformer(**TINY), tmp_path / "sync.pt"))
    evaluation = evaluate_checkpoint(config, question, tmp_path / "out", SILENT)
    assert evaluation.figures.n_answers == 1
    assert "1 window is left out" in " ".join(evaluation.notes)


@pytest.mark.parametrize("is_first_stage", [True, False])
def test_networks_that_cannot_answer_are_refused(
    is_first_stage: bool, config: RunConfig, tmp_path: Path
) -> None:
    sync = saved(Synchformer(**TINY), tmp_path / "sync.pt")
    towers = saved(ContrastiveModel(**TINY), tmp_path / "towers.pt")
    question = Question(towers) if is_first_stage else Question(sync, synchability=sync)
    message = "towers only" if is_first_stage else "answers another question"
    with pytest.raises(CheckpointError, match=message):
        evaluate_checkpoint(config, question, tmp_path / "out", SILENT)
