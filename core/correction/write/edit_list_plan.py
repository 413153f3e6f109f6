"""What edit lists of a source hide, for a copy in MP4 or MOV that hides the same.

The lists themselves are read and written in `core.media.formats.mp4_edit_lists`.
"""

import math
from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction

from av.container import InputContainer

from core.correction.correction import Correction
from core.correction.plan.plan import CorrectionPlan, Method
from core.media.formats.mp4_edit_lists import Span, read_edit_lists
from core.media.info import MediaInfo
from core.media.reader import open_container, open_unedited

_LEAST_LEAD_S = Fraction(60)
"""More than what retimed pieces of sound come earlier than the sound as a whole."""


def open_source(info: MediaInfo, plan: CorrectionPlan) -> InputContainer:
    """Open a source for copying its packets, with the hidden ones if they stay hidden.

    Raises:
        MediaError: As for `core.media.reader.open_container`.
    """
    if plan.streams.output.keeps_hidden(info.container):
        return open_unedited(info.path)
    return open_container(info.path)


def source_spans(info: MediaInfo, plan: CorrectionPlan) -> dict[int, Span]:
    """Return when those streams are played that have an edit list which the copy is to follow.

    Raises:
        MediaError: The source cannot be opened.
        OSError: It cannot be read.
    """
    if not plan.streams.output.keeps_hidden(info.container):
        return {}
    of_tracks = read_edit_lists(info.path)
    with open_container(info.path) as reader:
        tracks = {item.index: reader.streams[item.index].id for item in plan.streams.copied}
    return {
        index: replace(of_tracks[track], first_s=_first_s(info, index)[0])
        for index, track in tracks.items()
        if track in of_tracks and not _is_laid_out_anew(plan, index)
    }


def target_spans(
    correction: Correction, plan: CorrectionPlan, spans: Mapping[int, Span]
) -> dict[int, Span | None]:
    """Return when the tracks of the copy are to be played, by the numbers that its muxer gives."""
    found: dict[int, Span | None] = {}
    for number, item in enumerate(plan.streams.copied, start=1):
        is_moved = item.index in correction.audio_stream_indices
        span = spans.get(item.index)
        found[number] = span.later(correction.audio_delay_s * is_moved) if span else None
    return found


def lead_of(
    info: MediaInfo, correction: Correction, plan: CorrectionPlan, spans: Mapping[int, Span]
) -> Fraction:
    """Return by how many seconds all is to be written later, to be taken back in the index.

    That makes the muxer put a pause in front of every track. Else it puts none in front of one
    whose head is hidden, where there is to be one.

    Args:
        info: The source.
        correction: What is moved.
        plan: What is written.
        spans: As `source_spans` returns them.

    Raises:
        MediaError: The source cannot be opened.
    """
    delays_s = dict.fromkeys(correction.audio_stream_indices, correction.audio_delay_s)
    begins_s = {index: span.begin_s + delays_s.get(index, 0) for index, span in spans.items()}
    if all(begin_s <= 0 for begin_s in begins_s.values()):
        return Fraction(0)
    firsts_s = {
        # No pause gets in front of pictures that are to be decoded before time zero.
        item.index: _first_s(info, item.index)[1] + delays_s.get(item.index, 0)
        for item in plan.streams.copied
    }
    if not any(firsts_s[index] <= 0 < begin_s for index, begin_s in begins_s.items()):
        return Fraction(0)
    return _LEAST_LEAD_S + math.ceil(max(-min(firsts_s.values()), Fraction(0)))


def _first_s(info: MediaInfo, stream_index: int) -> tuple[Fraction, Fraction]:
    """Return when the first packet of a stream would be presented, and when decoded."""
    with open_unedited(info.path) as reader:
        packet = next(reader.demux(reader.streams[stream_index]), None)
        if packet is None:
            return Fraction(0), Fraction(0)
        return (packet.pts or 0) * packet.time_base, (packet.dts or 0) * packet.time_base


def _is_laid_out_anew(plan: CorrectionPlan, stream_index: int) -> bool:
    move = plan.move_of(stream_index)
    return move is not None and move.method is not Method.TIMES
