"""Estimators to measure: the engines of the application and the simple classical variants."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Protocol

import torch

from core.detection.answer.confidence import ConfidenceRule
from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext, Engine
from core.detection.engines.classical import ClassicalEngine
from core.detection.evidence import OffsetEvidence, joined
from core.progress import SILENT
from training.benchmark import baselines
from training.benchmark.clips import Audio, Recording


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """Input of the estimate for a clip, as in a detection.

    Attributes:
        evidence: Evidence of each window.
        rule: The engine's rule for the confidence, if it has one.
        second: Evidence of the second opinion, if the rule uses it.
    """

    evidence: Sequence[OffsetEvidence]
    rule: ConfidenceRule | None = None
    second: Sequence[OffsetEvidence] = ()


Analyze = Callable[[Audio, DetectionConfig], Sequence[Findings]]
"""Analyzes audio; returns the findings for each name of the estimator."""


class Estimator(Protocol):
    """One or several methods with common measurements of the video."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def max_range_s(self) -> float: ...

    def begin(self, recording: Recording) -> Analyze:
        """Prepare the analysis of a recording's video against any audio of the same length."""
        ...


@dataclass(frozen=True, slots=True)
class EngineEstimator:
    """An engine of the application under a label."""

    label: str
    engine: Engine

    @property
    def names(self) -> tuple[str, ...]:
        return (self.label,)

    @property
    def max_range_s(self) -> float:
        return self.engine.max_range_s

    def begin(self, recording: Recording) -> Analyze:
        engines = [self.engine]
        if self.engine.confidence_rule is not None:
            engines.append(ClassicalEngine())

        def analyze(audio: Audio, config: DetectionConfig) -> Sequence[Findings]:
            runs = [
                engine.start(config, SILENT, ClipContext(recording.n_frames)) for engine in engines
            ]
            found: list[list[OffsetEvidence]] = [[] for _ in runs]
            for chunk in recording.with_audio(audio):
                for run, evidence in zip(runs, found, strict=True):
                    evidence += run.consume(chunk)
            for run, evidence in zip(runs, found, strict=True):
                evidence += run.finish()
            rule = self.engine.confidence_rule
            if rule is None:
                return (Findings(found[0]),)
            joint = joined(found[0], found[1], rule.evidence_weight)
            return (Findings(joint, rule, found[1]),)

        return analyze


@dataclass(frozen=True, slots=True)
class VariantsEstimator:
    """All simple classical variants."""

    names: tuple[str, ...] = baselines.VARIANTS
    max_range_s: float = 30.0

    def begin(self, recording: Recording) -> Analyze:
        motion = baselines.measure_motion(recording.chunks)

        def analyze(audio: Audio, config: DetectionConfig) -> Sequence[Findings]:
            found = baselines.analyze(motion, audio.waveform, audio.has_sample, config)
            return [Findings(evidence) for evidence in found]

        return analyze


def use_one_thread() -> None:
    """Limit a worker process to one core; there is one worker per core."""
    torch.set_num_threads(1)
