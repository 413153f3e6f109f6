from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import ExportError
from training.benchmark.baselines import VARIANTS
from training.benchmark.report import SetResult, to_markdown, write_text
from training.benchmark.trials import Outcome, Question


def _result(n_clips: int) -> SetResult:
    outcomes = [
        Outcome(
            estimator=name,
            group=f"scene {i % 2}",
            clip=f"{i}.mp4",
            question=question,
            offset_s=0.4,
            window_errors_s=(0.01,),
            window_distances=(0,) if question is Question.CLASS else (),
            answer_s=0.38,
            interval_s=(0.3, 0.5),
            confidence=0.9,
            is_confident=True,
            synchronizability=None,
        )
        for name in VARIANTS
        for i in range(n_clips)
        for question in Question
    ]
    return SetResult("Some clips", VARIANTS, tuple(outcomes), ("x.mp4 is damaged.",))


def test_every_table_states_its_independent_clips() -> None:
    text = to_markdown([_result(3)], {"seed": 0})
    heads = [line for line in text.splitlines() if line.startswith("### ")]
    assert len(heads) == 7
    assert all("3 independent clips" in head for head in heads)
    assert "1 independent clip)" in to_markdown([_result(1)], {"seed": 0})


def test_rows_of_a_table_have_as_many_cells_as_its_head() -> None:
    lines = to_markdown([_result(3)], {"seed": 0}).splitlines()
    rows = [(one, other) for one, other in pairwise(lines) if other.startswith("|")]
    assert len(rows) == 33
    for one, other in rows:
        if one.startswith("|"):
            assert one.count("|") == other.count("|")


def test_signs_and_figures_are_written_out() -> None:
    text = to_markdown([_result(2)], {"seed": 0})
    assert "| top-200 motion × log energy | 1.00 | 1.00 | 1.00 | 20 | 20 | −20 | 1.00 |" in text
    assert "- left out: x.mp4 is damaged." in text


def test_a_place_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(ExportError, match=r"out\.md cannot be written"):
        write_text(tmp_path / "no" / "out.md", "text")
