"""Opens of the source, and plans made, by one run of `correct`."""

import os
import sys
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import av
import pytest

from core.correction.plan import plan as planning
from core.workflow import export
from synchformer_gui.cli import export_options
from synchformer_gui.cli.main import main

CLASSICAL = ("--model", "classical", "--no-cache")
MAX_OPENS = 12


@dataclass
class Counts:
    """Counted calls.

    Attributes:
        source: File whose opens are counted.
        n_opens: Opens by Python and by PyAV.
        n_plans: Calls of `plan`.
    """

    source: Path
    n_opens: int = 0
    n_plans: int = 0

    def count(self, path: object) -> None:
        if isinstance(path, str | bytes | os.PathLike):
            self.n_opens += os.fsdecode(path) == str(self.source)


_counted: list[Counts] = []


def _on_event(event: str, arguments: tuple[object, ...]) -> None:
    if event == "open":
        for counts in _counted:
            counts.count(arguments[0])


@pytest.fixture(scope="module", autouse=True)
def _audit() -> None:
    # Python cannot remove the hook again; without counts it does nothing.
    sys.addaudithook(_on_event)


@pytest.fixture
def count(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[Path], Counts]]:
    """Function that begins to count the opens of a file and the plans."""

    def begin(source: Path) -> Counts:
        counts = Counts(source)
        open_container, plan = av.open, planning.plan

        def open_counted(file: object, *arguments: Any, **options: Any) -> object:
            counts.count(file)
            return open_container(file, *arguments, **options)

        def plan_counted(*arguments: Any, **options: Any) -> planning.CorrectionPlan:
            counts.n_plans += 1
            return plan(*arguments, **options)

        monkeypatch.setattr(av, "open", open_counted)
        for module in (planning, export, export_options):
            monkeypatch.setattr(module, "plan", plan_counted)
        _counted.append(counts)
        return counts

    yield begin
    _counted.clear()


@pytest.mark.parametrize(
    ("name", "options"),
    [
        ("clip.mp4", {}),
        ("clip.mp4", {"n_audio": 4}),
        ("clip.mkv", {}),
        ("clip.ts", {}),
        ("clip.avi", {"video_codec": "mpeg4", "audio_codec": "pcm_s16le"}),
    ],
)
def test_a_delay_is_planned_once_and_opens_the_source_a_few_times(
    name: str, options: dict[str, object], make_clip: Callable[..., Path], count: Any
) -> None:
    clip = make_clip(name, duration_s=2.0, size=(96, 80), **options)
    counts = count(clip)
    words = ["--audio-stream", "all", "--delay", "160ms"]
    assert main(["correct", str(clip), *words, "-o", str(clip.with_stem("out"))]) == 0
    assert counts.n_plans == 1
    assert counts.n_opens <= MAX_OPENS


def test_another_container_is_planned_once(make_clip: Callable[..., Path], count: Any) -> None:
    clip = make_clip(duration_s=2.0, size=(96, 80))
    counts = count(clip)
    target = clip.with_name("out.mkv")
    assert main(["correct", str(clip), "--delay", "-160ms", "-o", str(target)]) == 0
    assert counts.n_plans == 1
    assert counts.n_opens <= MAX_OPENS


def test_a_choice_of_an_inexact_shift_needs_no_second_plan(
    make_clip: Callable[..., Path], count: Any
) -> None:
    clip = make_clip("clip.avi", duration_s=2.0, audio_codec="libmp3lame", rate_hz=48000)
    counts = count(clip)
    words = ["--delay", "160ms", "--inexact", "nearest", "-o", str(clip.with_stem("out"))]
    assert main(["correct", str(clip), *words]) == 0
    assert counts.n_plans == 1
    assert counts.n_opens <= MAX_OPENS


def test_a_detected_delay_is_planned_before_and_after(
    make_clip: Callable[..., Path], count: Any
) -> None:
    """Before, so that no detection is in vain; after, with the delay."""
    clip = make_clip(duration_s=8.0, offset_s=0.3, size=(160, 128))
    counts = count(clip)
    assert main(["correct", str(clip), "--detect", *CLASSICAL]) == 0
    assert counts.n_plans == 2
