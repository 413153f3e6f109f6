"""Questions of a benchmark to every estimator, and the answers.

Audio is shifted by known amounts. Answers are kept for each window alone and for the whole clip.
"""

import logging
import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.detection.answer.estimate import estimate_offset
from core.detection.config import DetectionConfig
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence
from core.detection.result import Reason
from core.errors import DetectionError, MediaError
from core.model.synchformer.offset_classes import MAX_OFFSET_S, OFFSET_GRID_S, STEP_S, class_of
from training.benchmark.clips import Audio, Recording, read_audio, read_recording
from training.benchmark.estimators import Estimator, Findings

log = logging.getLogger(__name__)

NEAR_RANGE_S = MAX_OFFSET_S + STEP_S / 2
"""Range of the axis; makes the outermost classes as wide as the others."""

NEAR_S = 1.9
"""Largest offset off the grid."""

FAR_RANGE_S = 8.0
FAR_S = 7.5
FAR_LEAST_S = 20.0
"""Shortest clip for far offsets."""

N_FREE_OF_ALL = 10
"""Number of offsets off the grid, and of far ones, of a clip that is asked for all classes."""


class Question(StrEnum):
    """Kind of a trial.

    CLASS and FREE: an offset on or off the class grid. FAR: an offset up to 7.5 s. FOREIGN: the
    audio belongs to another clip.
    """

    CLASS = "class"
    FREE = "free"
    FAR = "far"
    FOREIGN = "foreign"


@dataclass(frozen=True, slots=True)
class Trial:
    """A question about one clip.

    Attributes:
        question: Kind of the trial.
        offset_s: True offset.
        foreign: Source clip of the audio, with FOREIGN.
    """

    question: Question
    offset_s: float
    foreign: Path | None = None

    @property
    def range_s(self) -> float:
        return FAR_RANGE_S if self.question is Question.FAR else NEAR_RANGE_S


@dataclass(frozen=True, slots=True)
class ClipTask:
    """One clip and its partners.

    Attributes:
        path: File of the clip.
        group: Row of the tables: the scene of a generated clip, the name of a real one.
        foreign: Clips to take foreign audio from.
        all_classes: All 21 classes and ten free offsets instead of one each.
        only_far: Far offsets alone.
    """

    path: Path
    group: str
    foreign: tuple[Path, ...] = ()
    all_classes: bool = False
    only_far: bool = False


@dataclass(frozen=True, slots=True)
class Outcome:
    """An estimator's answers to one trial.

    Attributes:
        estimator: Name of the estimator.
        group: Group of the task.
        clip: Name of the file.
        question: Kind of the trial.
        offset_s: True offset.
        window_errors_s: Error of the most probable offset of each whole window alone.
        window_distances: Decided minus true class of each whole window, with CLASS.
        answer_s: Estimated offset of the whole clip.
        interval_s: 90 % interval of the whole clip.
        confidence: Confidence for the whole clip.
        is_confident: The application would give the answer.
        synchronizability: Mean over the windows; None if the estimator has no such score.
    """

    estimator: str
    group: str
    clip: str
    question: Question
    offset_s: float
    window_errors_s: tuple[float, ...]
    window_distances: tuple[int, ...]
    answer_s: float
    interval_s: tuple[float, float]
    confidence: float
    is_confident: bool
    synchronizability: float | None

    @property
    def error_s(self) -> float:
        return self.answer_s - self.offset_s

    @property
    def class_distance(self) -> int:
        return class_of(self.answer_s) - class_of(self.offset_s)


def plan_trials(task: ClipTask, duration_s: float, seed: int) -> tuple[Trial, ...]:
    """Choose the offsets of a clip; they depend only on the seed, its name and its length."""
    rng = np.random.default_rng([seed, zlib.crc32(task.path.name.encode())])
    grid = [round(float(offset_s), 1) for offset_s in OFFSET_GRID_S]
    classes = grid if task.all_classes else [grid[rng.integers(len(grid))]]
    n_free = N_FREE_OF_ALL if task.all_classes else 1
    free = [_draw(rng, NEAR_S) for _ in range(n_free)]
    far = [_draw(rng, FAR_S) for _ in range(n_free)]
    trials: list[Trial] = []
    if not task.only_far:
        trials += [Trial(Question.CLASS, offset_s) for offset_s in classes]
        trials += [Trial(Question.FREE, offset_s) for offset_s in free]
        trials += [Trial(Question.FOREIGN, 0.0, foreign) for foreign in task.foreign]
    if duration_s >= FAR_LEAST_S:
        trials += [Trial(Question.FAR, offset_s) for offset_s in far]
    return tuple(trials)


