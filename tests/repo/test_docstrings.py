"""Docstrings begin with a noun or a verb of the field, and hang few relative clauses on it."""

import re
from pathlib import Path

import pytest

from tests.benchmarks.house import PACKAGES, docstrings_of, relative_words_per_1000

ROOT = Path(__file__).resolve().parents[2]
ROUNDABOUT = re.compile(
    r"\s*(return|say|tell)s?\s+(of\s+(what|how)|by\s+how\s+much|what|which|whether|how|where|who)\b",
    re.IGNORECASE,
)
MOST_RELATIVE_WORDS_PER_1000 = 15


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_do_not_begin_with_a_relative_clause(package):
    offenders = [
        f"{path.relative_to(ROOT)}:{line}: {text.splitlines()[0]}"
        for path in sorted((ROOT / package).rglob("*.py"))
        for line, text in docstrings_of(path)
        if ROUNDABOUT.match(text)
    ]

    assert offenders == []


@pytest.mark.parametrize("package", PACKAGES)
def test_docstrings_have_few_relative_words(package):
    found = relative_words_per_1000(ROOT / package)

    assert found <= MOST_RELATIVE_WORDS_PER_1000


@pytest.mark.parametrize(
    ("text", "is_refused"),
    [
        ("Return what FFmpeg reads.", True),
        ("Return of how many pieces a track is made.", True),
        ("Says by how much the audio is early.", True),
        ("Tell whether the file is complete.", True),
        ("Return the number of pieces of a track.", False),
        ("Tolerance that a name stands for.", False),
        ("Returned to the caller.", False),
    ],
)
def test_the_pattern_refuses_relative_clauses_only(text, is_refused):
    assert bool(ROUNDABOUT.match(text)) is is_refused
