"""Patches that move tracks of fragmented MP4 in time.

Each fragment states the time of its media (``tfdt``), so these times can change in place. No time
can be negative: where one would be, the edit list of the track changes instead, or the times of
all other tracks are raised.
"""

from collections.abc import Iterator, Mapping
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor, gcd

from core.media.formats.mp4.edits import PAUSE, RATE
from core.media.formats.mp4.fragments import Fragments, Time, read_fragments
from core.media.formats.mp4.place import Change, Source, place
from core.media.formats.mp4.tracks import (
    Track,
    edits_of,
    known_length,
    length_changes,
    list_change,
    movie_length_changes,
    shift_changes,
)
from core.media.formats.patch import Edit, Patch, TimePatch, Unpatchable

_TIMES = "times of the fragments"
_LIST = "edit list in the index"
_RAISED = (
    "All tracks begin later by the same time, because the times in the file cannot be negative."
)


def patch_fragments(
    source: Source, tracks: Mapping[int, Track], ticks: Mapping[int, int], *, in_place: bool
) -> TimePatch:
    """Make a patch that delays tracks of a fragmented file.

    Args:
        source: The file.
        tracks: All its tracks, by ID.
        ticks: Delays in ticks of each track, by its ID.
        in_place: Whether bytes may only be replaced.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: A fragment is damaged, or a time does not fit.
    """
    fragments = read_fragments(source.file, source.top, source.index)
    if any(track not in tracks for track in fragments.ends):
        raise Unpatchable("its fragments belong to an unknown track")
    delays_s = {number: Fraction(n, tracks[number].clock.track_hz) for number, n in ticks.items()}
    moved = {number: n for number, n in ticks.items() if n}
    if any(_has_media_in_index(source, tracks[number]) for number in moved):
        raise Unpatchable("a part of its media is in the index, another in fragments")
    is_timed = all(_is_timed(source, fragments, tracks[number]) for number in moved)
    missing_s = _missing(fragments, tracks, moved)
    if is_timed and missing_s <= 0 and _fits(fragments, moved):
        patch = _by_times(source, fragments, tracks, delays_s, Fraction(0))
        return TimePatch(patch, delays_s, way=_TIMES)
    listed, changes = _with_edit_lists(source, fragments, tracks, moved, delays_s)
    try:
        return TimePatch(place(listed, changes, in_place=in_place)[0], delays_s, way=_LIST)
    except Unpatchable:
        if not in_place:
            raise
    if not all(
        _is_timed(source, fragments, track) and not _has_media_in_index(source, track)
        for track in tracks.values()
    ):
        raise Unpatchable("its fragments have no times that can change in place")
    # A common time that is a whole number of ticks of every track.
    step_hz = gcd(*(track.clock.track_hz for track in tracks.values()))
    common_s = Fraction(max(0, ceil(missing_s * step_hz)), step_hz)
    patch = _by_times(source, fragments, tracks, delays_s, common_s)
    return TimePatch(patch, delays_s, common_s, _TIMES, (_RAISED,))


def _missing(
    fragments: Fragments, tracks: Mapping[int, Track], ticks: Mapping[int, int]
) -> Fraction:
    """Time in seconds by which the first media would be too early; 0 or less if it is not."""
    return max(
        (
            Fraction(-(time.ticks + ticks[time.track]), tracks[time.track].clock.track_hz)
            for time in fragments.times
            if time.is_needed and time.track in ticks
        ),
        default=Fraction(0),
    )


def _is_timed(source: Source, fragments: Fragments, track: Track) -> bool:
    """Whether the times of fragments can move a track.

    An edit list with several parts of the media would play other parts then.
    """
    edits = edits_of(source.index, replace(track, is_open=True))
    played = [edit for edit in edits if edit.begin != PAUSE]
    is_single = len(played) == 1 and played[0].rate == RATE
    return is_single and not fragments.n_untimed.get(track.number)


def _has_media_in_index(source: Source, track: Track) -> bool:
    table = track.box.find(b"mdia", b"minf", b"stbl", b"stts")
    return table is not None and source.index.field(table, 4, 4) > 0


def _fits(fragments: Fragments, ticks: Mapping[int, int]) -> bool:
    return all(
        time.ticks + ticks.get(time.track, 0) < 1 << 8 * time.width
        for time in fragments.times
        if time.is_needed
    )


def _by_times(
    source: Source,
    fragments: Fragments,
    tracks: Mapping[int, Track],
    delays_s: Mapping[int, Fraction],
    common_s: Fraction,
) -> Patch:
    """Patch by the times of fragments; lengths that are known follow."""
    changes: list[Change] = []
    lengths: dict[int, int] = {}
    for track in tracks.values():
        shift_s = common_s + delays_s.get(track.number, Fraction(0))
        old = known_length(source.index, track.length)
        changes += _end_changes(source, track, shift_s)
        if old and shift_s:
            lengths[track.number] = max(1, old + _movie_ticks(shift_s, track))
            changes += length_changes(source.index, track.length, lengths[track.number])
    if lengths:
        changes += movie_length_changes(source.index, tracks.values(), lengths)
    changes += _whole_length_changes(source, fragments, tracks, delays_s, common_s)
    edits = _time_edits(fragments.times, tracks, delays_s, common_s)
    edits += [Edit(change.begin, change.end, change.content) for change in changes]
    return Patch(source.top.n_bytes, tuple(sorted(edits)))


