"""Measurement of retimed audio: excerpts of both files are cross-correlated.

The planned map of times is known here, but nothing of the making of the samples.
"""

import math
from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import fmean, median

import numpy as np
from numpy.typing import NDArray

from core.correction.plan.plan import ACCEPTED_ERROR_S, CorrectionPlan
from core.correction.retime.notes import held_span_s
from core.correction.retime.source_audio import AudioBlock, DecodedFrame, DecodedFrames
from core.correction.retiming import RetimedPiece
from core.progress import Monitor, Progress

Samples = NDArray[np.float64]

_PITCH_ERROR_S = Fraction(40, 1000)
"""Accepted error where the pitch is kept: one window of the filter."""

_EXCERPT_S = 1.0
_LARGEST_LAG_S = 0.1
_N_EXCERPTS = 48
_LEAST_PER_PIECE = 3
_EDGE_S = 0.02
"""Distance kept from the ends of a piece, where it fades."""

_SPARE_S = 0.005

_LEAST_EXCERPT_S = 0.08
"""Shortest excerpt to correlate."""

_LEAST_ROUGH_S = 0.5
"""The same where only the envelope is compared."""

_COMPARED_HZ = 12000
"""Sample rate of the comparison: codecs replace frequencies above half of it by noise."""

_ENVELOPE_HZ = 50
_SILENT = 0.05
"""Excerpts below this share of the loudest level are not compared."""

_NOTHING = 1e-4
_LEAST_ALIKE = 0.5
"""Least similarity of the same sound; 1 is the most."""

_AS_GOOD = 0.98
"""Share of the best similarity that lets a nearer place count: a steady tone fits at many."""

_N_WINDOW = 12
"""Frames around one, whose times place it together."""

_HELD_S = Fraction(6, 10_000)
"""Players ignore smaller differences of timestamps from the sample count."""


class PlayedAudio(DecodedFrames):
    """Audio of a stream as a player plays it: each frame at its timestamp.

    Independent of the joining by `retime.source_audio.SourceAudio`.
    """

    def __init__(self, path: Path, stream_index: int) -> None:
        super().__init__(path, stream_index)
        self._steps = array("f")

    @property
    def unsteady_s(self) -> float:
        """Typical distance of the timestamps from their own line, seconds."""
        return 2 * float(np.median(self._steps)) / self.rate_hz if self._steps else 0.0

    def blocks(self, monitor: Monitor) -> Iterator[AudioBlock]:
        """Yield all audio, once, counted from time 0 of the container.

        Blocks may overlap, or have gaps between them.

        Raises:
            ExportError: The file cannot be read to its end.
            Cancelled: The monitor says so.
        """
        frames = self.read()
        ahead: deque[DecodedFrame] = deque(islice(frames, _N_WINDOW))
        behind: deque[float] = deque(maxlen=_N_WINDOW)
        line: float | None = None
        while ahead:
            monitor.check()
            n_before, delay, samples = ahead[0]
            if delay is not None:
                around = [*behind, *(one.delay for one in ahead if one.delay is not None)]
                steady, unsteady = _steadiest(around, len(behind))
                held = max(float(_HELD_S * self.rate_hz), 2 * unsteady)
                if line is None or abs(steady - line) > held:
                    line = steady
                if behind:
                    self._steps.append(abs(delay - behind[-1]))
                behind.append(delay)
            yield AudioBlock(n_before + round(line or 0.0), samples)
            ahead.popleft()
            ahead.extend(islice(frames, 1))