def run_clip(task: ClipTask, estimators: Sequence[Estimator], seed: int) -> tuple[Outcome, ...]:
    """Decode a clip once and put all questions about it to all estimators.

    Raises:
        MediaError: The file cannot be read, or lacks video or audio.
        DetectionError: The clip is too short.
    """
    recording = read_recording(task.path)
    trials = plan_trials(task, recording.duration_s, seed)
    posed = tuple(_posed(recording, trials))
    outcomes = []
    for estimator in estimators:
        analyze = estimator.begin(recording)
        for trial, audio in posed:
            # A network of 21 classes knows no other offsets; it is not asked for far ones.
            if trial.question is Question.FAR and trial.range_s > estimator.max_range_s:
                continue
            config = DetectionConfig(range_s=min(trial.range_s, estimator.max_range_s))
            for name, found in zip(estimator.names, analyze(audio, config), strict=True):
                if not found.evidence:
                    raise DetectionError(
                        f"{task.path.name} has no window left at an offset of"
                        f" {trial.offset_s:g} s; choose longer clips.",
                        path=task.path,
                    )
                outcomes.append(_outcome(name, task, trial, found, config, recording.obstacle))
    return tuple(outcomes)


def decided_class(evidence: OffsetEvidence) -> int:
    """Most probable of the 21 classes; a class holds all offsets up to half a step away."""
    if evidence.posterior is not None:
        return int(evidence.posterior.probabilities.argmax())
    distances = np.abs(evidence.axis_s - OFFSET_GRID_S.astype(np.float64)[:, None])
    inside: NDArray[np.bool_] = distances <= STEP_S / 2 + AXIS_STEP_S / 10
    return int((inside @ evidence.probabilities).argmax())


def _draw(rng: np.random.Generator, largest_s: float) -> float:
    """Draw an offset on a grid of 1 ms."""
    return round(float(rng.uniform(-largest_s, largest_s)), 3)


def _posed(recording: Recording, trials: Sequence[Trial]) -> Iterator[tuple[Trial, Audio]]:
    """Yield each trial with its audio."""
    for trial in trials:
        if trial.foreign is None:
            yield trial, recording.audio.shifted(trial.offset_s)
            continue
        try:
            foreign = read_audio(trial.foreign)
        except (MediaError, DetectionError) as error:
            # The foreign clip itself is listed as left out for the same reason.
            log.warning("One foreign audio is left out: %s", error.message)
            continue
        yield trial, foreign.of_length(recording.n_frames)


def _outcome(
    name: str,
    task: ClipTask,
    trial: Trial,
    found: Findings,
    config: DetectionConfig,
    obstacle: Reason,
) -> Outcome:
    evidence = found.evidence
    estimate = estimate_offset(
        evidence, config, reason=obstacle, rule=found.rule, second=found.second
    )
    whole = [item for item in evidence if not item.window.is_padded]
    best = [float(item.axis_s[item.probabilities.argmax()]) for item in whole]
    is_on_grid = trial.question is Question.CLASS
    true_class = class_of(trial.offset_s)
    scores = [e.synchronizability for e in evidence if e.synchronizability is not None]
    return Outcome(
        estimator=name,
        group=task.group,
        clip=task.path.name,
        question=trial.question,
        offset_s=trial.offset_s,
        window_errors_s=tuple(best_s - trial.offset_s for best_s in best),
        window_distances=tuple(decided_class(item) - true_class for item in whole if is_on_grid),
        answer_s=estimate.offset_s,
        interval_s=estimate.interval_s,
        confidence=estimate.confidence,
        is_confident=estimate.is_confident,
        synchronizability=float(np.mean(scores)) if scores else None,
    )
