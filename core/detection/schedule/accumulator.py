"""Evidence of a clip, accumulated chunk by chunk: from engine, second opinion and meters."""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field, replace

import numpy as np

from core.detection.answer.estimate import estimate_offset
from core.detection.answer.map_search import find_sync_map
from core.detection.cache.clip_features import ClipFeatures
from core.detection.config import DetectionConfig
from core.detection.crop_plan import CENTRE, CropPlan
from core.detection.engines.base import (
    ClipContext,
    Engine,
    EngineRun,
    SharedEvidence,
)
from core.detection.engines.classical import ClassicalEngine
from core.detection.evidence import OffsetEvidence, joined, merge_squares
from core.detection.result import OffsetEstimate, Opinion
from core.detection.schedule.budget import TimeBudget
from core.detection.signals.activity import ActivityMeter
from core.detection.sync_map import SyncMap
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import WINDOW_SEGMENTS
from core.progress import Monitor, Unreported
from core.timing import TimeSpan


@dataclass(slots=True)
class _Gathered:
    """Evidence and meters of a chunk, or of all chunks."""

    evidence: list[OffsetEvidence] = field(default_factory=list)
    second: list[OffsetEvidence] = field(default_factory=list)
    activity: ActivityMeter = field(default_factory=ActivityMeter)

    def add(self, other: "_Gathered") -> None:
        self.evidence = _in_order([*self.evidence, *other.evidence])
        self.second = _in_order([*self.second, *other.second])
        # Each chunk has its own meter, since the step from one chunk to another is no motion.
        meter, found = self.activity, other.activity
        meter.peak_motion = max(meter.peak_motion, found.peak_motion)
        meter.peak_level_dbfs = max(meter.peak_level_dbfs, found.peak_level_dbfs)


