import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import torch

from core.errors import CheckpointError
from core.model.synchformer.synchformer import Synchformer
from core.progress import SILENT, Progress
from tests.training.stages.conftest import FixedSamples
from training.aliases import Tensors
from training.config import ConfigError, RunConfig, read_config
from training.data.sets.data_set import DataConfig, DataSetError
from training.evaluation.run import Question, ask_both, asked_batches, evaluate_checkpoint
from training.loop.config import LoopConfig
from training.stages.contrastive import ContrastiveModel
from training.stages.sync import answer, ask, build_learner

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
    assert not evaluation.notes
    assert (evaluation.n_given, evaluation.n_drawn) == (0, 2)
    saved_config = read_config(out / "config.toml", [])
    assert saved_config.samples.n_passes == 2
    assert saved_config.data == config.data
    assert {"width": saved_config.model.width, "depth": saved_config.model.depth} == TINY


def test_short_clips_are_left_out_where_sounds_of_another_time_are_asked_for(
    config: RunConfig, tmp_path: Path, make_clip: Callable[..., Path]
) -> None:
    make_clip("clips/test/short.mp4", duration_s=9.3, size=(256, 256))
    question = Question(
        saved(Synchformer(**TINY), tmp_path / "sync.pt"),
        synchability=saved(Synchformer(**TINY, head="synchability"), tmp_path / "third.pt"),
    )
    evaluation = evaluate_checkpoint(config, question, tmp_path / "out", SILENT)
    assert evaluation.figures.n_clips == 2
    (note,) = evaluation.notes
    assert "measured on 1 of 2 clips; the others have less than the necessary 9.6 s" in note
    assert len(evaluation.thresholds) == 7


def test_the_main_figures_do_not_hang_on_clips_for_the_other_network(
    config: RunConfig, tmp_path: Path
) -> None:
    config = replace(config, samples=replace(config.samples, longest_s=9.2))
    question = Question(
        saved(Synchformer(**TINY), tmp_path / "sync.pt"),
        synchability=saved(Synchformer(**TINY, head="synchability"), tmp_path / "third.pt"),
    )
    evaluation = evaluate_checkpoint(config, question, tmp_path / "out", SILENT)
    assert evaluation.figures.n_answers == 1
    assert not evaluation.thresholds
    assert "measured on 0 of 1 clips" in " ".join(evaluation.notes)
    stored = json.loads((tmp_path / "out" / "evaluation.json").read_text())
    assert stored["notes"] == list(evaluation.notes)


def test_given_windows_are_counted(config: RunConfig, tmp_path: Path) -> None:
    table = tmp_path / "windows.csv"
    table.write_text("path,offset_sec,vstart_sec\ntest/clip.mp4,-1.0,2.0\n")
    config = replace(config, data=replace(config.data, fixed_offsets=table))
    sync = saved(Synchformer(**TINY), tmp_path / "sync.pt")
    given = evaluate_checkpoint(config, Question(sync), tmp_path / "given", SILENT)
    assert (given.n_given, given.n_drawn) == (1, 0)
    assert given.figures.classes[5].n_answers == 1


def test_the_folder_of_a_training_run_keeps_its_configuration(
    config: RunConfig, tmp_path: Path
) -> None:
    sync = saved(Synchformer(**TINY), tmp_path / "latest.pt")
    with pytest.raises(ConfigError, match="choose another folder with --out"):
        evaluate_checkpoint(config, Question(sync), tmp_path, SILENT)
    assert not (tmp_path / "config.toml").exists()


def test_clips_of_which_none_can_be_used_are_no_evaluation(
    config: RunConfig, tmp_path: Path
) -> None:
    (tmp_path / "clips" / "test" / "clip.mp4").write_text("no clip")
    question = Question(saved(Synchformer(**TINY), tmp_path / "sync.pt"))
    with pytest.raises(DataSetError, match="cannot be used"):
        evaluate_checkpoint(config, question, tmp_path / "out", SILENT)


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
    message = "towers only" if is_first_stage else "is of another stage"
    with pytest.raises(CheckpointError, match=message):
        evaluate_checkpoint(config, question, tmp_path / "out", SILENT)


def window(label: int, offset_s: float) -> Tensors:
    generator = torch.Generator().manual_seed(round(100 * offset_s))
    return {
        "visual": torch.randn(14, 8, 24, generator=generator),
        "audio": torch.randn(14, 6, 24, generator=generator),
        "label": torch.tensor(label),
        "offset_s": torch.tensor(offset_s),
    }


class Watcher:
    def __init__(self) -> None:
        self.fractions: list[float] = []

    def report(self, progress: Progress) -> None:
        self.fractions.append(progress.fraction or 0.0)

    def check(self) -> None:
        SILENT.check()


def test_all_questions_are_asked_in_order() -> None:
    network = build_learner("sync", width=24, depth=1)
    samples = FixedSamples([window(k, 0.2 * k) for k in (1, 2, 3)])
    watcher = Watcher()
    answers = ask(network, asked_batches("Evaluating", samples, 2, 0, watcher))
    assert answers.targets.tolist() == [1, 2, 3]
    assert answers.items.tolist() == [0, 1, 2]
    assert watcher.fractions[-1] == 1.0


def test_nothing_is_asked_about_clips_that_stand_in_for_others() -> None:
    network = build_learner("sync", width=24, depth=1)
    replaced = window(2, 0.4) | {"skipped": torch.tensor(1)}
    samples = FixedSamples([window(1, 0.2), replaced, replaced, replaced, window(3, 0.6)])
    answers = ask(network, asked_batches("Evaluating", samples, 2, 0, SILENT))
    assert answers.targets.tolist() == [1, 3]
    assert answers.items.tolist() == [0, 4]


def test_two_networks_see_the_same_windows() -> None:
    offsets = build_learner("sync", width=24, depth=1)
    synchability = build_learner("synchability", width=24, depth=1)
    windows = [window(1, -0.4), window(0, 4.8), window(1, 2.0)]
    first, second = ask_both(offsets, synchability, FixedSamples(windows), 2, 0, SILENT)
    assert first.targets.tolist() == [8, 20, 20]
    assert second.targets.tolist() == [1, 0, 1]
    assert first.items.equal(second.items)
    batch = {name: value[None, :13] for name, value in windows[0].items() if value.ndim}
    with torch.no_grad():
        expected = answer(synchability.eval(), batch)
    torch.testing.assert_close(second.logits[:1], expected)