def _steadiest(delays: Sequence[float], index: int) -> tuple[float, float]:
    """Consensus delay around the frame at `index`, and its spread.

    At a step of the times, the frames agree on one side of it only.
    """
    if min(delays) == max(delays):
        return delays[index], 0.0
    begins = {max(index + 1 - _N_WINDOW, 0), max(index - _N_WINDOW // 2, 0), index}
    found = []
    for begin in begins:
        window = delays[begin : begin + _N_WINDOW]
        middle = median(window)
        found.append((fmean(abs(delay - middle) for delay in window), -len(window), middle))
    unsteady, _, steady = min(found)
    return steady, unsteady


@dataclass(frozen=True, slots=True)
class RetimedCheck:
    """Comparison of one retimed stream.

    Attributes:
        name: The stream of the source.
        coding: Planned coding, in words.
        error_s: Largest distance from the planned place, seconds; infinite for another sound.
        accepted_s: Limit of the error; higher where the timestamps of the source lie off their own
            line, the limit of any measurement.
        n_places: Number of excerpts compared; 0 if all audio is silent.
        n_unmeasured: Pieces with audio that are too quiet or too short to measure.
    """

    name: str
    coding: str
    error_s: float
    accepted_s: float
    n_places: int
    n_unmeasured: int = 0


@dataclass(frozen=True, slots=True)
class _Place:
    """An excerpt of a piece: its number, map, start and length in the target.

    The start is a time before the delay that follows the retiming.
    """

    number: int
    piece: RetimedPiece
    start_s: float
    length_s: float


def check_retimed(
    plan: CorrectionPlan,
    stream_index: int,
    target: tuple[Path, int],
    common_s: float,
    monitor: Monitor,
) -> RetimedCheck:
    """Measure the distance of retimed audio from its planned place.

    Args:
        plan: The plan.
        stream_index: Retimed stream of the source.
        target: The copy, and its stream.
        common_s: Common shift of the other streams, seconds.
        monitor: Told the stage, and asked whether to go on.

    Raises:
        ExportError: One of the files cannot be read to its end.
        Cancelled: The monitor says so.
    """
    monitor.report(Progress("Comparing the retimed sound"))
    source, retiming = (plan.source.path, stream_index), plan.correction.retiming
    assert retiming is not None
    delay_s = float(plan.correction.audio_delay_s)
    with closing(PlayedAudio(*source)) as audio:
        source_s = _span_s(audio, monitor)
        unsteady_s = audio.unsteady_s
    begin_s, end_s = held_span_s(plan.source, plan.output)
    held_s = begin_s - delay_s, end_s - delay_s
    spans = [_target_span_s(piece, source_s, held_s) for piece in retiming.pieces]
    least_s = _LEAST_ROUGH_S if retiming.is_rough else _LEAST_EXCERPT_S
    places = list(_places(retiming.pieces, spans, least_s))
    with closing(PlayedAudio(*source)) as audio:
        found = _excerpts(audio, [_source_span(place) for place in places], monitor)
        of_source = [_retimed(*pair, audio.rate_hz) for pair in zip(found, places, strict=True)]
    with closing(PlayedAudio(*target)) as audio:
        shift_s = delay_s + common_s - _LARGEST_LAG_S
        wider = [(one.start_s + shift_s, one.length_s + 2 * _LARGEST_LAG_S) for one in places]
        of_target, rate_hz = _excerpts(audio, wider, monitor), audio.rate_hz
    levels = [float(np.sqrt(np.mean(wanted**2))) for wanted in of_source]
    loudest = max(levels, default=0.0)
    limit = max(_NOTHING, _SILENT * loudest)
    errors_s = [
        _error_s(wanted, found, rate_hz, is_rough=retiming.is_rough)
        for wanted, found, level in zip(of_source, of_target, levels, strict=True)
        if level > limit
    ]
    # Silence has no place.
    told = [level > limit or loudest <= _NOTHING for level in levels]
    measured = {place.number for place, is_known in zip(places, told, strict=True) if is_known}
    heard = {number for number, (begin_s, end_s) in enumerate(spans) if begin_s < end_s}
    move = plan.move_of(stream_index)
    accepted_s = float(_PITCH_ERROR_S if retiming.is_rough else ACCEPTED_ERROR_S)
    return RetimedCheck(
        audio_name(plan, stream_index),
        move.coding.words if move is not None and move.coding is not None else "",
        error_s=max(errors_s, default=0.0),
        accepted_s=max(accepted_s, unsteady_s),
        n_places=len(errors_s),
        n_unmeasured=len(heard - measured),
    )


def audio_name(plan: CorrectionPlan, stream_index: int) -> str:
    """Name of an audio stream of the source, for messages."""
    return f"{plan.source.path.name}, stream {stream_index} (audio)"


def _span_s(audio: PlayedAudio, monitor: Monitor) -> tuple[float, float]:
    """Read audio to its end; its beginning and end in seconds."""
    begin, end = None, 0
    for block in audio.blocks(monitor):
        begin = block.position if begin is None else begin
        end = max(end, block.end)
    return (begin or 0) / audio.rate_hz, end / audio.rate_hz


def _target_span_s(
    piece: RetimedPiece, source_s: tuple[float, float], held_s: tuple[float, float]
) -> tuple[float, float]:
    """Beginning and end of a piece in the target in seconds; both 0 if it ends before."""
    begins_s = max(source_s[0], -math.inf if piece.begin_s is None else float(piece.begin_s))
    ends_s = min(source_s[1], math.inf if piece.end_s is None else float(piece.end_s))
    if ends_s <= begins_s:
        return 0.0, 0.0
    return max(_line(piece, begins_s), held_s[0]), min(_line(piece, ends_s), held_s[1])


def _places(
    pieces: Sequence[RetimedPiece], spans_s: Sequence[tuple[float, float]], least_s: float
) -> Iterator[_Place]:
    """Spread excerpts evenly over each piece; a short piece has a short one."""
    total_s = sum(max(end_s - begin_s, 0.0) for begin_s, end_s in spans_s)
    for number, (piece, (begin_s, end_s)) in enumerate(zip(pieces, spans_s, strict=True)):
        room_s = end_s - begin_s - 2 * _EDGE_S
        length_s = min(room_s, _EXCERPT_S)
        if length_s < least_s:
            continue
        n_places = max(_LEAST_PER_PIECE, round(_N_EXCERPTS * (end_s - begin_s) / total_s))
        n_places = n_places if room_s > _EXCERPT_S else 1
        first_s = begin_s + _EDGE_S
        for place_s in np.linspace(first_s, first_s + room_s - length_s, n_places):
            yield _Place(number, piece, float(place_s), length_s)


def _line(piece: RetimedPiece, time_s: float) -> float:
    return float(piece.ratio) * time_s + float(piece.shift_s)


def _source_span(place: _Place) -> tuple[float, float]:
    """Start and length of an excerpt in the source in seconds, with some to spare."""
    begin_s = float(place.piece.source_of(Fraction(place.start_s)))
    return begin_s, place.length_s / float(place.piece.ratio) + _SPARE_S


def _excerpts(
    audio: PlayedAudio, spans: Sequence[tuple[float, float]], monitor: Monitor
) -> list[Samples]:
    """Read excerpts of audio as one channel; gaps are silent.

    Args:
        audio: The audio, not yet read.
        spans: Start (on the container's own timeline) and length of each excerpt, seconds.
        monitor: Asked whether to go on.
    """
    begins = [round(begin_s * audio.rate_hz) for begin_s, _ in spans]
    excerpts = [np.zeros(round(length_s * audio.rate_hz)) for _, length_s in spans]
    for block in audio.blocks(monitor):
        position, end = block.position, block.end
        for begin, excerpt in zip(begins, excerpts, strict=True):
            low, high = max(begin, position), min(begin + excerpt.size, end)
            if low < high:
                samples = block.samples[:, low - position : high - position]
                # Equal shares would cancel channels in opposite phase.
                shares = 1 / np.arange(1, len(samples) + 1)
                excerpt[low - begin : high - begin] = shares @ samples / shares.sum()
    return excerpts


def _retimed(excerpt: Samples, place: _Place, rate_hz: int) -> Samples:
    """Stretch an excerpt of the source; linear interpolation is enough for comparing."""
    numbers = np.arange(round(place.length_s * rate_hz))
    stretched: Samples = np.interp(
        numbers / float(place.piece.ratio), np.arange(excerpt.size), excerpt
    )
    return stretched


def _error_s(wanted: Samples, found: Samples, rate_hz: int, *, is_rough: bool) -> float:
    """Lag of one excerpt within a longer one, in seconds from its middle."""
    if is_rough:
        wanted, found = np.abs(wanted), np.abs(found)
    n_smoothed = max(1, round(rate_hz / (_ENVELOPE_HZ if is_rough else _COMPARED_HZ)))
    window = np.ones(n_smoothed) / n_smoothed
    wanted = np.convolve(wanted, window, "valid")
    found = np.convolve(found, window, "valid")
    n_fft = 1 << (found.size + wanted.size).bit_length()
    product = np.fft.rfft(found, n_fft) * np.conj(np.fft.rfft(wanted, n_fft))
    n_lags = found.size - wanted.size + 1
    raw = np.fft.irfft(product, n_fft)[:n_lags]
    powers = np.cumsum(np.concatenate([[0.0], found**2]))
    local = powers[wanted.size :] - powers[: -wanted.size]
    # Loudness counts too: an evenly fading sound resembles itself a little later.
    alike = 2 * raw / np.maximum(local + np.sum(wanted**2), 1e-12)
    if alike.max() < _LEAST_ALIKE:
        return float("inf")
    lags_s = (np.arange(n_lags) - (n_lags - 1) / 2) / rate_hz
    return float(np.abs(lags_s[alike >= _AS_GOOD * alike.max()]).min())
