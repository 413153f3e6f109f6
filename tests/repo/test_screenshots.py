"""Screenshots of README and user guide, and the script that takes them."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]
NAMES = ("window.png", "export.png")
PNG_HEAD = b"\x89PNG"
LARGEST_BYTES = 300_000


@pytest.mark.parametrize("name", NAMES)
def test_screenshots_are_small_enough_for_a_page(name):
    path = ROOT / "docs" / "guide" / name

    assert path.read_bytes()[:4] == PNG_HEAD
    assert path.stat().st_size <= LARGEST_BYTES


def test_readme_shows_the_window():
    assert "](docs/guide/window.png)" in (ROOT / "README.md").read_text(encoding="utf-8")


@pytest.mark.slow
def test_screenshots_can_be_taken(tmp_path):
    subprocess.run(
        [sys.executable, ROOT / "packaging" / "screenshot.py", tmp_path],
        check=True,
        capture_output=True,
    )

    assert sorted(path.name for path in tmp_path.iterdir()) == sorted(NAMES)
