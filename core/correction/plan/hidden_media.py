"""Hidden media of an MP4 or MOV source, and targets unable to hide them."""

from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

from core.correction.plan.opened_source import OpenedSource
from core.media.formats.mp4_edit_lists import read_edit_lists
from core.media.formats.output_format import OutputFormat
from core.media.info import AudioStream, VideoStream, start_of
from core.units import ms_text

PRIMING_S = Fraction(12, 100)
"""More than the silent priming and padding of any codec; HE-AAC has the most."""

_FRAME_S = Fraction(1, 100)
"""Less than one frame; durations in edit lists are rounded."""

_ROUNDED_S = Fraction(2, 1000)
"""More than one tick of the times in edit lists, mostly 1/1000 or 1/600 s."""


def fragment_refusals(source: OpenedSource) -> Iterator[str]:
    """Refusals of hidden media, shown by players of a file in fragments.

    Its edit lists cannot end a played span, and FFmpeg hides no video by them. Priming and padding
    of audio do not count. Even a part of a frame counts at the head of a video: FFmpeg shows the
    first frame later than other players, but not in fragments.

    Args:
        source: The source, opened with its hidden media.
    """
    info = source.info
    if not info.container.startswith("mov"):
        return
    spans = read_edit_lists(source.index)
    streams: list[VideoStream | AudioStream] = [*info.videos, *info.audios]
    for stream in streams:
        track = source.reader.streams[stream.index]
        span = spans.get(track.id)
        packet = next(source.packets(stream.index), None)
        if span is None or packet is None or packet.pts is None:
            continue
        first_s = packet.pts * packet.time_base
        end_s = first_s + (track.duration or 0) * (track.time_base or 0)
        head_s, tail_s = span.begin_s - first_s, end_s - (span.end_s or end_s)
        is_video = isinstance(stream, VideoStream)
        least_head_s, least_tail_s = (_ROUNDED_S, _FRAME_S) if is_video else (PRIMING_S, PRIMING_S)
        if head_s > least_head_s or tail_s > least_tail_s:
            yield (
                f"{info.path.name} hides {float(max(head_s, tail_s)):.2f} s of stream "
                f"{stream.index} ({'video' if is_video else 'audio'}) by an edit list, which a "
                "file in fragments would show; choose another layout."
            )


def exposed_notes(source: OpenedSource, target: Path, output: OutputFormat) -> Iterator[str]:
    """Notes on hidden media of the source, shown in the target."""
    info = source.info
    if output.is_mp4 or info.video is None or not info.container.startswith("mov"):
        return
    for audio in info.audios:
        before_s = start_of(audio) - source.earliest_s(audio.index)
        if before_s > PRIMING_S:
            yield (
                f"{info.path.name} hides {ms_text(before_s)} of sound before the beginning of "
                f"stream {audio.index}, which {target.name} will let be heard; choose a name that "
                "ends in .mp4 or .mov to keep it hidden."
            )
    before_s = start_of(info.video) - source.earliest_s(info.video.index)
    behind_s = _exposed_tail_s(source, info.video.index)
    for hidden_s, place in ((before_s, "before its beginning"), (behind_s, "behind its end")):
        if hidden_s > 0:
            yield (
                f"{info.path.name} hides {ms_text(hidden_s)} of picture {place}, which "
                f"{target.name} will show; choose a name that ends in .mp4 or .mov to keep it "
                "hidden."
            )


def _exposed_tail_s(source: OpenedSource, stream_index: int) -> Fraction:
    """Hidden media after the played span, read by FFmpeg up to a key frame; seconds."""
    stream = source.reader.streams[stream_index]
    entries = stream.index_entries
    shown = [entry.timestamp for entry in entries if not entry.is_discard]
    last = max((entry.timestamp for entry in entries), default=0)
    return (last - max(shown, default=last)) * (stream.time_base or Fraction(1))
