"""Measuring where retimed sound is heard: excerpts of both files are laid over each other.

It knows the line that the sound was to follow, and nothing of how its samples were made.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from fractions import Fraction
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from core.media.correction import Correction
from core.media.retiming import RetimedPiece
from core.media.source_sound import SourceSound
from core.progress import Monitor

Samples = NDArray[np.float64]

PITCH_ERROR_S = Fraction(40, 1000)
"""So far sound may lie from its line where the pitch is kept: a window of the filter."""

_EXCERPT_S = 1.0
_LARGEST_LAG_S = 0.1
_N_EXCERPTS = 48
_LEAST_PER_PIECE = 3
_EDGE_S = 0.05
"""Kept away from the ends of a piece, where it fades."""

_COMPARED_HZ = 12000
"""Codecs replace sound above half of this by noise of their own."""

_ENVELOPE_HZ = 50
_SILENT = 0.05
"""Excerpts are not compared that have less than this share of the loudest one's level."""

_NOTHING = 1e-4
_LEAST_ALIKE = 0.5
"""Likeness, 1 at most, below which it is not the same sound."""

_AS_GOOD = 0.98
"""Share of the best likeness that lets a place nearer to the right one count: a steady tone is
alike at many places."""


@dataclass(frozen=True, slots=True)
class _Place:
    """An excerpt: the line of its piece, and when it is heard in the target."""

    piece: RetimedPiece
    start_s: float


def retimed_error_s(
    source: tuple[Path, int],
    target: tuple[Path, int],
    correction: Correction,
    common_s: float,
    monitor: Monitor,
) -> tuple[float, int]:
    """Measure how far retimed sound lies from where it was to go.

    Args:
        source: File and audio stream.
        target: Likewise.
        correction: What was asked for.
        common_s: By how much all other streams are later in the target.
        monitor: Asked whether to go on.

    Returns:
        The largest error in seconds, infinite where another sound is heard; and the number of
        excerpts that were compared, 0 where all sound is silence.

    Raises:
        ExportError: One of the files cannot be read to its end.
        Cancelled: The monitor says so.
    """
    assert correction.retiming is not None
    shift_s = float(correction.audio_delay_s) + common_s
    is_rough = correction.retiming.keeps_pitch and correction.retiming.is_stretched
    with SourceSound(*source) as sound:
        length_s = _length_s(sound, monitor)
        start_s, rate_hz = float(sound.start_s), sound.rate_hz
    places = list(_places(correction.retiming.pieces, start_s, start_s + length_s))
    with SourceSound(*source) as sound:
        spans = [_source_span(place) for place in places]
        of_source = _excerpts(sound, spans, monitor)
    with SourceSound(*target) as sound:
        spans = [
            (place.start_s + shift_s - _LARGEST_LAG_S, _EXCERPT_S + 2 * _LARGEST_LAG_S)
            for place in places
        ]
        of_target = _excerpts(sound, spans, monitor)
    excerpts = [
        (_retimed(excerpt, place, rate_hz), found)
        for place, excerpt, found in zip(places, of_source, of_target, strict=True)
    ]
    levels = [float(np.sqrt(np.mean(wanted**2))) if wanted.size else 0.0 for wanted, _ in excerpts]
    limit = max(_NOTHING, _SILENT * max(levels, default=0.0))
    errors_s = [
        _error_s(wanted, found, rate_hz, is_rough=is_rough)
        for (wanted, found), level in zip(excerpts, levels, strict=True)
        if level > limit
    ]
    return max(errors_s, default=0.0), len(errors_s)


def _length_s(sound: SourceSound, monitor: Monitor) -> float:
    end = 0
    for block in sound.blocks(monitor):
        end = block.end
    return end / sound.rate_hz


def _places(pieces: Sequence[RetimedPiece], start_s: float, end_s: float) -> Iterator[_Place]:
    """Spread excerpts over the pieces, evenly in each."""
    for piece in pieces:
        begins_s = max(start_s, float(piece.begin_s) if piece.begin_s is not None else start_s)
        ends_s = min(end_s, float(piece.end_s) if piece.end_s is not None else end_s)
        first_s = _line(piece, begins_s) + _EDGE_S
        last_s = _line(piece, ends_s) - _EDGE_S - _EXCERPT_S
        if last_s < first_s:
            continue
        share = (ends_s - begins_s) / (end_s - start_s)
        n_places = max(_LEAST_PER_PIECE, round(_N_EXCERPTS * share))
        for place_s in np.linspace(first_s, last_s, n_places):
            yield _Place(piece, float(place_s))


def _line(piece: RetimedPiece, time_s: float) -> float:
    return float(piece.ratio) * time_s + float(piece.shift_s)


def _source_span(place: _Place) -> tuple[float, float]:
    """Return when an excerpt begins in the source, and how long it is there, with some to spare."""
    begin_s = float(place.piece.source_of(Fraction(place.start_s)))
    return begin_s, _EXCERPT_S / float(place.piece.ratio) + _EDGE_S / 10


def _excerpts(
    sound: SourceSound, spans: Sequence[tuple[float, float]], monitor: Monitor
) -> list[Samples]:
    """Read pieces of a sound, as one channel; where it has none, they are silent.

    Args:
        sound: The sound, not yet read.
        spans: When each piece begins, on the container's own timeline, and how long it is.
        monitor: Asked whether to go on.
    """
    begins = [round((s - float(sound.start_s)) * sound.rate_hz) for s, _ in spans]
    excerpts = [np.zeros(round(length_s * sound.rate_hz)) for _, length_s in spans]
    for block in sound.blocks(monitor):
        for begin, excerpt in zip(begins, excerpts, strict=True):
            low, high = max(begin, block.position), min(begin + excerpt.size, block.end)
            if low < high:
                samples = block.samples[:, low - block.position : high - block.position]
                # Equal shares would leave nothing of channels in opposite phase.
                shares = 1 / np.arange(1, len(samples) + 1)
                excerpt[low - begin : high - begin] = shares @ samples / shares.sum()
    return excerpts


def _retimed(excerpt: Samples, place: _Place, rate_hz: int) -> Samples:
    """Stretch an excerpt of the source; straight lines between samples do for comparing."""
    numbers = np.arange(round(_EXCERPT_S * rate_hz))
    stretched: Samples = np.interp(
        numbers / float(place.piece.ratio), np.arange(excerpt.size), excerpt
    )
    return stretched


def _error_s(wanted: Samples, found: Samples, rate_hz: int, *, is_rough: bool) -> float:
    """Return by how much one sound has to be moved to lie over another that is longer."""
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
    # Equal loudness counts too: a sound that fades evenly looks like itself a little later.
    alike = 2 * raw / np.maximum(local + np.sum(wanted**2), 1e-12)
    if alike.max() < _LEAST_ALIKE:
        return float("inf")
    lags_s = (np.arange(n_lags) - (n_lags - 1) / 2) / rate_hz
    return float(np.abs(lags_s[alike >= _AS_GOOD * alike.max()]).min())
