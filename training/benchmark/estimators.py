"""Who is measured: the engines of the application and the simple classical variants."""

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
from training.benchmark.clips import Recording, Sound


@dataclass(frozen=True, slots=True, eq=False)
class Findings:
    """What there is to judge a clip by, as in a detection.

    Attributes:
        evidence: Of the windows.
        rule: The engine's rule for the confidence, if it has one.
        second: Evidence of the second opinion, where the rule asks for it.
    """

    evidence: Sequence[OffsetEvidence]
    rule: ConfidenceRule | None = None
    second: Sequence[OffsetEvidence] = ()


Analyze = Callable[[Sound, DetectionConfig], Sequence[Findings]]
"""Returns what each name of the estimator finds."""


class Estimator(Protocol):
    """One or several ways to judge, which share what they measure of the picture."""

    @property
    def names(self) -> tuple[str, ...]: ...

    @property
    def max_range_s(self) -> float: ...

    def begin(self, recording: Recording) -> Analyze:
        """Return what judges the picture of a recording against any sound of its length."""
        ...


@dataclass(frozen=True, slots=True)
class EngineEstimator:
    """An engine of the application, under a name of its own."""

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

        def judge(audio: Sound, config: DetectionConfig) -> Sequence[Findings]:
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

        return judge


@dataclass(frozen=True, slots=True)
class VariantsEstimator:
    """All simple classical variants."""

    names: tuple[str, ...] = baselines.VARIANTS
    max_range_s: float = 30.0

    def begin(self, recording: Recording) -> Analyze:
        motion = baselines.measure_motion(recording.chunks)

        def judge(audio: Sound, config: DetectionConfig) -> Sequence[Findings]:
            found = baselines.judge(motion, audio.waveform, audio.has_sample, config)
            return [Findings(evidence) for evidence in found]

        return judge


def use_one_thread() -> None:
    """Keep a worker process to one core, since there is one worker per core."""
    torch.set_num_threads(1)
