"""Edit lists of MP4 and MOV, moved in time (ISO/IEC 14496-12, 8.6.6).

An edit plays a part of a track, or pauses. Its length counts ticks of the movie, its begin in the
media ticks of the track. A pause is therefore rounded up to ticks of the movie, and the media
behind it begins as much later: together exact to a tick of the track.
"""

from collections.abc import Callable, Iterable, Iterator
from fractions import Fraction
from math import ceil, floor
from typing import NamedTuple

from core.media.formats.patch import Unpatchable

PAUSE = -1
"""Media time of an edit without media (an empty edit)."""

RATE = 1 << 16
"""Media rate 1 in fixed point."""

MAX_EDITS = 100_000

NOTHING_LEFT = "nothing of the sound would be left"


class ListEdit(NamedTuple):
    """One edit.

    Attributes:
        length: Ticks of the movie; 0 in the last edit for "up to the end of the media".
        begin: Ticks of the track, or `PAUSE`.
        rate: Speed of the media in 1/65536; 0 for a still.
    """

    length: int
    begin: int
    rate: int = RATE


class Clock(NamedTuple):
    """Ticks per second of the movie and of a track."""

    movie_hz: int
    track_hz: int

    def to_track(self, movie_ticks: int) -> int:
        """Ticks of the track, rounded half up as FFmpeg does."""
        return (2 * movie_ticks * self.track_hz + self.movie_hz) // (2 * self.movie_hz)

    def to_movie(self, track_ticks: int) -> Fraction:
        """Ticks of the movie, not rounded."""
        return Fraction(track_ticks * self.movie_hz, self.track_hz)


def edits_in(content: bytes | bytearray) -> Iterator[ListEdit]:
    """Yield the edits in the content of an ``elst`` box, as far as they are there."""
    n_bytes = 8 if any(content[:1]) else 4
    stride = 2 * n_bytes + 4
    n_listed = int.from_bytes(content[4:8], "big")
    for at in range(8, len(content) - stride + 1, stride)[:n_listed]:
        length = int.from_bytes(content[at : at + n_bytes], "big")
        begin = int.from_bytes(content[at + n_bytes : at + 2 * n_bytes], "big", signed=True)
        rate = int.from_bytes(content[at + stride - 4 : at + stride], "big")
        yield ListEdit(length, begin, rate)


def parse_edits(content: bytes) -> list[ListEdit]:
    """Read the content of an ``elst`` box.

    Raises:
        Unpatchable: It is shorter than it says, of an unknown version, or absurdly long.
    """
    n_listed = int.from_bytes(content[4:8], "big")
    if n_listed > MAX_EDITS:
        raise Unpatchable(f"one of its edit lists has more than {MAX_EDITS} edits")
    edits = list(edits_in(content))
    if len(content) < 8 or content[0] > 1 or len(edits) < n_listed:
        raise Unpatchable("one of its edit lists is damaged")
    return edits


def edit_list_content(edits: Iterable[ListEdit], is_long: bool) -> bytes:
    """Write the content of an ``elst`` box.

    Args:
        edits: The edits.
        is_long: Whether to use numbers of 8 bytes (version 1) even where 4 are enough.

    Raises:
        Unpatchable: A number does not fit 8 bytes.
    """
    edits = list(edits)
    is_long |= any(e.length >> 32 or e.begin >> 31 not in {0, -1} for e in edits)
    n_bytes = 8 if is_long else 4
    if any(e.length >> 64 or e.begin >> 63 not in {0, -1} for e in edits):
        raise Unpatchable("a time of its edit list would be too large")
    content = bytes([is_long, 0, 0, 0]) + len(edits).to_bytes(4, "big")
    for edit in edits:
        content += edit.length.to_bytes(n_bytes, "big")
        content += edit.begin.to_bytes(n_bytes, "big", signed=True) + edit.rate.to_bytes(4, "big")
    return content


def shifted(edits: list[ListEdit], ticks: int, clock: Clock, n_media: int) -> list[ListEdit]:
    """Move all edits in time.

    Edits before time zero are left out; the media of the first one that is left begins later.

    Args:
        edits: The edits; at least one with media.
        ticks: Delay in ticks of the track.
        clock: Ticks per second.
        n_media: Length of the media in ticks of the track; 0 if unknown.

    Raises:
        Unpatchable: Nothing would be played any more, or the list plays backwards.
    """
    starts = [0]
    for edit in edits:
        starts.append(starts[-1] + edit.length)
    first = next((i for i, e in enumerate(edits) if e.begin != PAUSE), None)
    if first is None:
        raise Unpatchable("its edit list plays nothing")
    if any(e.rate >> 31 or e.begin < PAUSE for e in edits):
        raise Unpatchable("its edit list plays backwards")
    if any(not e.length for e in edits[:-1]):
        # A length of zero within the list has no agreed meaning.
        raise Unpatchable("an edit in its edit list has no length")
    times = [clock.to_track(start) + ticks for start in starts]
    bounds = [max(0, ceil(clock.to_movie(time))) for time in times]
    if first and 0 < times[first] < clock.to_track(1) and edits[first].begin >= times[first]:
        # What is left of a pause is what rounding once cut off behind it.
        bounds[first] = 0
    bounds[-1] = max(0, floor(clock.to_movie(times[-1])))
    moved: list[ListEdit] = [ListEdit(bounds[first], PAUSE)] if bounds[first] else []
    for number, edit in list(enumerate(edits))[first:]:
        late = clock.to_track(bounds[number]) - times[number]
        begin = edit.begin
        if begin != PAUSE:
            begin += floor(Fraction(late * edit.rate, RATE) + Fraction(1, 2))
        is_last = number == len(edits) - 1
        length = bounds[number + 1] - bounds[number]
        if is_last:
            length = _last_length(edit, begin, length, clock, n_media)
        if length > 0 or (is_last and not edit.length):
            moved.append(ListEdit(max(length, 0), begin, edit.rate))
    if not any(_is_heard(edit, n_media) for edit in moved):
        raise Unpatchable(NOTHING_LEFT)
    return moved


def total_length(edits: list[ListEdit], clock: Clock, n_media: int) -> int:
    """Length of what a list plays, in ticks of the movie; 0 if unknown."""
    length = sum(edit.length for edit in edits)
    if edits and not edits[-1].length:
        if not n_media:
            return 0
        length += max(0, ceil(clock.to_movie(n_media - edits[-1].begin)))
    return length


def _last_length(edit: ListEdit, begin: int, length: int, clock: Clock, n_media: int) -> int:
    """Length of the last edit, up to the end of the media if it went there before."""
    if not edit.length:
        return 0
    if edit.begin == PAUSE or edit.rate != RATE or not n_media:
        return length
    roundings: tuple[Callable[[Fraction], int], ...] = (ceil, round, floor)
    for rounding in roundings:
        if edit.length == rounding(clock.to_movie(n_media - edit.begin)):
            return rounding(clock.to_movie(n_media - begin))
    # Rounding up could add a frame at the end.
    return length


def _is_heard(edit: ListEdit, n_media: int) -> bool:
    return edit.begin != PAUSE and bool(edit.rate) and (not n_media or edit.begin < n_media)
