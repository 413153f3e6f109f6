"""Reading and writing the edit lists of MP4 and MOV (ISO/IEC 14496-12, 8.6.6).

An edit list states the part of a track to play, and when. FFmpeg's muxer plays a track from time
zero to the end of its last packet, after a pause if its first packet comes later. It cannot write
a pause together with hidden media, so `write_edit_lists` changes the lists of the finished file.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from math import ceil, floor
from pathlib import Path
from typing import BinaryIO

from core.errors import ExportError
from core.media.formats.mp4.boxes import Box, boxes_in, find_box, number_at, read_index
from core.media.formats.mp4.edits import PAUSE, ListEdit, edit_list_content, edits_in


@dataclass(frozen=True, slots=True)
class Span:
    """Time in which a track is played, seconds on the timeline of the file.

    Attributes:
        begin_s: Begin of playing.
        end_s: End of playing; None for the end of the last packet.
        first_s: Presentation time of the first packet, hidden or not; None if unknown.
    """

    begin_s: Fraction
    end_s: Fraction | None
    first_s: Fraction | None = None

    def later(self, delay_s: Fraction) -> "Span":
        """The same span, moved by a delay in seconds."""
        end_s, first_s = (
            None if time_s is None else time_s + delay_s for time_s in (self.end_s, self.first_s)
        )
        return Span(self.begin_s + delay_s, end_s, first_s)


def n_edits(index: bytes) -> int:
    """Largest number of edits in any video or audio track.

    Leading and trailing edits that play nothing do not count.

    Args:
        index: Content of the index; an empty one has 0.
    """
    tracks = [track for track in _tracks(index) if _kind(index, track) in {b"vide", b"soun"}]
    return max((len(_played(_edits(index, track))) for track in tracks), default=0)


def read_edit_lists(index: bytes) -> dict[int, Span]:
    """Read the edit lists with a single edit, after pauses at most.

    Lengths are rounded to ticks of the track, as FFmpeg does.

    Returns:
        Span of each track with such a list, by track ID.

    Args:
        index: Content of the index.
    """
    spans: dict[int, Span] = {}
    movie_hz = _after_dates(index, find_box(index, None, b"mvhd"))
    for track in _tracks(index):
        edits = _edits(index, track)
        played = _played(edits)
        track_hz = _after_dates(index, find_box(index, track, b"mdia", b"mdhd"))
        if len(played) == 1 and played[0].begin != PAUSE and track_hz and movie_hz:
            pauses = sum(edit.length for edit in takewhile(_is_empty, edits[:-1]))
            begin_s = _rounded(Fraction(pauses, movie_hz), track_hz)
            length_s = _rounded(Fraction(played[0].length, movie_hz), track_hz)
            spans[_track_id(index, track)] = Span(begin_s, begin_s + length_s if length_s else None)
    return spans


def is_fragmented(index: bytes) -> bool:
    """Whether the index announces fragments (ISO/IEC 14496-12, 8.8)."""
    return find_box(index, None, b"mvex") is not None


def write_edit_lists(path: Path, spans: Mapping[int, Span | None], lead_s: Fraction) -> None:
    """Change the edit lists of a file written by FFmpeg's muxer, in place.

    Only numbers in the index change; nothing moves in the file.

    Args:
        path: A complete file.
        spans: Span to play, by track ID; None for everything from time zero on.
        lead_s: Lead of these tracks in the file, seconds; taken back here.

    Raises:
        ExportError: The index cannot be read, or has no room for the edits.
        OSError: The file cannot be read or written.
    """
    if not lead_s and not any(spans.values()):
        return
    with path.open("r+b") as file:
        try:
            _write_edit_lists(file, spans, lead_s)
        except ValueError as error:
            raise ExportError(
                "The edit lists of the source cannot be put into the copy; choose a name that ends"
                " in .mkv.",
                path=path,
                details=str(error),
            ) from error


def _write_edit_lists(file: BinaryIO, spans: Mapping[int, Span | None], lead_s: Fraction) -> None:
    position, content = read_index(file)
    index = bytearray(content)
    movie = find_box(index, None, b"mvhd")
    if movie is None:
        raise ValueError("the index has no header")
    longest = 0
    for track in _tracks(index):
        number = _track_id(index, track)
        span = spans.get(number)
        if number in spans and (span is not None or lead_s):
            _write_edit_list(index, track, span, lead_s, _after_dates(index, movie))
        elif lead_s:
            # The muxer makes its timecode track as long as the longest track.
            _put_length(index, track, sum(edit.length for edit in _edits(index, track)))
        longest = max(longest, number_at(index, *_length_of_track(index, track)))
    length = movie.begin + (24 if index[movie.begin] else 16), 8 if index[movie.begin] else 4
    # The length of a fragmented file is unknown.
    if number_at(index, *length):
        _put(index, *length, longest)
    file.seek(position)
    file.write(index)


def _write_edit_list(
    index: bytearray, track: Box, span: Span | None, lead_s: Fraction, movie_hz: int
) -> None:
    """Change the edit list of a track: from the muxer's, a pause and all media, to a span."""
    box = find_box(index, track, b"edts", b"elst")
    track_hz = _after_dates(index, find_box(index, track, b"mdia", b"mdhd"))
    if box is None or not track_hz:
        return
    edits = _edits(index, track)
    whole = edits[-1]
    first_s = -lead_s
    if edits[0].begin == PAUSE and span is not None and span.first_s is not None:
        first_s = _rounded(span.first_s, track_hz)
    elif edits[0].begin == PAUSE:
        first_s += _exact(edits[0].length, movie_hz, track_hz)
    begin_s = first_s
    if span is not None:
        # Playing may begin before the first frame, shown at once by FFmpeg.
        earliest_s = first_s - Fraction(whole.begin, track_hz)
        begin_s = max(_rounded(span.begin_s, track_hz), earliest_s)
    begin_s = max(begin_s, Fraction(0))
    begin = whole.begin + round((begin_s - first_s) * track_hz)
    length = 0
    if whole.length:
        end_s = first_s + Fraction(whole.length, movie_hz)
        if span is not None and span.end_s is not None:
            end_s = min(end_s, _rounded(span.end_s, track_hz))
        # Rounding up could add a frame at the end, so no edit gets longer; and an edit without a
        # length would last to the end.
        is_finer = track_hz > movie_hz
        length_s = (end_s - begin_s) * movie_hz
        length = max(floor(length_s) if is_finer else round(length_s), 1)
    pause = round(begin_s * movie_hz)
    _put_edits(index, box, ([ListEdit(pause, PAUSE)] if pause else []) + [ListEdit(length, begin)])
    _put_length(index, track, pause + length if length else 0)


