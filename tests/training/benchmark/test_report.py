from itertools import pairwise
from pathlib import Path

import pytest

from core.errors import ExportError
from training.benchmark.estimators import VARIANTS
from training.benchmark.report import SetResult, figures, to_markdown, write_text
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


def _outcome(
    question: Question,
    offset_s: float = 0.0,
    answer_s: float = 0.0,
    *,
    clip: str = "a.mp4",
    confidence: float = 0.9,
    score: float | None = None,
    estimator: str = "one",
) -> Outcome:
    is_class = question is Question.CLASS
    return Outcome(
        estimator=estimator,
        group="scene",
        clip=clip,
        question=question,
        offset_s=offset_s,
        window_errors_s=(answer_s - offset_s,) * 2,
        window_distances=(0, 1) if is_class else (),
        answer_s=answer_s,
        interval_s=(answer_s - 0.05, answer_s + 0.05),
        confidence=confidence,
        is_confident=confidence >= 0.7,
        synchronizability=score,
    )


def test_each_question_counts_in_its_own_figures() -> None:
    outcomes = [
        _outcome(Question.CLASS, 0.4, 0.41, score=0.8),
        _outcome(Question.FREE, -1.234, -0.234, clip="b.mp4", score=0.6),
        _outcome(Question.FAR, 5.0, 5.02, clip="c.mp4"),
        _outcome(Question.FOREIGN, 0.0, 1.0, confidence=0.2, score=0.1),
        _outcome(Question.CLASS, 1.0, -1.0, estimator="other"),
    ]
    found = figures("one", outcomes)
    assert found.n_clips == 3
    assert found.window.n_windows == 4
    assert found.window.accuracy == 0.5
    assert found.window.within_one == 1.0
    assert found.clip.n_answers == 2
    assert found.clip.accuracy == 1.0
    assert found.clip.right == 0.5
    assert found.clip.covered == 0.5
    assert found.clip.width_ms == pytest.approx(100)
    assert found.clip.confident == 1.0
    assert found.clip.wrong == 0.5
    assert found.far.n_answers == 1
    assert found.far.median_ms == pytest.approx(20)
    assert found.foreign.n_pairs == 1
    assert found.foreign.auc_confidence == 1.0
    assert found.foreign.auc_synchronizability == 1.0
    assert found.foreign.confident == 0.0
    assert sum(item.n_answers for item in found.reliability) == 2


def test_what_was_not_asked_has_no_figures() -> None:
    found = figures("one", [_outcome(Question.FAR, 5.0, 5.0)])
    assert found.clip.median_ms is None
    assert found.window.accuracy is None
    assert found.foreign.auc_confidence is None
    assert found.foreign.confident is None
