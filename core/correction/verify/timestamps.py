"""Comparison of the times of a corrected file with those of its source."""

import math
from collections.abc import Iterator, Mapping
from fractions import Fraction

import numpy as np
from av.container import InputContainer
from numpy.typing import NDArray

from core.correction.plan.common_shift import common_shift_s
from core.correction.plan.moves import Method
from core.correction.plan.opened_source import start_time_s
from core.correction.plan.plan import ACCEPTED_ERROR_S, CorrectionPlan
from core.correction.verify.stream_digest import Track
from core.media.stream_kind import TrackKey
from core.timing import VIDEO_FPS

_ROUNDING_S = 1e-6

_CODEC_S = Fraction(1, 4)
"""More than the priming before audio encoded again, in any codec."""

_MOST_REORDERED = 16
"""Most frames of H.264 and HEVC decoded before the first one shown."""


def shift_errors_s(
    wanted: Mapping[TrackKey, Track],
    found: Mapping[TrackKey, Track],
    plan: CorrectionPlan,
) -> tuple[float, float]:
    """Measure the times of video and audio.

    Returns:
        The common shift, and the largest distance of a stream from it or from its own move, both in
        seconds; infinite where there is nothing to measure.
    """
    correction = plan.correction
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


def changed_common_shift(
    plan: CorrectionPlan,
    reader: InputContainer,
    wanted: Mapping[TrackKey, Track],
    common_s: float,
) -> Iterator[str]:
    """Yield a difference of the common shift from the planned one.

    Args:
        plan: The plan of the copy.
        reader: The source, opened for the verification.
        wanted: Its copied streams, read anew.
        common_s: Common shift found in the copy, seconds.
    """
    if not wanted:
        return
    output = plan.output
    starts_s = {
        track.index: _start_s(reader, track)
        for (kind, _), track in wanted.items()
        if kind not in {"picture", "attachment"}
    }
    streams = {index: start_time_s(reader.streams[index]) for index in plan.retimed}
    retimed_s = {index: plan.correction.target_of(start_s) for index, start_s in streams.items()}
    shift_s = common_shift_s(
        plan.source.container, {**streams, **starts_s}, plan.correction, retimed_s, output
    )
    planned_s = float(shift_s)
    accepted_s = float(ACCEPTED_ERROR_S) + _ROUNDING_S
    above_s = 0.0
    if output.name == "mpegts":
        # Its muxer lets all streams begin later until no frame is decoded before time zero.
        above_s += float(_MOST_REORDERED / (plan.source.frame_rate or VIDEO_FPS))
    if plan.retimed and not output.is_mp4 and output.keeps_times:
        # The beginning of that audio is known once it is encoded.
        above_s += float(_CODEC_S)
    if not -accepted_s <= common_s - planned_s <= accepted_s + above_s:
        later_ms = 1000 * (common_s - planned_s)
        way = "later" if later_ms > 0 else "earlier"
        yield f"the time of all streams, {abs(later_ms):.1f} ms {way} than planned"


def _start_s(reader: InputContainer, track: Track) -> Fraction:
    """First presentation time of a stream in seconds, hidden media included."""
    start_s = start_time_s(reader.streams[track.index])
    if not reader.format.name.startswith("mov") or not track.times_s:
        return start_s
    return min(Fraction(min(track.times_s)), start_s)


def displaced_streams(
    wanted: Mapping[TrackKey, Track], found: Mapping[TrackKey, Track], common_s: float
) -> Iterator[str]:
    """Yield subtitles and data with other times, and subtitles with other durations."""
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
            # Some containers do not state how long a subtitle is shown.
            errors_s = np.abs(lengths_s[0] - lengths_s[1])[lengths_s.min(axis=0) > 0]
            if errors_s.max(initial=0) > float(ACCEPTED_ERROR_S) + _ROUNDING_S:
                yield f"how long texts are shown {name}, by {1000 * errors_s.max():.1f} ms"


def _later_s(track: Track, other: Track) -> NDArray[np.float64]:
    """Delay of each packet of another track against this one, in seconds."""
    offsets = np.asarray(other.offsets)
    is_between = (offsets >= max(track.offsets[0], 0)) & (offsets <= track.offsets[-1])
    before_s = np.interp(offsets[is_between], track.offsets, track.times_s)
    later_s: NDArray[np.float64] = np.asarray(other.times_s)[is_between] - before_s
    return later_s