def _exact(pause: int, movie_hz: int, track_hz: int) -> Fraction:
    """Length of a pause, in seconds, before it was rounded down to ticks of the movie."""
    return Fraction(ceil(Fraction((pause + 1) * track_hz, movie_hz)) - 1, track_hz)


def _rounded(seconds: Fraction, ticks_hz: int) -> Fraction:
    return Fraction(floor(seconds * ticks_hz + Fraction(1, 2)), ticks_hz)


def _put_edits(index: bytearray, box: Box, edits: list[ListEdit]) -> None:
    """Write edits into a list; unused room becomes a free box.

    Raises:
        ValueError: The list has no room for them.
    """
    content = edit_list_content(edits, is_long=bool(index[box.begin]))
    position = box.begin + len(content)
    if position > box.end:
        raise ValueError(f"an edit list has no room for {len(edits)} edits")
    index[box.begin : position] = content
    if position < box.end:
        _put(index, box.begin - 8, 4, position - box.begin + 8)
        index[position : box.end] = bytes(box.end - position)
        _put(index, position, 4, box.end - position)
        index[position + 4 : position + 8] = b"free"


def _put_length(index: bytearray, track: Box, length: int) -> None:
    """Write the length of a track, unless it is unknown as in fragmented files."""
    if length and number_at(index, *_length_of_track(index, track)):
        _put(index, *_length_of_track(index, track), length)


def _put(index: bytearray, position: int, n_bytes: int, number: int) -> None:
    index[position : position + n_bytes] = number.to_bytes(n_bytes, "big")


def _edits(index: bytes | bytearray, track: Box) -> list[ListEdit]:
    box = find_box(index, track, b"edts", b"elst")
    return list(edits_in(index[box.begin : box.end])) if box is not None else []


def _played(edits: list[ListEdit]) -> list[ListEdit]:
    """Edits without leading and trailing ones that play nothing; at least one is left."""
    first, end = 0, len(edits)
    while end - first > 1 and _is_empty(edits[first]):
        first += 1
    while end - first > 1 and _is_empty(edits[end - 1]):
        end -= 1
    return edits[first:end]


def _is_empty(edit: ListEdit) -> bool:
    return edit.begin == PAUSE or not edit.length


def _kind(index: bytes | bytearray, track: Box) -> bytes:
    handler = find_box(index, track, b"mdia", b"hdlr")
    return bytes(index[handler.begin + 8 : handler.begin + 12]) if handler else b""


def _tracks(index: bytes | bytearray) -> list[Box]:
    return [box for box in boxes_in(index) if box.name == b"trak"]


def _track_id(index: bytes | bytearray, track: Box) -> int:
    return _after_dates(index, find_box(index, track, b"tkhd"))


def _length_of_track(index: bytes | bytearray, track: Box) -> tuple[int, int]:
    """Position and size, in bytes, of the length of a track; 0 if there is none."""
    header = find_box(index, track, b"tkhd")
    if header is None:
        return 0, 0
    is_long = number_at(index, header.begin, 1)
    return header.begin + (28 if is_long else 20), 8 if is_long else 4


def _after_dates(index: bytes | bytearray, header: Box | None) -> int:
    """Number after the two dates of a header; 0 without one.

    It is the ID of a track, or the ticks per second of a movie or of media. Dates have 4 or 8 bytes
    by the version of the header.
    """
    if header is None:
        return 0
    return number_at(index, header.begin + (20 if number_at(index, header.begin, 1) else 12), 4)