def _movie_ticks(shift_s: Fraction, track: Track) -> int:
    """A shift in ticks of the movie, rounded so that one taken back leaves nothing."""
    ticks = shift_s * track.clock.movie_hz
    return ceil(ticks) if ticks > 0 else floor(ticks)


def _end_changes(source: Source, track: Track, shift_s: Fraction) -> Iterator[Change]:
    """Yield the change of an edit list that plays up to a time of the media."""
    edits = edits_of(source.index, replace(track, is_open=True))
    length = edits[-1].length
    if shift_s and length and edits[-1].begin != PAUSE:
        last = edits[-1]._replace(length=max(1, length + _movie_ticks(shift_s, track)))
        change = list_change(source.index, track, [*edits[:-1], last])
        if len(change.content) != change.end - change.begin:
            raise Unpatchable("a time of its edit list would be too large")
        yield change


def _whole_length_changes(
    source: Source,
    fragments: Fragments,
    tracks: Mapping[int, Track],
    delays_s: Mapping[int, Fraction],
    common_s: Fraction,
) -> Iterator[Change]:
    """Yield the change of the length of the movie with its fragments (``mehd``)."""
    box = source.index.root.find(b"mvex", b"mehd")
    if box is None:
        return
    span = box.content + 4, 8 if source.index.version(box) else 4
    source.index.field(box, 4, span[1])

    def longest(is_moved: bool) -> int:
        ends_s = [
            Fraction(end, tracks[number].clock.track_hz)
            + (common_s + delays_s.get(number, 0) if is_moved else 0)
            for number, end in fragments.ends.items()
        ]
        return ceil(max(ends_s, default=Fraction(0)) * movie_hz)

    movie_hz = next(iter(tracks.values())).clock.movie_hz
    old, new = known_length(source.index, span), longest(is_moved=True)
    if abs(old - longest(is_moved=False)) > 1:
        # It counts something else as well, so it only may not be too short.
        new = max(old, new)
    yield from length_changes(source.index, span, new)


def _time_edits(
    times: list[Time],
    tracks: Mapping[int, Track],
    delays_s: Mapping[int, Fraction],
    common_s: Fraction,
) -> list[Edit]:
    """Edits that move times.

    Args:
        times: The times.
        tracks: All tracks, by ID.
        delays_s: Delays by track.
        common_s: Delay of all tracks on top.

    Raises:
        Unpatchable: A time does not fit its bytes.
    """
    edits: list[Edit] = []
    for time in times:
        shift_s = common_s + delays_s.get(time.track, Fraction(0))
        track = tracks.get(time.track)
        clock_hz = time.clock_hz or (track.clock.track_hz if track else 0)
        n = floor(shift_s * clock_hz + Fraction(1, 2))
        if n:
            content = _moved_time(time, n).to_bytes(time.width, "big")
            edits.append(Edit(time.place, time.place + time.width, content))
    return sorted(edits)


def _moved_time(time: Time, ticks: int) -> int:
    """Time later by ticks.

    Raises:
        Unpatchable: It does not fit its bytes.
    """
    unit = 1 << 8 * time.width
    new = time.ticks + ticks
    if not time.is_needed:
        if time.width == 8 and time.ticks >> 63:
            # FFmpeg writes negative times into Smooth Streaming files.
            return new % unit
        # Times that only help to find media cannot lie before the first edit.
        new = max(0, new)
    if not 0 <= new < unit:
        raise Unpatchable("a time in its fragments would not fit")
    return new


def _with_edit_lists(
    source: Source,
    fragments: Fragments,
    tracks: Mapping[int, Track],
    ticks: Mapping[int, int],
    delays_s: Mapping[int, Fraction],
) -> tuple[Source, list[Change]]:
    """New edit lists as changes of the index, and the file with what has to follow."""
    changes: list[Change] = []
    lengths: dict[int, int] = {}
    for number, n in ticks.items():
        track = replace(tracks[number], n_media=fragments.ends.get(number, 0), is_open=True)
        more, lengths[number] = shift_changes(source.index, track, n)
        changes += more
    changes += movie_length_changes(source.index, tracks.values(), lengths)
    changes += _whole_length_changes(source, fragments, tracks, delays_s, Fraction(0))
    helping = [time for time in fragments.times if not time.is_needed]
    whole = replace(
        source,
        extra=tuple(fragments.pointers()),
        spans=tuple(fragments.spans),
        steady=tuple(_time_edits(helping, tracks, delays_s, Fraction(0))),
    )
    return whole, changes
