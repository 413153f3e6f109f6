"""Markdown tables of detections against the true offsets."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from core.detection.config import DetectionConfig
from core.detection.result import Verdict
from core.timing import Tolerance, tolerance_named

RIGHT_S = 0.1
TOLERANCES = tuple(map(tolerance_named, ("bt1359", "bt1359-accept", "ebu-r37")))
OWN, FOREIGN, REVERSED = "own sound", "sound of another clip", "own sound backwards"
DENSE_WAY, USUAL_WAY = "every 0.32 s", "every 0.64 s"


@dataclass(frozen=True, slots=True)
class Task:
    """One detection to run.

    Attributes:
        group: Name of the group of clips.
        path: Path of the clip.
        audio: OWN, FOREIGN or REVERSED.
        config: Options, with the simulated offset.
        way: Name of the options.
        other: Source of FOREIGN audio.
        is_long: Whether the clip lasts a minute.
    """

    group: str
    path: Path
    audio: str
    config: DetectionConfig
    way: str
    other: Path | None = None
    is_long: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """Result of a detection.

    Attributes:
        task: The task.
        argmax_s: Centre of the class with the largest sum of logits over all windows.
        fused_s: Estimated offset.
        interval_s: Interval of the offset.
        is_confident: Whether the estimate is confident.
        verdicts: Verdict by tolerance, in the order of TOLERANCES.
        analyzed_s: Clip time within windows.
        elapsed_s: Duration of the detection.
    """

    task: Task
    argmax_s: float
    fused_s: float
    interval_s: tuple[float, float]
    is_confident: bool
    verdicts: tuple[Verdict, ...]
    analyzed_s: float
    elapsed_s: float

    @property
    def truth_s(self) -> float:
        return self.task.config.simulate_offset_s

    @property
    def is_covered(self) -> bool:
        low, high = self.interval_s
        return low <= self.truth_s <= high


def milliseconds(values_s: Iterable[float]) -> str:
    errors = 1000 * np.abs(list(values_s))
    if not len(errors):
        return "–"
    return f"{np.median(errors):.0f} / {np.quantile(errors, 0.9):.0f}"


def share(values: Iterable[bool]) -> str:
    found = list(values)
    return f"{np.mean(found):.2f}" if found else "–"


def precision_table(outcomes: Sequence[Outcome]) -> list[str]:
    lines = [
        "| clips | windows | plain argmax | fused | fused, if confident | confident | wrong |"
        " covered | covered if confident | analyzed of each |",
        "|---|---|---|---|---|---|---|---|---|---|",
    ]
    own = [o for o in outcomes if o.task.audio == OWN]
    short = [o for o in own if not o.task.is_long]
    pooled = [replace(o, task=replace(o.task, group="all of 10 s")) for o in short]
    rows = own + pooled
    for group, way in dict.fromkeys((o.task.group, o.task.way) for o in rows):
        some = [o for o in rows if (o.task.group, o.task.way) == (group, way)]
        sure = [o for o in some if o.is_confident]
        lines.append(
            f"| {group}, {len(some)} answers | {way}"
            f" | {milliseconds(o.argmax_s - o.truth_s for o in some)}"
            f" | {milliseconds(o.fused_s - o.truth_s for o in some)}"
            f" | {milliseconds(o.fused_s - o.truth_s for o in sure)}"
            f" | {share(o.is_confident for o in some)}"
            f" | {share(abs(o.fused_s - o.truth_s) > RIGHT_S for o in sure)}"
            f" | {share(o.is_covered for o in some)} | {share(o.is_covered for o in sure)}"
            f" | {np.mean([o.analyzed_s for o in some]):.1f} s |"
        )
    return lines


def verdict_table(outcomes: Sequence[Outcome]) -> list[str]:
    usual = [o for o in outcomes if o.task.way == USUAL_WAY]
    lines = [
        "| tolerance | truth | answers | in sync | out of sync | cannot tell |",
        "|---|---|---:|---:|---:|---:|",
    ]
    for number, tolerance in enumerate(TOLERANCES):
        for truth, some in by_truth(usual, tolerance):
            verdicts = [o.verdicts[number] for o in some]
            counts = (f"{verdicts.count(v) / len(verdicts):.3f}" for v in Verdict)
            lines.append(f"| {tolerance.title} | {truth} | {len(some)} | {' | '.join(counts)} |")
    return lines


def by_truth(
    outcomes: Sequence[Outcome], tolerance: Tolerance
) -> Iterator[tuple[str, list[Outcome]]]:
    own = [o for o in outcomes if o.task.audio == OWN]
    yield "in sync", [o for o in own if tolerance.accepts(o.truth_s)]
    yield "out of sync", [o for o in own if not tolerance.accepts(o.truth_s)]
    for audio in (FOREIGN, REVERSED):
        yield audio, [o for o in outcomes if o.task.audio == audio]
