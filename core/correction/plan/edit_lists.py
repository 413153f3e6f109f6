"""Edit lists of a copy in MP4 or MOV, for the same played and hidden media as in its source.

The lists themselves are read and written in `core.media.formats.mp4_edit_lists`.
"""

import math
from collections.abc import Collection, Mapping
from dataclasses import replace
from fractions import Fraction

from core.correction.compatibility.stream_plan import StreamPlan
from core.correction.correction import Correction
from core.correction.plan.moves import Method, Move
from core.correction.plan.opened_source import OpenedSource
from core.media.formats.mp4_edit_lists import Span, read_edit_lists

_LEAST_LEAD_S = Fraction(60)
"""More than the distance of any retimed piece before the audio as a whole."""


def source_spans(
    source: OpenedSource, streams: StreamPlan, moves: Collection[Move]
) -> dict[int, Span]:
    """Played spans of the streams with an edit list to follow, by stream index."""
    if not streams.output.keeps_hidden(source.info.container):
        return {}
    of_tracks = read_edit_lists(source.index)
    tracks = {item.index: source.reader.streams[item.index].id for item in streams.copied}
    laid_out_anew = {move.stream_index for move in moves if move.method is not Method.TIMES}
    return {
        index: replace(of_tracks[track], first_s=source.first_times_s(index)[0])
        for index, track in tracks.items()
        if track in of_tracks and index not in laid_out_anew
    }


def target_spans(
    streams: StreamPlan, correction: Correction, spans: Mapping[int, Span]
) -> dict[int, Span | None]:
    """Played spans of the copy by the track numbers of its muxer; None plays all from time 0."""
    found: dict[int, Span | None] = {}
    for number, item in enumerate(streams.copied, start=1):
        is_moved = item.index in correction.audio_stream_indices
        span = spans.get(item.index)
        found[number] = span.later(correction.audio_delay_s * is_moved) if span else None
    return found


def lead_s(
    source: OpenedSource, streams: StreamPlan, correction: Correction, spans: Mapping[int, Span]
) -> Fraction:
    """Lead in seconds: all is written later by it, and the edit lists take it back.

    The lead makes the muxer put a pause in front of every track. Without it, a track with a hidden
    head gets no pause where it needs one.

    Args:
        source: The open source.
        streams: Streams of the copy.
        correction: The correction.
        spans: Result of `source_spans`.
    """
    delays_s = dict.fromkeys(correction.audio_stream_indices, correction.audio_delay_s)
    begins_s = {index: span.begin_s + delays_s.get(index, 0) for index, span in spans.items()}
    if all(begin_s <= 0 for begin_s in begins_s.values()):
        return Fraction(0)
    firsts_s = {
        # The muxer puts no pause in front of frames to be decoded before time zero.
        item.index: source.first_times_s(item.index)[1] + delays_s.get(item.index, 0)
        for item in streams.copied
    }
    if not any(firsts_s[index] <= 0 < begin_s for index, begin_s in begins_s.items()):
        return Fraction(0)
    return _LEAST_LEAD_S + math.ceil(max(-min(firsts_s.values()), Fraction(0)))
