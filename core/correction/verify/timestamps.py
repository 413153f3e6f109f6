"""Comparing the times of a corrected file with those of its source."""

import math
from collections.abc import Iterator, Mapping

import numpy as np
from numpy.typing import NDArray

from core.correction.correction import Correction
from core.correction.plan.plan import ACCEPTED_ERROR_S, CorrectionPlan, Method
from core.correction.verify.stream_digest import Track
from core.media.stream_kind import TrackKey

_ROUNDING_S = 1e-6


def shift_errors_s(
    wanted: Mapping[TrackKey, Track],
    found: Mapping[TrackKey, Track],
    plan: CorrectionPlan,
    correction: Correction,
) -> tuple[float, float]:
    """Measure the times of pictures and sound.

    Returns:
        By how much all streams are later, and how far any is from that or from its move; infinite
        where that cannot be measured.
    """
    moved: list[NDArray[np.float64]] = []
    still: list[NDArray[np.float64]] = []
    for key, track in wanted.items():
        if key[0] not in {"video", "audio"} or not track.times_s or not found[key].times_s:
            continue
        later_s = _later_s(track, found[key])
        move = plan.move_of(track.index)
        if move is not None and move.method is not Method.TIMES:
            moved.append(later_s - float(move.delay_s))
        elif track.index in correction.audio_stream_indices:
            moved.append(later_s - float(correction.audio_delay_s))
        else:
            still.append(later_s)
    if not still or not (moved or correction.retiming):
        return 0.0, math.inf
    others = np.concatenate(still)
    # Ticks of the target round each time, up and down alike.
    common_s = (others.min() + others.max()) / 2
    errors_s = np.abs(np.concatenate([*moved, others]) - common_s)
    return float(common_s), float(errors_s.max())


def displaced_streams(
    wanted: Mapping[TrackKey, Track], found: Mapping[TrackKey, Track], common_s: float
) -> Iterator[str]:
    """Yield what is shown at another time, or for another time, of subtitles and data."""
    for (kind, number), track in wanted.items():
        if kind in {"video", "audio", "picture", "attachment"}:
            continue
        other = found[kind, number]
        name = f"of stream {track.index} ({kind.split()[0]})"
        if bool(track.times_s) != bool(other.times_s):
            yield f"the times {name}"
        elif track.times_s:
            errors_s = np.abs(_later_s(track, other) - common_s)
            if errors_s.max() > float(ACCEPTED_ERROR_S) + _ROUNDING_S:
                yield f"the times {name}, by {1000 * errors_s.max():.1f} ms"
        if kind == "subtitle" and len(track.lengths_s) == len(other.lengths_s):
            lengths_s = np.array([track.lengths_s, other.lengths_s])
            # Some containers do not tell how long a subtitle is shown.
            errors_s = np.abs(lengths_s[0] - lengths_s[1])[lengths_s.min(axis=0) > 0]
            if errors_s.max(initial=0) > float(ACCEPTED_ERROR_S) + _ROUNDING_S:
                yield f"how long texts are shown {name}, by {1000 * errors_s.max():.1f} ms"


def _later_s(track: Track, other: Track) -> NDArray[np.float64]:
    """Return by how much each packet of another track is later, in seconds."""
    offsets = np.asarray(other.offsets)
    is_between = (offsets >= max(track.offsets[0], 0)) & (offsets <= track.offsets[-1])
    before_s = np.interp(offsets[is_between], track.offsets, track.times_s)
    later_s: NDArray[np.float64] = np.asarray(other.times_s)[is_between] - before_s
    return later_s
