"""Comparison of times and played spans of a corrected file with those of its source."""

import math
from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.container import InputContainer
from av.stream import Stream
from numpy.typing import NDArray

from core.correction.compatibility.stream_properties import OpenedFile
from core.correction.plan.moves import Method
from core.correction.plan.notes import PRIMING_S
from core.correction.plan.opened_source import start_time_s
from core.correction.plan.plan import ACCEPTED_ERROR_S, CorrectionPlan
from core.correction.verify.stream_digest import Track
from core.media.formats.mp4.edit_lists import Span, is_fragmented, read_edit_lists
from core.media.reader import open_container
from core.media.stream_kind import TrackKey, is_uncompressed, stream_keys
from core.timing import VIDEO_FPS

_ROUNDING_S = 1e-6

_CODEC_S = Fraction(1, 4)
"""More than the priming before audio encoded again, in any codec."""

_MOST_REORDERED = 16
"""Most frames of H.264 and HEVC decoded before the first one shown."""

_CHUNK_SAMPLES = 1024
"""Samples of a packet of uncompressed audio in FFmpeg; the last one is played to its end."""

Tracks = Mapping[TrackKey, Track]
"""Streams of a file, with all packets read."""


def shift_errors_s(wanted: Tracks, found: Tracks, plan: CorrectionPlan) -> tuple[float, float]:
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
    plan: CorrectionPlan, reader: InputContainer, wanted: Tracks, common_s: float
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
    measured = replace(plan, starts_s=streams | starts_s)
    planned_s = float(measured.common_shift_s(retimed_s))
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


def displaced_streams(wanted: Tracks, found: Tracks, common_s: float) -> Iterator[str]:
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


def changed_spans(
    source: OpenedFile, wanted: Tracks, copy: OpenedFile, found: Tracks, plan: CorrectionPlan
) -> Iterator[str]:
    """Yield streams with more, or less, played in a copy in MP4 or MOV than in its source.

    Args:
        source: The source, opened with its hidden media.
        wanted: Its copied streams.
        copy: The copy, opened likewise.
        found: Its streams.
        plan: The plan of the copy.

    Raises:
        MediaError: One of the files cannot be opened.
    """
    if not plan.output.keeps_hidden(source.reader.format.name):
        return
    wanted_s, found_s = dict(_played(source, wanted)), dict(_played(copy, found))
    slack_s = float(PRIMING_S) if is_fragmented(copy.index) else 0.0
    for key in wanted_s.keys() & found_s.keys():
        index = wanted[key].index
        move = plan.move_of(index)
        if move is not None and move.method is not Method.TIMES:
            continue
        is_moved = index in plan.correction.audio_stream_indices
        delay_s = float(plan.correction.audio_delay_s) if is_moved else 0.0
        stream = source.reader.streams[index]
        before_s, after_s = _from_zero(wanted_s[key] + delay_s, stream), found_s[key]
        if _differ(before_s, after_s, stream, slack_s, is_moved=is_moved):
            yield (
                f"what is played of stream {index} ({key[0]}): {_words(after_s)} "
                f"instead of {_words(before_s)}"
            )


def _played(file: OpenedFile, tracks: Tracks) -> Iterator[tuple[TrackKey, NDArray[np.float64]]]:
    """Yield the times of the played packets of video and audio, in decoding order."""
    spans = read_edit_lists(file.index) if is_fragmented(file.index) else None
    edited = _played_places(file.path) if spans is None else {}
    for key, stream in stream_keys(file.reader):
        if key[0] in {"video", "audio"} and key in tracks:
            times_s = np.asarray(tracks[key].times_s, np.float64)
            if key in edited:
                times_s = times_s[_is_indexed(edited.pop(key), stream, len(times_s))]
            elif spans is not None and (span := spans.get(stream.id)) is not None:
                times_s = times_s[_is_within(span, times_s, stream)]
            yield key, _from_zero(times_s, stream)


def _played_places(path: Path) -> dict[TrackKey, NDArray[np.int64]]:
    """Byte positions of the packets played by FFmpeg, following edit lists."""
    # The file is closed before they are compared: its index alone is some 60 MB for 3 hours.
    with open_container(path) as reader:
        return {
            key: np.fromiter((e.pos for e in stream.index_entries if not e.is_discard), np.int64)
            for key, stream in stream_keys(reader)
            if key[0] in {"video", "audio"}
        }


def _is_indexed(played: NDArray[np.int64], unedited: Stream, n_packets: int) -> NDArray[np.bool_]:
    """Mask of the packets of a stream at the positions of played ones."""
    places = np.fromiter((entry.pos for entry in unedited.index_entries), np.int64)[:n_packets]
    # Packets that are indexed and were not read, as at a damaged end, are found missing elsewhere.
    is_played = np.ones(n_packets, np.bool_)
    is_played[: len(places)] = np.isin(places, played)
    return is_played


def _is_within(span: Span, times_s: NDArray[np.float64], stream: Stream) -> NDArray[np.bool_]:
    """Mask of the packets to be played in a file in fragments; FFmpeg hides none there."""
    lasts_s = _length_s(times_s) if stream.type == "audio" else _ROUNDING_S
    end_s = np.inf if span.end_s is None else float(span.end_s)
    is_within: NDArray[np.bool_] = times_s + lasts_s > float(span.begin_s) + _ROUNDING_S / 2
    return is_within & (times_s < end_s - _ROUNDING_S)


def _from_zero(times_s: NDArray[np.float64], stream: Stream) -> NDArray[np.float64]:
    """Times of the packets ending after time zero."""
    if stream.type == "audio":
        return times_s[times_s + _length_s(times_s) > _ROUNDING_S]
    return times_s[times_s > -_ROUNDING_S]


def _length_s(times_s: NDArray[np.float64]) -> float:
    return float(np.median(np.diff(times_s))) if len(times_s) > 1 else 0.0


def _differ(
    before_s: NDArray[np.float64],
    after_s: NDArray[np.float64],
    stream: Stream,
    slack_s: float,
    *,
    is_moved: bool,
) -> bool:
    """Compare the ends, and the number of packets unless they are cut in another way."""
    if not len(before_s) or not len(after_s):
        return len(before_s) != len(after_s)
    accepted_s = float(ACCEPTED_ERROR_S)
    n_accepted = 0.0
    if stream.type == "audio":
        accepted_s += slack_s
        n_accepted = slack_s / max(_length_s(before_s), _ROUNDING_S)
        if is_moved:
            # A packet that lies across time zero may be played or not.
            accepted_s += _length_s(before_s)
            n_accepted += 1
        if is_uncompressed(stream.codec_context.codec.canonical_name):
            accepted_s += _CHUNK_SAMPLES * float(stream.time_base or 0)
            n_accepted = np.inf
    ends_s = np.array([[times_s.min(), times_s.max()] for times_s in (before_s, after_s)])
    is_elsewhere = np.abs(ends_s[0] - ends_s[1]).max() > accepted_s + _ROUNDING_S
    return bool(is_elsewhere or abs(len(before_s) - len(after_s)) > n_accepted)


def _words(times_s: NDArray[np.float64]) -> str:
    if not len(times_s):
        return "nothing"
    return f"{len(times_s)} packets from {times_s.min():.3f} to {times_s.max():.3f} s"
