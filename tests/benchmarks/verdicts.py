"""Counts verdicts against the truth on generated clips; prints tables in Markdown.

    python tests/benchmarks/verdicts.py [CLIPS_PER_SCENE [SEED]]

Of each scene, as many clips lie within the tolerance, outside it, and have the sound of another
clip. Where the built-in model answers, the classical estimate is its second opinion, as in the
application.
"""

import sys
from collections import Counter
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from enum import StrEnum

import numpy as np
import torch
from generated_scenes import SCENES, render

from core.detection.activity import ActivityMeter
from core.detection.classical.engine import ClassicalEngine
from core.detection.config import DetectionConfig
from core.detection.engine import ClipContext
from core.detection.engines import EngineChoice, open_engine
from core.detection.estimate import estimate_offset, judge_by
from core.detection.evidence import OffsetEvidence, joined
from core.detection.result import OffsetEstimate, Reason, Verdict
from core.model.catalog import BUILTIN, CLASSICAL
from core.progress import SILENT
from core.timing import Tolerance, tolerance_named

TOLERANCE_NAMES = ("bt1359", "bt1359-accept", "ebu-r37")
FARTHEST_S = 1.8
CLIP_FRAMES = 250


class Truth(StrEnum):
    """What the verdict should be."""

    IN_SYNC = "in sync"
    OUT_OF_SYNC = "out of sync"
    FOREIGN = "foreign sound"


@dataclass(frozen=True, slots=True)
class Trial:
    scene_index: int
    seed: int
    truth: Truth
    tolerance: Tolerance
    offset_s: float


@dataclass(frozen=True, slots=True)
class Answer:
    engine: str
    trial: Trial
    verdict: Verdict
    reason: Reason


def run(trial: Trial) -> list[Answer]:
    torch.set_num_threads(1)
    config, clip = DetectionConfig(), ClipContext(CLIP_FRAMES)
    engine, classical, activity = (
        open_engine(EngineChoice(BUILTIN)), ClassicalEngine(), ActivityMeter()
    )  # fmt: skip
    answering, second = (one.start(config, SILENT, clip) for one in (engine, classical))
    evidence: list[OffsetEvidence] = []
    others: list[OffsetEvidence] = []
    scene = SCENES[trial.scene_index]
    is_foreign = trial.truth is Truth.FOREIGN
    for chunk in render(scene, trial.seed, trial.offset_s, foreign_sound=is_foreign):
        activity.measure(chunk)
        evidence += answering.consume(chunk)
        others += second.consume(chunk)
    evidence += answering.finish()
    others += second.finish()
    rule, reason = engine.confidence_rule, activity.obstacle
    if rule is not None:
        evidence = joined(evidence, others, rule.evidence_weight)
    by_engine = {
        BUILTIN: estimate_offset(evidence, config, reason=reason, rule=rule, second=others),
        CLASSICAL: estimate_offset(others, config, reason=reason),
    }
    return [_answer(name, trial, estimate) for name, estimate in by_engine.items()]


def _answer(engine: str, trial: Trial, estimate: OffsetEstimate) -> Answer:
    judged = judge_by(estimate, trial.tolerance)
    return Answer(engine, trial, judged.verdict, judged.reason)


def trials_of(n_clips: int, seed: int) -> list[Trial]:
    rng = np.random.default_rng(seed)
    trials = []
    for tolerance in map(tolerance_named, TOLERANCE_NAMES):
        for index in range(len(SCENES)):
            for truth in Truth:
                for _ in range(n_clips):
                    offset_s = _offset(rng, truth, tolerance)
                    clip_seed = int(rng.integers(1, 2**31))
                    trials.append(Trial(index, clip_seed, truth, tolerance, offset_s))
    return trials


def _offset(rng: np.random.Generator, truth: Truth, tolerance: Tolerance) -> float:
    if truth is Truth.IN_SYNC:
        return float(rng.uniform(-tolerance.late_s, tolerance.early_s))
    while True:
        offset_s = float(rng.uniform(-FARTHEST_S, FARTHEST_S))
        if not tolerance.accepts(offset_s):
            return offset_s


def confusion(answers: list[Answer], engine: str, tolerance: Tolerance) -> str:
    lines = [
        f"{tolerance.title}, {engine}\n",
        f"| truth | {' | '.join(Verdict)} | clips |",
        "|---|" + "---:|" * (len(Verdict) + 1),
    ]
    for truth in Truth:
        some = [
            a.verdict
            for a in answers
            if (a.engine, a.trial.tolerance, a.trial.truth) == (engine, tolerance, truth)
        ]
        counts = [f"{some.count(verdict) / len(some):.1%}" for verdict in Verdict]
        lines.append(f"| {truth} | {' | '.join(counts)} | {len(some)} |")
    return "\n".join(lines)


def reasons(answers: list[Answer]) -> str:
    asked = [reason for reason in Reason if reason is not Reason.NONE]
    lines = [f"| truth | engine | {' | '.join(asked)} |", "|---|---|" + "---:|" * len(asked)]
    for truth in Truth:
        for engine in (BUILTIN, CLASSICAL):
            found = Counter(
                a.reason for a in answers if (a.engine, a.trial.truth) == (engine, truth)
            )
            counts = " | ".join(str(found[reason]) for reason in asked)
            lines.append(f"| {truth} | {engine} | {counts} |")
    return "\n".join(lines)


def main() -> None:
    n_clips = int(sys.argv[1]) if len(sys.argv) > 1 else 4
    seed = int(sys.argv[2]) if len(sys.argv) > 2 else 1
    with ProcessPoolExecutor(2) as executor:
        found = executor.map(run, trials_of(n_clips, seed), chunksize=4)
        answers = [answer for of_trial in found for answer in of_trial]
    print(f"Verdicts on clips of 10 s from {len(SCENES)} scenes, seed {seed}.\n")  # noqa: T201
    for tolerance in map(tolerance_named, TOLERANCE_NAMES):
        for engine in (BUILTIN, CLASSICAL):
            print(confusion(answers, engine, tolerance), end="\n\n")  # noqa: T201
    print(f"Why nothing could be told\n\n{reasons(answers)}")  # noqa: T201


if __name__ == "__main__":
    main()
