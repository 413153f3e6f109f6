"""Detection of a file's offset: what is decoded, in which order, and when it is enough."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

from core.detection.answer.verdict import clip_verdict
from core.detection.cache.clip_features import FromFirstFrame, temporary_features
from core.detection.config import DetectionConfig
from core.detection.crop.autocrop import plan_crops
from core.detection.crop_plan import CENTRE, CropPlan, joined_plans
from core.detection.engines.base import NOTHING_KEPT, STAGE, Engine, VisualFeatures
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
from core.detection.schedule.scope import Scope, choose_streams, scope_of
from core.errors import DetectionError
from core.media.decoder import ClipDecoder
from core.media.info import AudioStream, MediaInfo, VideoStream
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
    features: VisualFeatures | None = None,
) -> Detection:
    """Judge a file; it is only read.

    Args:
        path: The file.
        engine: What answers.
        config: The options.
        monitor: Told about the progress and asked whether the work is still wanted.
        on_evidence: Called with the evidence of each window as soon as there is some, in the order
            of judgement.
        features: Of the file's picture; frames count from the first picture.

    Raises:
        MediaError: The file cannot be read, or lacks picture or sound.
        DetectionError: The clip is too short, the part asked for is not in it, or the engine cannot
            do what the options ask for.
        Cancelled: The work is no longer wanted.
    """
    budget = TimeBudget(config.budget_s)
    if config.range_s > engine.max_range_s:
        raise DetectionError(
            f"The {engine.name} finds offsets up to {engine.max_range_s:g} s only; choose a range"
            f" of at most {engine.max_range_s:g} s instead of {config.range_s:g} s."
        )
    info = probe(path)
    config = with_early_stop(config, engine, info.duration_s)
    video, audio = choose_streams(info, config)
    scope = scope_of(info, config)
    if features is None:
        # A single pass through one square meets no segment twice.
        is_repeated = engine.sees_square and (config.is_anytime or config.crop == "multi")
        features = temporary_features() if is_repeated else NOTHING_KEPT
    seen = FromFirstFrame(features, video, audio)
    accumulator = EvidenceAccumulator(engine, config, on_evidence, seen)
    course = _Course(info, video, audio, scope, config, accumulator, budget, engine.sees_square)
    stop = course.run(monitor)
    opinion, second = accumulator.opinions()
    sync_map = accumulator.sync_map()
    estimate = clip_verdict(opinion.estimate, sync_map, config.tolerance)
    return Detection(
        info=info,
        config=config,
        opinion=replace(opinion, estimate=estimate),
        second_opinion=second,
        evidence=accumulator.evidence(),
        video_stream_index=video.index,
        audio_stream_index=audio.index,
        warnings=(*course.warnings, *accumulator.warnings()),
        elapsed_s=budget.elapsed_s,
        coverage=Coverage(accumulator.spans, stop),
        sync_map=sync_map,
        crops=course.crops if engine.sees_square else (),
    )


class _Course:
    """Judges a clip in one go, or stretch by stretch until that is enough.

    Attributes:
        warnings: Sentences about what was adjusted or could not be decoded.
    """

    def __init__(
        self,
        info: MediaInfo,
        video: VideoStream,
        audio: AudioStream,
        scope: Scope,
        config: DetectionConfig,
        accumulator: EvidenceAccumulator,
        budget: TimeBudget,
        sees_square: bool,
    ) -> None:
        self._info, self._video, self._audio = info, video, audio
        self._scope, self._config = scope, config
        self._accumulator, self._budget = accumulator, budget
        self._is_planned = sees_square and config.crop != "centre"
        self._plans: dict[int, tuple[CropPlan, ...]] = {}
        self.warnings: tuple[str, ...] = (scope.warning,) if scope.warning else ()

    @property
    def crops(self) -> tuple[CropPlan, ...]:
        """Where an engine that sees a square looked, over all that was judged."""
        return joined_plans(sorted(self._plans.items()))

    def run(self, monitor: Monitor) -> Stop:
        """Judge as much as the options ask for; return why that is all.

        Raises:
            MediaError: Picture or sound cannot be decoded.
            DetectionError: There is too little of them.
            Cancelled: The work is no longer wanted.
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
                self._require_time()
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
                # The pass is short beside the judgement of a stretch, whose progress is shown.
                shown = Unreported(monitor) if self._config.is_anytime else monitor
                plans = plan_crops(decoder, n_expected, self._config, shown)
        self._plans[chunk.first_frame] = plans
        with self._decoder(chunk, monitor) as decoder:
            estimate = self._accumulator.add(decoder, n_expected, monitor, self._budget, plans)
            self.warnings = tuple(dict.fromkeys((*self.warnings, *decoder.warnings)))
        return estimate

    def _decoder(self, chunk: Chunk, monitor: Monitor, n_margin_frames: int = 0) -> ClipDecoder:
        return ClipDecoder(
            self._info,
            video_stream_index=self._video.index,
            audio_stream_index=self._audio.index,
            audio_shift_samples=self._scope.audio_shift_samples,
            first_frame=chunk.first_frame,
            n_frames=chunk.n_frames,
            n_margin_frames=self._scope.n_margin_frames,
            monitor=monitor,
        )

    def _require_time(self) -> None:
        if self._budget.is_over:
            raise DetectionError(
                f"In {self._config.budget_s:g} s, nothing of {self._info.path.name} was found in"
                " which picture and sound run together; allow more time or choose a part.",
                path=self._info.path,
            )

    def _require_evidence(self) -> None:
        config, path, n_usable = self._config, self._info.path, self._accumulator.n_usable
        if config.window_start_s is not None and n_usable < CROP_FRAMES:
            raise DetectionError(
                f"A window that starts at {config.window_start_s:g} s needs"
                f" {CROP_FRAMES / VIDEO_FPS:g} s of picture and sound from there on, but"
                f" {path.name} has {n_usable / VIDEO_FPS:.2f} s; choose an earlier start.",
                path=path,
            )
        if self._accumulator.is_empty:
            what, choose = path.name, "a longer clip"
            if config.is_region:
                what, choose = f"The part of {path.name} that was chosen", "a longer part"
            raise DetectionError(
                f"{what} has less than {SEGMENT_FRAMES / VIDEO_FPS:g} s in which picture and sound"
                f" run together; choose {choose}.",
                path=path,
            )