class EvidenceAccumulator:
    """Runs engine and second opinion over decoded chunks and estimates the offset.

    Args:
        engine: Turns chunks into evidence.
        config: Options of the detection.
        on_evidence: Called with the evidence of each window once available.
        features: Visual features of the clip encoded before; None keeps nothing.

    Attributes:
        n_usable: Number of analysis frames so far with both video and audio.
        is_cut: The time budget ended within a chunk.
    """

    def __init__(
        self,
        engine: Engine,
        config: DetectionConfig,
        on_evidence: Callable[[OffsetEvidence], None] | None,
        features: ClipFeatures | None = None,
    ) -> None:
        self._engine, self._config, self._on_evidence = engine, config, on_evidence
        self._features = features
        self._all = _Gathered()
        self.n_usable, self.is_cut = 0, False

    @property
    def is_empty(self) -> bool:
        """Whether there is no evidence yet."""
        return not self._all.evidence

    @property
    def first_window_frame(self) -> int | None:
        """First analysis frame of the first whole window; None if there is none yet."""
        whole = (e.window for e in self._all.evidence if not e.window.is_padded)
        return next((window.first_frame for window in whole), None)

    @property
    def spans(self) -> tuple[TimeSpan, ...]:
        """Clip time covered by windows, without overlap."""
        spans: list[TimeSpan] = []
        for item in self._all.evidence:
            span = item.window.span
            if spans and span.start_s <= spans[-1].end_s:
                span = TimeSpan(spans[-1].start_s, max(spans.pop().end_s, span.end_s))
            spans.append(span)
        return tuple(spans)

    def add(
        self,
        chunks: Iterable[ClipChunk],
        n_frames: int,
        monitor: Monitor,
        budget: TimeBudget,
        plans: Sequence[CropPlan] = (CENTRE,),
    ) -> OffsetEstimate | None:
        """Analyze a chunk; return its own estimate, None if it is too short for a window.

        Args:
            chunks: Decoded pieces of the chunk, with the audio around it.
            n_frames: Length in analysis frames, approximate.
            monitor: Monitor of this chunk.
            budget: Ends the chunk once it is over and there is evidence.
            plans: Crop plans of an engine with a square view; each window is analyzed with all.

        Raises:
            Cancelled: The monitor asked to stop.
        """
        found = _Gathered()
        shared: SharedEvidence = {}
        contexts = [ClipContext(n_frames, plan, self._features, shared) for plan in plans]
        runs = [self._engine.start(self._config, monitor, context) for context in contexts]
        second: EngineRun | None = None
        if self._engine.id != ClassicalEngine().id:
            context = ClipContext(n_frames)
            second = ClassicalEngine().start(self._config, Unreported(monitor), context)
        waiting: list[list[OffsetEvidence]] = [[] for _ in runs]
        for chunk in chunks:
            if not chunk.is_margin:
                found.activity.measure(chunk)
            self.n_usable += int(np.count_nonzero(chunk.has_video & chunk.has_audio))
            if second:
                found.second += second.consume(chunk)
            self._take(found, waiting, [run.consume(chunk) for run in runs])
            if budget.is_over and (found.evidence or not self.is_empty):
                self.is_cut = True
                break
        if second:
            found.second += second.finish()
        self._take(found, waiting, [run.finish() for run in runs])
        self._all.add(found)
        return self._estimate(found) if found.evidence else None

    def estimate(self) -> OffsetEstimate:
        """Estimate of the engine over all evidence so far; there must be some."""
        return self._estimate(self._all)

    def evidence(self) -> tuple[OffsetEvidence, ...]:
        """All evidence so far in order of time, joined with the second opinion."""
        return tuple(
            item
            if item.window.index == index
            else replace(item, window=replace(item.window, index=index))
            for index, item in enumerate(self._joined(self._all))
        )

    def sync_map(self) -> SyncMap | None:
        """Sync map; None if the evidence supports none."""
        return find_sync_map(
            self.evidence(),
            self._config,
            rule=self._engine.confidence_rule,
            second=self._all.second,
        )

    def opinions(self) -> tuple[Opinion, Opinion | None]:
        """Estimate of the engine, and the second opinion if there is one."""
        opinion = Opinion(self._engine.name, self._engine.id, self.estimate())
        if not self._all.second:
            return opinion, None
        classical = ClassicalEngine()
        obstacle = self._all.activity.obstacle
        estimate = estimate_offset(self._all.second, self._config, reason=obstacle)
        return opinion, Opinion(classical.name, classical.id, estimate)

    def warnings(self) -> list[str]:
        """Sentences about limits of the answer."""
        windows = [item.window for item in self._all.evidence]
        if not all(window.is_padded for window in windows):
            return []
        longest = max(window.n_segments for window in windows)
        return [
            f"The clip is shorter than a window: {longest} of {WINDOW_SEGMENTS} segments have"
            " content, the rest is padding, so the answer is less certain."
        ]

    def _take(
        self,
        found: _Gathered,
        waiting: Sequence[list[OffsetEvidence]],
        answers: Sequence[Sequence[OffsetEvidence]],
    ) -> None:
        """Take the evidence of each plan; a window waits for the evidence of every plan."""
        for queue, new in zip(waiting, answers, strict=True):
            queue += new
        n_ready = min(map(len, waiting))
        ready = [queue[:n_ready] for queue in waiting]
        for queue in waiting:
            del queue[:n_ready]
        for item in ready[0] if len(ready) == 1 else merge_squares(ready):
            found.evidence.append(item)
            if self._on_evidence:
                self._on_evidence(item)

    def _joined(self, found: _Gathered) -> Sequence[OffsetEvidence]:
        rule = self._engine.confidence_rule
        if rule is None:
            return found.evidence
        return joined(found.evidence, found.second, rule.evidence_weight)

    def _estimate(self, found: _Gathered) -> OffsetEstimate:
        return estimate_offset(
            self._joined(found),
            self._config,
            reason=found.activity.obstacle,
            rule=self._engine.confidence_rule,
            second=found.second,
        )


def _in_order(evidence: Iterable[OffsetEvidence]) -> list[OffsetEvidence]:
    """Sort by time; later evidence replaces earlier evidence of the same window."""
    by_window = {item.window.first_frame: item for item in evidence}
    return [by_window[first_frame] for first_frame in sorted(by_window)]
