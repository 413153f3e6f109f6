"""The edit lists of MP4 and MOV (ISO/IEC 14496-12, 8.6.6): which part of a track is played, when.

FFmpeg's muxer lets a track be played from time zero to the end of its last packet, after a pause if
its first packet comes later. What the source plays is put into the complete file.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from fractions import Fraction
from itertools import takewhile
from math import ceil, floor
from pathlib import Path
from typing import BinaryIO

from core.errors import ExportError
from core.media.formats.mp4 import Box, boxes_in, find_box, number_at, read_index

_PAUSE = -1
"""The time in the track by which an edit says that nothing is played."""

_RATE = 1 << 16
"""The speed of an edit that is played as it is, in fixed point."""


@dataclass(frozen=True, slots=True)
class Span:
    """When a track is played, in seconds on the timeline of its file.

    Attributes:
        begin_s: From then on.
        end_s: Until then; None stands for the end of its last packet.
        first_s: When its first packet would be presented, if that is known.
    """

    begin_s: Fraction
    end_s: Fraction | None
    first_s: Fraction | None = None

    def later(self, delay_s: Fraction) -> "Span":
        """Return the same at another time."""
        end_s, first_s = (
            None if time_s is None else time_s + delay_s for time_s in (self.end_s, self.first_s)
        )
        return Span(self.begin_s + delay_s, end_s, first_s)


@dataclass(frozen=True, slots=True)
class _Edit:
    """One edit: its length in ticks of the file, and where it begins in ticks of the track."""

    length: int
    begin: int


def n_pieces(index: bytes) -> int:
    """Largest number of edit-list segments in any video or audio track.

    Pauses and empty edits in front of a track and behind it do not count.

    Args:
        index: Content of the index; 0 for an empty one.
    """
    tracks = [track for track in _tracks(index) if _kind(index, track) in {b"vide", b"soun"}]
    return max((len(_pieces(_edits(index, track))) for track in tracks), default=0)


def played_spans(index: bytes) -> dict[int, Span]:
    """Played spans of the tracks with an edit list, by track number.

    Lengths are rounded to ticks of the track, as FFmpeg reads them.

    Args:
        index: Content of the index.
    """
    spans: dict[int, Span] = {}
    movie_hz = _ticks_hz(index, find_box(index, None, b"mvhd"))
    for track in _tracks(index):
        edits = _edits(index, track)
        pieces = _pieces(edits)
        track_hz = _ticks_hz(index, find_box(index, track, b"mdia", b"mdhd"))
        if len(pieces) == 1 and pieces[0].begin != _PAUSE and track_hz and movie_hz:
            pauses = sum(edit.length for edit in takewhile(_is_empty, edits[:-1]))
            begin_s = _rounded(Fraction(pauses, movie_hz), track_hz)
            length_s = _rounded(Fraction(pieces[0].length, movie_hz), track_hz)
            spans[_track_id(index, track)] = Span(begin_s, begin_s + length_s if length_s else None)
    return spans


def is_fragmented(index: bytes) -> bool:
    """Whether the index announces fragments (ISO/IEC 14496-12, 8.8)."""
    return find_box(index, None, b"mvex") is not None


def play_spans(path: Path, spans: Mapping[int, Span | None], lead_s: Fraction) -> None:
    """Let tracks of a file that FFmpeg's muxer wrote be played when others are, and no longer.

    Nothing moves in the file: numbers of its index are changed where they are.

    Args:
        path: A complete file.
        spans: When each track is to be played, by its number; None for all from time zero on.
        lead_s: By how much later all of these were written, which is taken back.

    Raises:
        ExportError: The index cannot be read, or has no room for what is to be hidden.
        OSError: The file cannot be read or written.
    """
    if not lead_s and not any(spans.values()):
        return
    with path.open("r+b") as file:
        try:
            _play_spans(file, spans, lead_s)
        except ValueError as error:
            raise ExportError(
                "The edit lists of the source cannot be put into the copy; choose a name that ends"
                " in .mkv.",
                path=path,
                details=str(error),
            ) from error


def _play_spans(file: BinaryIO, spans: Mapping[int, Span | None], lead_s: Fraction) -> None:
    place, content = read_index(file)
    index = bytearray(content)
    movie = find_box(index, None, b"mvhd")
    if movie is None:
        raise ValueError("the index has no header")
    longest = 0
    for track in _tracks(index):
        number = _track_id(index, track)
        span = spans.get(number)
        if number in spans and (span is not None or lead_s):
            _play(index, track, span, lead_s, _ticks_hz(index, movie))
        elif lead_s:
            # The muxer gives its track of timecodes the length of the longest one.
            _put_length(index, track, sum(edit.length for edit in _edits(index, track)))
        longest = max(longest, number_at(index, *_length_of_track(index, track)))
    length = movie.begin + (24 if index[movie.begin] else 16), 8 if index[movie.begin] else 4
    # Lengths in fragmented files are unknown.
    if number_at(index, *length):
        _put(index, *length, longest)
    file.seek(place)
    file.write(index)


def _play(index: bytearray, track: Box, span: Span | None, lead_s: Fraction, movie_hz: int) -> None:
    """Change the edit list of a track, which is a pause if it begins later, and all of it."""
    box = find_box(index, track, b"edts", b"elst")
    track_hz = _ticks_hz(index, find_box(index, track, b"mdia", b"mdhd"))
    if box is None or not track_hz:
        return
    edits = _edits(index, track)
    whole = edits[-1]
    first_s = -lead_s
    if edits[0].begin == _PAUSE and span is not None and span.first_s is not None:
        first_s = _rounded(span.first_s, track_hz)
    elif edits[0].begin == _PAUSE:
        first_s += _exact(edits[0].length, movie_hz, track_hz)
    begin_s = first_s
    if span is not None:
        # A track may be played from before its first picture on, which FFmpeg then shows at once.
        earliest_s = first_s - Fraction(whole.begin, track_hz)
        begin_s = max(_rounded(span.begin_s, track_hz), earliest_s)
    begin_s = max(begin_s, Fraction(0))
    begin = whole.begin + round((begin_s - first_s) * track_hz)
    length = 0
    if whole.length:
        end_s = first_s + Fraction(whole.length, movie_hz)
        if span is not None and span.end_s is not None:
            end_s = min(end_s, _rounded(span.end_s, track_hz))
        # None is longer than it was, lest what is rounded up ends with one more picture; and an
        # edit without a length would last to the end.
        is_finer = track_hz > movie_hz
        length_s = (end_s - begin_s) * movie_hz
        length = max(floor(length_s) if is_finer else round(length_s), 1)
    pause = round(begin_s * movie_hz)
    _put_edits(index, box, ([_Edit(pause, _PAUSE)] if pause else []) + [_Edit(length, begin)])
    _put_length(index, track, pause + length if length else 0)


def _exact(pause: int, movie_hz: int, track_hz: int) -> Fraction:
    """Return how long a pause is that was rounded down from ticks of the track."""
    return Fraction(ceil(Fraction((pause + 1) * track_hz, movie_hz)) - 1, track_hz)


def _rounded(seconds: Fraction, ticks_hz: int) -> Fraction:
    return Fraction(floor(seconds * ticks_hz + Fraction(1, 2)), ticks_hz)


def _put_edits(index: bytearray, box: Box, edits: list[_Edit]) -> None:
    """Write edits into a list; what is left over becomes a free box.

    Raises:
        ValueError: The list has no room for them.
    """
    n_bytes = 8 if index[box.begin] else 4
    if 8 + len(edits) * (2 * n_bytes + 4) > box.end - box.begin:
        raise ValueError(f"an edit list has no room for {len(edits)} edits")
    place = box.begin + 8
    for edit in edits:
        _put(index, place, n_bytes, edit.length)
        index[place + n_bytes : place + 2 * n_bytes] = edit.begin.to_bytes(
            n_bytes, "big", signed=True
        )
        _put(index, place + 2 * n_bytes, 4, _RATE)
        place += 2 * n_bytes + 4
    _put(index, box.begin + 4, 4, len(edits))
    if place < box.end:
        _put(index, box.begin - 8, 4, place - box.begin + 8)
        index[place : box.end] = bytes(box.end - place)
        _put(index, place, 4, box.end - place)
        index[place + 4 : place + 8] = b"free"


def _put_length(index: bytearray, track: Box, length: int) -> None:
    """State how long a track is; what is unknown, as in fragmented files, stays so."""
    if length and number_at(index, *_length_of_track(index, track)):
        _put(index, *_length_of_track(index, track), length)


def _put(index: bytearray, place: int, n_bytes: int, number: int) -> None:
    index[place : place + n_bytes] = number.to_bytes(n_bytes, "big")


def _edits(index: bytes | bytearray, track: Box) -> list[_Edit]:
    box = find_box(index, track, b"edts", b"elst")
    return list(_edits_in(index, box)) if box is not None else []


def _edits_in(index: bytes | bytearray, box: Box) -> Iterator[_Edit]:
    n_bytes = 8 if number_at(index, box.begin, 1) else 4
    n_edits = number_at(index, box.begin + 4, 4)
    places = range(box.begin + 8, box.end - 2 * n_bytes - 3, 2 * n_bytes + 4)
    for place in places[:n_edits]:
        begin = index[place + n_bytes : place + 2 * n_bytes]
        yield _Edit(number_at(index, place, n_bytes), int.from_bytes(begin, "big", signed=True))


def _pieces(edits: list[_Edit]) -> list[_Edit]:
    """Return the edits, but for those in front and at the end of which nothing is played."""
    pieces = edits
    while len(pieces) > 1 and _is_empty(pieces[0]):
        pieces = pieces[1:]
    while len(pieces) > 1 and _is_empty(pieces[-1]):
        pieces = pieces[:-1]
    return pieces


def _is_empty(edit: _Edit) -> bool:
    return edit.begin == _PAUSE or not edit.length


def _kind(index: bytes | bytearray, track: Box) -> bytes:
    handler = find_box(index, track, b"mdia", b"hdlr")
    return bytes(index[handler.begin + 8 : handler.begin + 12]) if handler else b""


def _tracks(index: bytes | bytearray) -> list[Box]:
    return [box for box in boxes_in(index) if box.name == b"trak"]


def _track_id(index: bytes | bytearray, track: Box) -> int:
    header = find_box(index, track, b"tkhd")
    if header is None:
        return 0
    return number_at(index, header.begin + (20 if number_at(index, header.begin, 1) else 12), 4)


def _length_of_track(index: bytes | bytearray, track: Box) -> tuple[int, int]:
    """Return where the length of a track stands, and in how many bytes; 0 where it does not."""
    header = find_box(index, track, b"tkhd")
    if header is None:
        return 0, 0
    is_long = number_at(index, header.begin, 1)
    return header.begin + (28 if is_long else 20), 8 if is_long else 4


def _ticks_hz(index: bytes | bytearray, header: Box | None) -> int:
    """Return the ticks a second that the header of a file or of its media names; 0 if none."""
    if header is None:
        return 0
    return number_at(index, header.begin + (20 if number_at(index, header.begin, 1) else 12), 4)
