"""Estimators to measure: the engines of the application and three simple classical variants.

A variant correlates one motion signal with one audio signal; the three are calculated together.
The application's own classical estimate (`core.detection.engines.classical`) is more elaborate and
is none of them.
"""

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from typing import Protocol

import numpy as np
import torch
from numpy.typing import NDArray

from core.detection.answer.confidence import ConfidenceRule
from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext, Engine
from core.detection.engines.classical import ClassicalEngine
from core.detection.evidence import AXIS_STEP_S, OffsetEvidence, joined, offset_axis
from core.detection.windows import Window, WindowSchedule
from core.media.decoder import ClipChunk
from core.model.synchformer.dimensions import WINDOW_FRAMES
from core.progress import SILENT
from core.timing import AUDIO_RATE_HZ, SAMPLES_PER_FRAME, VIDEO_FPS
from training.benchmark.clips import Audio, Recording

_AUDIO_SOURCES = ("log energy", "rise of log energy", "spectral flux")
VARIANTS = tuple(f"top-200 motion × {audio}" for audio in _AUDIO_SOURCES)

_EFFECTIVE_SAMPLES = 40.0
"""Number of independent values in a full window of 120: neighbouring values are similar."""

_RESOLUTION_S = 1 / VIDEO_FPS
_MIN_OVERLAP = 0.25
"""Share of a window that must have audio at an offset for a likelihood above 0."""

_LEAST_POWER = 1e-8
"""Lowest sum of squares in a window of a signal that varies."""

_STRONGEST_PIXELS = 200
_RELATIVE_FLOOR = 1e-4
"""Energies this far below the loudest of the clip (-40 dB) count as silence."""

_MAGNITUDE_GAIN = 100.0
"""Factor on magnitudes, relative to the loudest, inside the logarithm of the spectral flux."""

_TICK_SAMPLES = round(AXIS_STEP_S * AUDIO_RATE_HZ)
_TICKS_PER_FRAME = SAMPLES_PER_FRAME // _TICK_SAMPLES
_SPECTRUM_SAMPLES = 2 * _TICK_SAMPLES
_FRAME_LONG = np.array([0.125, 0.25, 0.25, 0.25, 0.125])


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

    names: tuple[str, ...] = VARIANTS
    max_range_s: float = 30.0

    def begin(self, recording: Recording) -> Analyze:
        motion = measure_motion(recording.chunks)

        def analyze_audio(audio: Audio, config: DetectionConfig) -> Sequence[Findings]:
            found = analyze(motion, audio.waveform, audio.has_sample, config)
            return [Findings(evidence) for evidence in found]

        return analyze_audio


def use_one_thread() -> None:
    """Limit a worker process to one core; there is one worker per core."""
    torch.set_num_threads(1)


@dataclass(frozen=True, slots=True, eq=False)
class _Motion:
    """Motion in the video of a clip.

    Attributes:
        values: (T,) float64, mean change of the 200 pixels that change most; value k lies between
            frames k - 1 and k.
        has_video: (T,) bool.
    """

    values: NDArray[np.float64]
    has_video: NDArray[np.bool_]


def measure_motion(chunks: Iterable[ClipChunk]) -> _Motion:
    """Measure a whole clip, given as consecutive chunks from frame 0."""
    strongest, has_video = [0.0], []
    previous: NDArray[np.float32] | None = None
    for chunk in chunks:
        has_video.append(chunk.has_video)
        for frame in chunk.frames:
            small = _shrink(frame)
            if previous is not None:
                change = np.abs(small - previous).ravel()
                n_kept = min(_STRONGEST_PIXELS, change.size)
                strongest.append(float(np.partition(change, -n_kept)[-n_kept:].mean()))
            previous = small
    return _Motion(np.array(strongest), np.concatenate(has_video))


