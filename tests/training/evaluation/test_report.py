import json
from dataclasses import replace
from pathlib import Path

import cv2
import pytest
import torch
from rich.console import Console

from training.evaluation.report import Evaluation, tables, write_json
from training.metrics.figures import Answers, confusion, figures_of, sweep_thresholds
from training.metrics.plots import (
    save_confusion,
    save_figure,
    save_reliability,
    similarity_figure,
)


@pytest.fixture
def answers() -> Answers:
    logits = torch.randn(30, 21, generator=torch.Generator().manual_seed(0))
    return Answers(logits, torch.arange(30) % 21, torch.arange(30))


@pytest.fixture
def evaluation(answers: Answers) -> Evaluation:
    synchability = Answers(torch.zeros(30, 2), torch.ones(30).long(), answers.items)
    return Evaluation(
        network="sync",
        checkpoint="best.pt",
        data="clips (test)",
        n_passes=1,
        n_given=20,
        n_drawn=10,
        figures=figures_of(answers),
        thresholds=sweep_thresholds(answers, synchability),
        notes=("2 clips are missing.",),
    )


def test_the_file_is_plain_json(evaluation: Evaluation, tmp_path: Path) -> None:
    write_json(evaluation, tmp_path / "evaluation.json")
    text = (tmp_path / "evaluation.json").read_text()
    assert "NaN" not in text
    stored = json.loads(text)
    assert stored["figures"]["n_answers"] == 30
    assert stored["figures"]["classes"][0]["label"] == "-2.0 s"
    assert stored["thresholds"][0]["accuracy"] is None


def test_the_table_states_figures_beside_chance(evaluation: Evaluation) -> None:
    console = Console(width=100, force_terminal=False)
    with console.capture() as capture:
        console.print(tables(evaluation))
    shown = capture.get()
    assert "30 answers about 30 clips" in shown
    assert f"{100 * evaluation.figures.accuracy:.1f} %" in shown
    assert "4.8 %" in shown
    assert "13.8 %" in shown
    assert "2 clips are missing." in shown
    assert "probability above" in shown
    assert "20 of the windows are from the tables of the data set; 10 have random" in shown
    assert "Mean average precision" in shown


def test_averages_over_classes_are_left_out_where_one_was_not_asked_for(
    evaluation: Evaluation, answers: Answers
) -> None:
    some = Answers(answers.logits[:5], answers.targets[:5], answers.items[:5])
    console = Console(width=100, force_terminal=False)
    with console.capture() as capture:
        console.print(tables(replace(evaluation, figures=figures_of(some))))
    assert "Mean average precision" not in capture.get()


def test_plots_are_pictures(evaluation: Evaluation, answers: Answers, tmp_path: Path) -> None:
    save_reliability(evaluation.figures.calibration, tmp_path / "reliability.png")
    save_confusion(confusion(answers), tmp_path / "confusion.png")
    matrices = [torch.eye(7)] * 5
    titles = [f"clip {i}" for i in range(5)]
    figure = similarity_figure(matrices, titles, rows="picture", columns="sound")
    save_figure(figure, tmp_path / "similarity.png")
    for name in ("reliability", "confusion", "similarity"):
        video = cv2.imread(str(tmp_path / f"{name}.png"))
        assert video is not None
        assert video.shape[0] > 300


def test_similarities_of_an_untrained_network_show_no_structure() -> None:
    torch.manual_seed(0)
    matrices = [0.9 + 0.01 * torch.rand(7, 7)] * 2
    figure = similarity_figure(matrices, ["clip 0", "clip 1"], rows="picture", columns="sound")
    images = [image for axes in figure.axes for image in axes.get_images()]
    assert [image.get_clim() for image in images] == [(-1, 1)] * 2
    assert len(figure.axes) == 3  # two clips and one scale
    assert figure.get_supxlabel() == "segments of the sound"
    assert figure.get_supylabel() == "segments of the picture"


def test_classes_that_were_never_asked_for_are_grey(tmp_path: Path) -> None:
    save_confusion(torch.zeros(21, 21), tmp_path / "none.png")
    save_confusion(torch.eye(21), tmp_path / "all.png")
    shares = []
    for name in ("none", "all"):
        video = cv2.imread(str(tmp_path / f"{name}.png"))
        assert video is not None
        shares.append((abs(video.astype(int) - 217).max(axis=2) < 2).mean())
    assert shares[0] > 0.3
    assert shares[1] < 0.01
