"""How much of the streams of an MP4 or MOV file its edit lists hide, and what others would show."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice
from pathlib import Path

from core.media.formats.mp4_edit_lists import read_edit_lists
from core.media.formats.output_format import OutputFormat
from core.media.info import AudioStream, MediaInfo, VideoStream, start_of
from core.media.reader import open_container, open_unedited

PRIMING_S = Fraction(12, 100)
"""More than what coders put before and behind the sound, which is silent: HE-AAC has the most."""

_N_PACKETS_LOOKED_AT = 50

_PICTURE_S = Fraction(1, 100)
"""Less than one picture; lengths in edit lists are rounded."""

_ROUNDED_S = Fraction(2, 1000)
"""More than one tick of the times in edit lists, mostly of a thousandth or a 600th of a second."""


@dataclass(frozen=True, slots=True)
class HiddenPart:
    """What is hidden of a stream.

    Attributes:
        stream: It, in words.
        head_s: How much before what is played, in seconds.
        tail_s: How much behind it.
    """

    stream: str
    head_s: Fraction
    tail_s: Fraction


def hidden_parts(info: MediaInfo) -> Iterator[HiddenPart]:
    """Yield what edit lists hide of pictures, and of sound more than its coder put there.

    Of the head of a picture not even a part of one may be: FFmpeg then shows the first one later
    than others, but not in fragments.

    Raises:
        MediaError: The file cannot be opened.
        OSError: It cannot be read.
    """
    if not info.container.startswith("mov"):
        return
    spans = read_edit_lists(info.path)
    streams: list[VideoStream | AudioStream] = [*info.videos, *info.audios]
    for stream in streams:
        with open_unedited(info.path) as reader:
            track = reader.streams[stream.index]
            span = spans.get(track.id)
            packet = next(islice(reader.demux(track), 1), None)
            if span is None or packet is None or packet.pts is None:
                continue
            first_s = packet.pts * packet.time_base
            end_s = first_s + (track.duration or 0) * (track.time_base or 0)
        is_attached_picture = isinstance(stream, VideoStream)
        least_s = _PICTURE_S if is_attached_picture else PRIMING_S
        head_s, tail_s = span.begin_s - first_s, end_s - (span.end_s or end_s)
        least_head_s = _ROUNDED_S if is_attached_picture else PRIMING_S
        if head_s > least_head_s or tail_s > least_s:
            words = f"stream {stream.index} ({'video' if is_attached_picture else 'audio'})"
            zero_s = Fraction(0)
            yield HiddenPart(words, max(head_s, zero_s), max(tail_s, zero_s))


def shown_by_others(info: MediaInfo, target: Path, output: OutputFormat) -> Iterator[str]:
    """Say what an edit list of the source hides and the target would show."""
    if output.is_mp4 or info.video is None or not info.container.startswith("mov"):
        return
    for audio in info.audios:
        before_s = start_of(audio) - first_time_s(info, audio.index)
        if before_s > PRIMING_S:
            yield (
                f"{info.path.name} hides {_ms(before_s)} of sound before the beginning of stream "
                f"{audio.index}, which {target.name} will let be heard; choose a name that ends "
                "in .mp4 or .mov to keep it hidden."
            )
    before_s = start_of(info.video) - first_time_s(info, info.video.index)
    behind_s = _hidden_tail_s(info, info.video.index)
    for hidden_s, place in ((before_s, "before its beginning"), (behind_s, "behind its end")):
        if hidden_s > 0:
            yield (
                f"{info.path.name} hides {_ms(hidden_s)} of picture {place}, which {target.name} "
                "will show; choose a name that ends in .mp4 or .mov to keep it hidden."
            )


def _hidden_tail_s(info: MediaInfo, stream_index: int) -> Fraction:
    """Return how much FFmpeg gives out, up to a key frame, of what is hidden behind the end."""
    if not info.container.startswith("mov"):
        return Fraction(0)
    with open_container(info.path) as reader:
        stream = reader.streams[stream_index]
        entries = stream.index_entries
        shown = [entry.timestamp for entry in entries if not entry.is_discard]
        last = max((entry.timestamp for entry in entries), default=0)
        return (last - max(shown, default=last)) * (stream.time_base or Fraction(1))


def first_time_s(info: MediaInfo, stream_index: int) -> Fraction:
    """Return when the first packets of a stream would be presented, hidden ones included."""
    with open_container(info.path) as reader:
        stream = reader.streams[stream_index]
        start_s = (stream.start_time or 0) * (stream.time_base or Fraction(1))
        if not reader.format.name.startswith("mov"):
            return start_s
        packets = islice(reader.demux(stream), _N_PACKETS_LOOKED_AT)
        times_s = [packet.pts * packet.time_base for packet in packets if packet.pts is not None]
    return min([*times_s, start_s])


def _ms(seconds: Fraction) -> str:
    return f"{abs(float(1000 * seconds)):.1f} ms".replace(".0 ms", " ms")
