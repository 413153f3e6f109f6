"""Detection of a file's offset: decodes, analyzes chunk by chunk and ends in time."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.detection.answer.verdict import clip_verdict
from core.detection.cache.clip_features import ClipFeatures, temporary_features
from core.detection.config import DetectionConfig
from core.detection.crop.autocrop import plan_crops
from core.detection.crop_plan import CENTRE, CropPlan, joined_plans
from core.detection.engines.base import STAGE, Engine
from core.detection.evidence import OffsetEvidence
from core.detection.result import Coverage, Detection, OffsetEstimate, Stop
from core.detection.schedule.accumulator import EvidenceAccumulator
from core.detection.schedule.budget import SubProgress, TimeBudget, with_early_stop
from core.detection.schedule.chunks import (
    Chunk,
    aligned,
    is_settled,
    next_chunk,
    plan_chunks,
)
from core.detection.schedule.scope import Scope, scope_of
from core.errors import DetectionError
from core.media.decoder import ClipDecoder
from core.media.probe import probe
from core.model.synchformer.dimensions import CROP_FRAMES, SEGMENT_FRAMES
from core.progress import SILENT, Monitor, Progress, Unreported
from core.timing import VIDEO_FPS

_DEFAULTS = DetectionConfig()


def detect(
    path: Path,
    engine: Engine,
    config: DetectionConfig = _DEFAULTS,
    monitor: Monitor = SILENT,
    on_evidence: Callable[[OffsetEvidence], None] | None = None,
    features: ClipFeatures | None = None,
) -> Detection:
    """Probe a file and detect its offset: `detect_scope` of a path.

    Raises:
        MediaError: The file cannot be read, or has no video or audio.
        DetectionError, Cancelled: As in `detect_scope`.
    """
    return detect_scope(scope_of(probe(path), config), engine, monitor, on_evidence, features)


def detect_scope(
    scope: Scope,
    engine: Engine,
    monitor: Monitor = SILENT,
    on_evidence: Callable[[OffsetEvidence], None] | None = None,
    features: ClipFeatures | None = None,
) -> Detection:
    """Detect the offset of a probed file; the file is only read.

    Args:
        scope: File, streams, part and options.
        engine: Turns the clip into evidence.
        monitor: Receives the progress; may cancel.
        on_evidence: Called with the evidence of each window once available, in the order of
            analysis.
        features: Visual features of the file, kept between detections.

    Raises:
        MediaError: Video or audio cannot be decoded.
        DetectionError: The clip is too short, or the range is larger than the engine's.
        Cancelled: The monitor asked to stop.
    """
    budget = TimeBudget(scope.config.budget_s)
    if scope.config.range_s > engine.max_range_s:
        raise DetectionError(
            f"The {engine.name} finds offsets up to {engine.max_range_s:g} s only; choose a range"
            f" of at most {engine.max_range_s:g} s instead of {scope.config.range_s:g} s."
        )
    config = with_early_stop(scope.config, engine, scope.info.duration_s)
    scope = replace(scope, config=config)
    # A single pass through one square meets no segment twice.
    is_repeated = engine.sees_square and (config.is_anytime or config.crop == "multi")
    if features is None and is_repeated:
        features = temporary_features()
    if features is not None:
        features.count_from_video(scope.video, scope.audio)
    accumulator = EvidenceAccumulator(engine, config, on_evidence, features)
    analysis = _Analysis(scope, accumulator, budget, engine.sees_square)
    stop = analysis.run(monitor)
    opinion, second = accumulator.opinions()
    sync_map = accumulator.sync_map()
    estimate = clip_verdict(opinion.estimate, sync_map, config.tolerance)
    return Detection(
        info=scope.info,
        config=config,
        opinion=replace(opinion, estimate=estimate),
        second_opinion=second,
        evidence=accumulator.evidence(),
        video_stream_index=scope.video.index,
        audio_stream_index=scope.audio.index,
        warnings=(*analysis.warnings, *accumulator.warnings()),
        elapsed_s=budget.elapsed_s,
        coverage=Coverage(accumulator.spans, stop),
        sync_map=sync_map,
        crops=analysis.crops if engine.sees_square else (),
    )


class _Analysis:
    """Analysis of a clip as a whole, or chunk by chunk until the answer is good enough.

    Attributes:
        warnings: Sentences about adjustments and decoding errors.
    """

    def __init__(
        self,
        scope: Scope,
        accumulator: EvidenceAccumulator,
        budget: TimeBudget,
        sees_square: bool,
    ) -> None:
        self._scope, self._config = scope, scope.config
        self._accumulator, self._budget = accumulator, budget
        self._is_planned = sees_square and scope.config.crop != "centre"
        self._plans: dict[int, tuple[CropPlan, ...]] = {}
        self.warnings: tuple[str, ...] = (scope.warning,) if scope.warning else ()

    @property
    def crops(self) -> tuple[CropPlan, ...]:
        """Crop plans over all analyzed chunks."""
        return joined_plans(sorted(self._plans.items()))

    def run(self, monitor: Monitor) -> Stop:
        """Analyze as much as the options ask for; return the reason for the end.

        Raises:
            MediaError: Video or audio cannot be decoded.
            DetectionError: There is too little of them.
            Cancelled: The monitor asked to stop.
        """
        stop = Stop.COMPLETE
        if self._config.is_anytime:
            stop = self._detect_in_chunks(monitor)
            monitor.report(Progress(STAGE, 1.0))
        else:
            self._add(self._scope.whole, self._scope.n_expected, monitor)
        self._require_evidence()
        return stop

    def _detect_in_chunks(self, monitor: Monitor) -> Stop:
        config, accumulator, scope = self._config, self._accumulator, self._scope
        chunks = plan_chunks(scope.whole, scope.n_expected, config.hop_segments)
        found: dict[int, OffsetEstimate | None] = {}
        is_aligned = False
        while (index := next_chunk(found, len(chunks))) is not None:
            chunk = chunks[index]
            n_left = scope.whole.first_frame + scope.n_expected - chunk.first_frame
            part = SubProgress(monitor, len(found), len(chunks), self._budget)
            found[index] = self._add(chunk, max(1, min(chunk.n_frames or n_left, n_left)), part)
            if accumulator.is_empty:
                if self._budget.is_over:
                    raise DetectionError(
                        f"In {config.budget_s:g} s, no part of {scope.info.path.name} with both"
                        " picture and sound was found; allow more time or choose a part.",
                        path=scope.info.path,
                    )
                continue
            if accumulator.is_cut or (self._budget.is_over and len(found) < len(chunks)):
                return Stop.BUDGET
            if not is_aligned and accumulator.first_window_frame is not None:
                chunks = aligned(chunks, accumulator.first_window_frame, config.hop_segments)
                is_aligned = True
            if config.until_s is not None and is_settled(
                accumulator.estimate(), found, len(chunks), config.until_s
            ):
                return Stop.COMPLETE if len(found) == len(chunks) else Stop.PRECISE
        return Stop.COMPLETE

    def _add(self, chunk: Chunk, n_expected: int, monitor: Monitor) -> OffsetEstimate | None:
        plans: tuple[CropPlan, ...] = (CENTRE,)
        if self._is_planned:
            with self._decoder(chunk, monitor) as decoder:
                # The pass is short beside the analysis of the chunk, and that progress is shown.
                shown = Unreported(monitor) if self._config.is_anytime else monitor
                plans = plan_crops(decoder, n_expected, self._config, shown)
        self._plans[chunk.first_frame] = plans
        with self._decoder(chunk, monitor) as decoder:
            estimate = self._accumulator.add(decoder, n_expected, monitor, self._budget, plans)
            self.warnings = tuple(dict.fromkeys((*self.warnings, *decoder.warnings)))
        return estimate

    def _decoder(self, chunk: Chunk, monitor: Monitor) -> ClipDecoder:
        scope = self._scope
        return ClipDecoder(
            scope.info,
            video_stream_index=scope.video.index,
            audio_stream_index=scope.audio.index,
            audio_shift_samples=scope.audio_shift_samples,
            first_frame=chunk.first_frame,
            n_frames=chunk.n_frames,
            n_margin_frames=scope.n_margin_frames,
            monitor=monitor,
        )

    def _require_evidence(self) -> None:
        config, path, n_usable = self._config, self._scope.info.path, self._accumulator.n_usable
        if config.window_start_s is not None and n_usable < CROP_FRAMES:
            raise DetectionError(
                f"A window that starts at {config.window_start_s:g} s needs"
                f" {CROP_FRAMES / VIDEO_FPS:g} s of picture and sound from there on, but"
                f" {path.name} has {n_usable / VIDEO_FPS:.2f} s; choose an earlier start.",
                path=path,
            )
        if self._accumulator.is_empty:
            part, choose = path.name, "a longer clip"
            if config.is_region:
                part, choose = f"The chosen part of {path.name}", "a longer part"
            raise DetectionError(
                f"{part} has less than {SEGMENT_FRAMES / VIDEO_FPS:g} s with both picture and"
                f" sound; choose {choose}.",
                path=path,
            )
