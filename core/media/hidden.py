"""How much of the streams of an MP4 or MOV file its edit lists hide."""

from collections.abc import Iterator
from dataclasses import dataclass
from fractions import Fraction
from itertools import islice

from core.media.edit_lists import played_spans
from core.media.info import AudioStream, MediaInfo, VideoStream
from core.media.reader import open_unedited

PRIMING_S = Fraction(12, 100)
"""More than what coders put before and behind the sound, which is silent: HE-AAC has the most."""

_PICTURE_S = Fraction(1, 100)
"""Less than one picture; lengths in edit lists are rounded."""


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

    Raises:
        MediaError: The file cannot be opened.
        OSError: It cannot be read.
    """
    if not info.container.startswith("mov"):
        return
    spans = played_spans(info.path)
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
        is_picture = isinstance(stream, VideoStream)
        least_s = _PICTURE_S if is_picture else PRIMING_S
        head_s, tail_s = span.begin_s - first_s, end_s - (span.end_s or end_s)
        if max(head_s, tail_s) > least_s:
            words = f"stream {stream.index} ({'video' if is_picture else 'audio'})"
            zero_s = Fraction(0)
            yield HiddenPart(words, max(head_s, zero_s), max(tail_s, zero_s))
