"""Detection of a file's offset: one decoding pass, an engine, a second opinion, an answer."""

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from core.detection.activity import ActivityMeter
from core.detection.classical import ClassicalEngine
from core.detection.config import DetectionConfig
from core.detection.engine import ClipContext, Engine, EngineRun
from core.detection.estimate import estimate_offset
from core.detection.evidence import OffsetEvidence, joined
from core.detection.result import Detection, Opinion
from core.errors import DetectionError, MediaError
from core.media.decode import ClipChunk, ClipDecoder
from core.media.info import MediaInfo
from core.media.probe import probe
from core.model.config import CROP_FRAMES, SEGMENT_FRAMES, WINDOW_SEGMENTS
from core.progress import SILENT, Monitor, Unreported
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS

_DEFAULTS = DetectionConfig()


def detect(
    path: Path,
    engine: Engine,
    config: DetectionConfig = _DEFAULTS,
    monitor: Monitor = SILENT,
    on_evidence: Callable[[OffsetEvidence], None] | None = None,
) -> Detection:
    """Judge a file; it is only read.

    Args:
        path: The file.
        engine: What answers.
        config: The options.
        monitor: Told about the progress and asked whether the work is still wanted.
        on_evidence: Called with the evidence of each window as soon as there is some.

    Raises:
        MediaError: The file cannot be read, or lacks picture or sound.
        DetectionError: The clip is too short, or the engine cannot do what the options ask for.
        Cancelled: The work is no longer wanted.
    """
    started_s = time.monotonic()
    if config.range_s > engine.max_range_s:
        raise DetectionError(
            f"The {engine.name} finds offsets up to {engine.max_range_s:g} s only; choose a range"
            f" of at most {engine.max_range_s:g} s instead of {config.range_s:g} s."
        )
    info = probe(path)
    video_index, audio_index = _choose_streams(info, config)
    piece = _piece(info, config)
    judgement = _Judgement(engine, config, monitor, on_evidence, piece.n_expected(info))
    decoded = _feed(judgement, info, config, piece, (video_index, audio_index), monitor)
    opinion, second = judgement.opinions()
    return Detection(
        info=info,
        config=config,
        opinion=opinion,
        second_opinion=second,
        evidence=tuple(judgement.evidence),
        video_stream_index=video_index,
        audio_stream_index=audio_index,
        warnings=(*decoded, *judgement.warnings()),
        elapsed_s=time.monotonic() - started_s,
    )


def _feed(
    judgement: "_Judgement",
    info: MediaInfo,
    config: DetectionConfig,
    piece: "_Piece",
    stream_indices: tuple[int, int],
    monitor: Monitor,
) -> tuple[str, ...]:
    """Decode what is asked for into the judgement; return the decoder's warnings.

    Raises:
        MediaError: Picture or sound cannot be decoded.
        DetectionError: There is too little of them.
        Cancelled: The work is no longer wanted.
    """
    with ClipDecoder(
        info,
        video_stream_index=stream_indices[0],
        audio_stream_index=stream_indices[1],
        audio_shift_samples=piece.audio_shift_samples,
        first_frame=piece.first_frame,
        n_frames=piece.n_frames,
        monitor=monitor,
    ) as decoder:
        for chunk in decoder:
            judgement.consume(chunk)
        if config.window_start_s is not None:
            _require_whole_window(info.path, config, judgement.n_usable)
        judgement.finish()
        warnings = decoder.warnings
    if not judgement.evidence:
        least_s = SEGMENT_FRAMES / VIDEO_FPS
        raise DetectionError(
            f"{info.path.name} has less than {least_s:g} s in which picture and sound run together;"
            " choose a longer clip.",
            path=info.path,
        )
    return warnings


@dataclass(frozen=True, slots=True)
class _Piece:
    """What is decoded: analysis frames, and by how many samples the sound is made early."""

    first_frame: int
    n_frames: int | None
    audio_shift_samples: int

    def n_expected(self, info: MediaInfo) -> int:
        """Return about how many analysis frames there will be."""
        return self.n_frames or max(1, round(info.duration_s * VIDEO_FPS))


