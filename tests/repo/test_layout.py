"""Sizes of folders, modules and documents."""

from pathlib import Path

import pytest

from tests.benchmarks.house import (
    PACKAGES,
    cycles,
    importers,
    modules_of,
    modules_per_folder,
    n_lines,
)

ROOT = Path(__file__).resolve().parents[2]
MOST_MODULES = 18
MOST_LINES = 550
SCENES = "training/data/synthetic/scenes"
"""One module per kind of event, all alike."""

MOST_README_LINES = 120
LONGEST_LINE = 120
STRICT = [ROOT / "README.md", *(ROOT / "docs" / "guide").glob("*.md")]
DEEP = [
    ROOT / "docs" / f"{name}.md"
    for name in ("accuracy", "architecture", "correction", "performance")
]


def test_no_folder_is_crowded():
    crowded = {name: n for name, n in modules_per_folder(ROOT).items() if n > MOST_MODULES}
    crowded.pop(SCENES, None)

    assert crowded == {}


@pytest.mark.parametrize("package", PACKAGES)
def test_no_module_is_long(package):
    sizes = {str(path.relative_to(ROOT)): n_lines(path) for path in modules_of(ROOT / package)}

    assert {name: n for name, n in sizes.items() if n > MOST_LINES} == {}


def test_no_modules_import_each_other():
    assert cycles(importers(ROOT)) == []


def test_cycles_are_found_through_others():
    imported_by = {"a": {"b"}, "b": {"c"}, "c": {"a"}, "d": {"a"}}

    found = cycles({name: frozenset(others) for name, others in imported_by.items()})

    assert found == [["a", "b", "c"]]


def test_readme_is_short():
    assert n_lines(ROOT / "README.md") <= MOST_README_LINES


@pytest.mark.parametrize("document", [*STRICT, *DEEP], ids=lambda path: path.name)
def test_lines_of_documents_fit_a_screen(document):
    long = [
        number
        for number, line in enumerate(document.read_text(encoding="utf-8").splitlines(), start=1)
        # Rows of tables cannot be wrapped.
        if len(line) > LONGEST_LINE and not (line.startswith("|") and document not in STRICT)
    ]

    assert long == []
