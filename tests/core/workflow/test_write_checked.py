from collections.abc import Callable
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.correction.correction import Correction
from core.correction.verify.verify import verify_corrected
from core.errors import Cancelled, ExportError
from core.media.probe import probe
from core.progress import SILENT, Progress
from core.workflow import export
from core.workflow.export import write_checked

LATER = Correction((1,), Fraction(4, 25))
OPTIONS = {"overwrite": True, "layout": None, "keeps_times": False}


class _StoppedWhileChecking:
    def __init__(self) -> None:
        self.stage = ""

    def report(self, progress: Progress) -> None:
        self.stage = progress.stage

    def check(self) -> None:
        if self.stage.startswith("Checking"):
            raise Cancelled


@pytest.mark.parametrize("suffix", ["mp4", "mkv", "ts", "flv"])
def test_file_is_compared_before_it_gets_its_name(
    make_clip: Callable[..., Path], tmp_path: Path, suffix: str
) -> None:
    clip = make_clip(f"clip.{suffix}", duration_s=2.0, size=(64, 48))
    target = tmp_path / f"out.{suffix}"
    written = write_checked(probe(clip), target, LATER, SILENT, verifies=True, **OPTIONS)
    assert written.found == verify_corrected(probe(clip), target, LATER)
    assert written.notes == ()
    unchecked = write_checked(probe(clip), target, LATER, SILENT, verifies=False, **OPTIONS)
    assert unchecked.found is None


def test_file_that_fails_leaves_what_was_there(
    make_clip: Callable[..., Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    clip, target = make_clip(duration_s=2.0, size=(64, 48)), tmp_path / "out.mp4"
    target.write_text("an earlier file")

    def differing(*arguments: object) -> object:
        return replace(verify_corrected(*arguments), packets_equal=False)  # type: ignore[arg-type]

    monkeypatch.setattr(export, "verify_corrected", differing)
    with pytest.raises(ExportError, match="was not kept"):
        write_checked(probe(clip), target, LATER, SILENT, verifies=True, **OPTIONS)
    assert target.read_text() == "an earlier file"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["clip.mp4", "out.mp4"]


def test_stopping_the_comparison_leaves_no_file(
    make_clip: Callable[..., Path], tmp_path: Path
) -> None:
    clip, target = make_clip(duration_s=2.0, size=(64, 48)), tmp_path / "out.mp4"
    with pytest.raises(Cancelled):
        write_checked(probe(clip), target, LATER, _StoppedWhileChecking(), verifies=True, **OPTIONS)
    assert [path.name for path in tmp_path.iterdir()] == ["clip.mp4"]