def _piece(info: MediaInfo, config: DetectionConfig) -> _Piece:
    """Apply the simulated offset, and where one window is asked for, find its 5 s crop.

    The truncations are those of the published evaluation (v-iashin/Synchformer at b66668a).

    Raises:
        DetectionError: The sound of the crop would begin before the clip.
    """
    offset_s = round(config.simulate_offset_s, 2)
    if config.window_start_s is None:
        return _Piece(0, None, int(offset_s * AUDIO_RATE_HZ))
    first_frame = int(config.window_start_s * VIDEO_FPS)
    first_sample = int((config.window_start_s + offset_s) * AUDIO_RATE_HZ)
    if first_sample < -SAMPLES_PER_FRAME:
        raise DetectionError(
            f"A simulated offset of {offset_s:g} s needs sound from before the start of"
            f" {info.path.name}; let the window start at {-offset_s:g} s or later.",
            path=info.path,
        )
    shift = max(first_sample, 0) - first_frame * SAMPLES_PER_FRAME
    return _Piece(first_frame, CROP_FRAMES, shift)


def _choose_streams(info: MediaInfo, config: DetectionConfig) -> tuple[int, int]:
    """Return the indices of the picture and of the sound to judge.

    Raises:
        MediaError: One of them is missing.
    """
    name = info.path.name
    if info.picture is None:
        found = "only a still cover picture" if info.videos else "no picture"
        raise MediaError(f"{name} has {found}; choose a file with moving picture.", path=info.path)
    if not info.audios:
        raise MediaError(f"{name} has no sound; choose a file with an audio track.", path=info.path)
    wanted = config.audio_stream_index
    if wanted is None:
        return info.picture.index, info.audios[0].index
    if wanted not in [audio.index for audio in info.audios]:
        raise MediaError(
            f"{name} has no audio stream {wanted}; {info.audio_choice}.", path=info.path
        )
    return info.picture.index, wanted


def _require_whole_window(path: Path, config: DetectionConfig, n_usable: int) -> None:
    if n_usable < CROP_FRAMES:
        raise DetectionError(
            f"A window that starts at {config.window_start_s:g} s needs"
            f" {CROP_FRAMES / VIDEO_FPS:g} s of picture and sound from there on, but {path.name}"
            f" has {n_usable / VIDEO_FPS:.2f} s; choose an earlier start.",
            path=path,
        )


class _Judgement:
    """Feeds one decoding pass to the engine, to the second opinion and to the activity meter."""

    def __init__(
        self,
        engine: Engine,
        config: DetectionConfig,
        monitor: Monitor,
        on_evidence: Callable[[OffsetEvidence], None] | None,
        n_frames: int,
    ) -> None:
        self._engine, self._config, self._on_evidence = engine, config, on_evidence
        self._run = engine.start(config, monitor, ClipContext(n_frames))
        self._second: EngineRun | None = None
        if engine.id != ClassicalEngine().id:
            self._second = ClassicalEngine().start(
                config, Unreported(monitor), ClipContext(n_frames)
            )
        self._second_evidence: list[OffsetEvidence] = []
        self._activity = ActivityMeter()
        self.evidence: list[OffsetEvidence] = []
        self.n_usable = 0

    def consume(self, chunk: ClipChunk) -> None:
        self._activity.measure(chunk)
        self.n_usable += int(np.count_nonzero(chunk.has_video & chunk.has_audio))
        if self._second:
            self._second_evidence += self._second.consume(chunk)
        self._add(self._run.consume(chunk))

    def finish(self) -> None:
        if self._second:
            self._second_evidence += self._second.finish()
        self._add(self._run.finish())

    def _add(self, evidence: Sequence[OffsetEvidence]) -> None:
        for item in evidence:
            self.evidence.append(item)
            if self._on_evidence:
                self._on_evidence(item)

    def opinions(self) -> tuple[Opinion, Opinion | None]:
        """Return the answer and the second opinion, which may have its say in the evidence."""
        obstacle, rule = self._activity.obstacle, self._engine.confidence_rule
        if rule is not None:
            self.evidence = joined(self.evidence, self._second_evidence, rule.evidence_weight)
        estimate = estimate_offset(
            self.evidence, self._config, reason=obstacle, rule=rule, second=self._second_evidence
        )
        opinion = Opinion(self._engine.name, self._engine.id, estimate)
        if not self._second_evidence:
            return opinion, None
        classical = ClassicalEngine()
        estimate = estimate_offset(self._second_evidence, self._config, reason=obstacle)
        return opinion, Opinion(classical.name, classical.id, estimate)

    def warnings(self) -> list[str]:
        """Return sentences about what limits the answer."""
        found = []
        if all(item.window.is_padded for item in self.evidence):
            longest = max(item.window.n_segments for item in self.evidence)
            found.append(
                f"The clip is shorter than a window: {longest} of {WINDOW_SEGMENTS} segments have"
                " content, the rest is padding, so the answer is less certain."
            )
        return found