def _shrink(frame: NDArray[np.uint8]) -> NDArray[np.float32]:
    """Average green, the largest part of luminance, over squares of two by two pixels."""
    rows, columns = (side // 2 * 2 for side in frame.shape[:2])
    green = frame[:rows, :columns, 1].astype(np.float32)
    halved = green[0::2] + green[1::2]
    return np.asarray((halved[:, 0::2] + halved[:, 1::2]) / 4, np.float32)


def measure_audio(waveform: NDArray[np.float32]) -> NDArray[np.float64]:
    """Measure three audio signals every 10 ms, each centred on its tick.

    They are averaged over the length of a frame, because motion is the change during a frame.

    Flux is the half-wave rectified rise of the logarithmic spectrum (Böck, Krebs and Schedl,
    "Evaluating the online capabilities of onset detection methods", ISMIR 2012), here over two
    ticks, without a filter bank.

    Args:
        waveform: (N * 160,) float32 at 16 kHz.

    Returns:
        (3, N) signals in the order of `_AUDIO_SOURCES`.
    """
    half = _SPECTRUM_SAMPLES // 2
    # A tick more on either side, for the differences.
    padded = np.pad(waveform, half + _TICK_SAMPLES)
    pieces = np.lib.stride_tricks.sliding_window_view(padded, _SPECTRUM_SAMPLES)[::_TICK_SAMPLES]
    pieces = pieces[: len(waveform) // _TICK_SAMPLES + 2]
    magnitudes = np.abs(np.fft.rfft(pieces * np.hanning(_SPECTRUM_SAMPLES)))  # (N + 2, bins)
    energies = np.square(magnitudes).sum(axis=1)
    level = np.log(energies + _RELATIVE_FLOOR * energies.max() + 1e-12)
    spectrum = np.log1p(_MAGNITUDE_GAIN * magnitudes / (magnitudes.max() + 1e-12))
    rise = np.maximum(level[2:] - level[:-2], 0)
    flux = np.maximum(spectrum[2:] - spectrum[:-2], 0).mean(axis=1)
    signals = np.stack([level[1:-1], rise, flux])
    return np.stack([np.convolve(signal, _FRAME_LONG, "same") for signal in signals])


def heard_ticks(has_sample: NDArray[np.bool_]) -> NDArray[np.bool_]:
    """Ticks measured from audio alone, not across its begin or end: (N,) bool."""
    reach = _SPECTRUM_SAMPLES // 2 + (1 + len(_FRAME_LONG) // 2) * _TICK_SAMPLES
    n_before = np.concatenate([[0], np.cumsum(np.pad(has_sample, reach))])
    n_inside = n_before[2 * reach :] - n_before[: -2 * reach]
    whole: NDArray[np.bool_] = n_inside[:-1:_TICK_SAMPLES] == 2 * reach
    return whole


def analyze(
    motion: _Motion,
    waveform: NDArray[np.float32],
    has_sample: NDArray[np.bool_],
    config: DetectionConfig,
) -> tuple[tuple[OffsetEvidence, ...], ...]:
    """Analyze every window of a clip with every variant.

    Args:
        motion: Motion of T frames.
        waveform: (T * 640,) float32 at 16 kHz, on the same clock.
        has_sample: (T * 640,) bool, False in gaps of the audio.
        config: Range and hop.

    Returns:
        For each of `VARIANTS` the evidence of the windows.
    """
    axis = offset_axis(config.range_s)
    reach = len(axis) // 2
    heard = heard_ticks(has_sample)
    audio = measure_audio(waveform)
    # Constants do not matter, but large ones would cost precision.
    audio -= audio.mean(axis=1, keepdims=True, where=heard if heard.any() else True)
    audio, heard = np.pad(audio, [(0, 0), (reach, reach)]), np.pad(heard, reach)
    has_audio = np.asarray(has_sample.reshape(-1, SAMPLES_PER_FRAME).all(axis=1), np.bool_)
    schedule = WindowSchedule(config.hop_segments)
    windows = (*schedule.extend(0, motion.has_video & has_audio), *schedule.finish())
    evidence: list[list[OffsetEvidence]] = [[] for _ in VARIANTS]
    for window in windows:
        curves = _curves(motion.values, audio, heard, window, reach)
        for found, curve in zip(evidence, curves, strict=True):
            found.append(OffsetEvidence(window, axis, curve, _RESOLUTION_S))
    return tuple(map(tuple, evidence))


def _curves(
    motion: NDArray[np.float64],
    audio: NDArray[np.float64],
    heard: NDArray[np.bool_],
    window: Window,
    reach: int,
) -> NDArray[np.float32]:
    """(3, M) log-likelihoods of rising offsets; audio begins `reach` ticks before time 0."""
    offsets = np.arange(-reach, reach + 1)[:, None]
    # The first motion of a window needs the frame before it.
    frames = np.arange(window.first_frame + 1, window.end_frame)
    ticks = (frames * 2 - 1) * _TICKS_PER_FRAME // 2
    # An event seen at a tick is heard an offset before it.
    index = ticks + reach - offsets  # (M, K)
    return _log_likelihoods(motion[frames], audio[:, index], heard[index]).astype(np.float32)


def _log_likelihoods(
    motion: NDArray[np.float64], audio: NDArray[np.float64], heard: NDArray[np.bool_]
) -> NDArray[np.float64]:
    """Gain in log-likelihood of a linear model of the motion over none: (3, M).

    With r the correlation and n the effective number of samples, the best linear function of the
    audio explains the motion by -n/2 log(1 - r^2) better than none; negative r counts as 0. Motion
    is (K,), audio (3, M, K) with a row for each offset, and `heard` (M, K).
    """
    n_values = len(motion)
    motion = motion - motion.mean()
    there = heard.astype(np.float64)
    audio = audio * there
    n = np.maximum(there.sum(axis=1), 1)  # (M,)
    sum_motion, sum_audio = there @ motion, audio.sum(axis=2)  # (M,), (3, M)
    covariance = audio @ motion - sum_motion * sum_audio / n
    motion_power = there @ motion**2 - sum_motion**2 / n
    audio_power = np.einsum("smk,smk->sm", audio, audio) - sum_audio**2 / n
    varies = (motion_power > _LEAST_POWER) & (audio_power > _LEAST_POWER)
    is_defined = varies & (n >= _MIN_OVERLAP * n_values)
    power = np.where(is_defined, motion_power * audio_power, 1)
    r = np.clip(covariance / np.sqrt(power), 0, 0.999)
    gain = -0.5 * _EFFECTIVE_SAMPLES * n / WINDOW_FRAMES * np.log1p(-(r**2))
    return np.where(is_defined, gain, 0.0)
