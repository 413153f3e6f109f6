"""Measures the classical engine on generated clips; prints a table.

    python tests/benchmarks/classical_accuracy.py [CLIPS_PER_ROW]

"wrong" is the share of clips with a confident answer more than 100 ms off; with foreign audio every
confident answer is wrong.
"""

import sys
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass

import numpy as np
from generated_scenes import SCENES, render

from core.detection.answer.estimate import estimate_offset
from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext
from core.detection.engines.classical import ClassicalEngine
from core.progress import SILENT


@dataclass(frozen=True, slots=True)
class Trial:
    scene_index: int
    seed: int
    offset_s: float
    is_foreign: bool


@dataclass(frozen=True, slots=True)
class Outcome:
    error_s: float
    is_confident: bool
    is_covered: bool
    width_s: float


def run(trial: Trial) -> Outcome:
    config = DetectionConfig()
    engine_run = ClassicalEngine().start(config, SILENT, ClipContext(250))
    evidence = []
    scene = SCENES[trial.scene_index]
    for chunk in render(scene, trial.seed, trial.offset_s, foreign_sound=trial.is_foreign):
        evidence += engine_run.consume(chunk)
    evidence += engine_run.finish()
    answer = estimate_offset(evidence, config)
    low, high = answer.interval_s
    return Outcome(
        error_s=answer.offset_s - trial.offset_s,
        is_confident=answer.is_confident,
        is_covered=low <= trial.offset_s <= high,
        width_s=high - low,
    )


def row(name: str, outcomes: list[Outcome], *, is_foreign: bool) -> str:
    errors_ms = 1000 * np.array([o.error_s for o in outcomes])
    confident = np.array([o.is_confident for o in outcomes])
    wrong = confident & (is_foreign | (np.abs(errors_ms) > 100))
    cells = f"{name:34s} {len(outcomes):3d} {confident.mean():9.2f} {wrong.mean():6.2f}"
    if is_foreign:
        return cells
    covered = np.mean([o.is_covered for o in outcomes])
    sure = np.mean([o.is_covered for o in outcomes if o.is_confident]) if confident.any() else 1
    return cells + (
        f" {np.mean(np.abs(errors_ms) <= 100):8.2f} {np.median(np.abs(errors_ms)):8.0f}"
        f" {np.median(errors_ms):+8.0f} {covered:8.2f} {sure:9.2f}"
    )


def main() -> None:
    n_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 10
    rng = np.random.default_rng(1)
    trials = [
        Trial(i, 100_000 + 1000 * i + k, round(float(rng.uniform(-1.8, 1.8)), 3), is_foreign)
        for is_foreign in (False, True)
        for i in range(len(SCENES))
        for k in range(n_clips)
    ]
    with ProcessPoolExecutor(2) as executor:
        outcomes = list(executor.map(run, trials, chunksize=4))
    header = "clips                                n confident  wrong  <=100ms   median     bias"
    print(header + "  covered  if sure")  # noqa: T201
    for is_foreign in (False, True):
        of_group: list[Outcome] = []
        for i, scene in enumerate(SCENES):
            of_row = [
                o
                for t, o in zip(trials, outcomes, strict=True)
                if t.scene_index == i and t.is_foreign == is_foreign
            ]
            of_group += of_row
            name = scene.name + (", foreign sound" if is_foreign else "")
            print(row(name, of_row, is_foreign=is_foreign))  # noqa: T201
        print(row("all", of_group, is_foreign=is_foreign))  # noqa: T201


if __name__ == "__main__":
    main()
