"""Patches that move tracks of fragmented MP4 in time.

Each fragment states the time of its media (``tfdt``), so these times can change in place. No time
can be negative: where one would be, the edit list of the track changes instead, or the times of
all other tracks are raised.
"""

from collections.abc import Mapping
from dataclasses import replace
from fractions import Fraction
from math import ceil, floor, gcd

from core.media.formats.mp4_fragments import Fragments, Time, read_fragments
from core.media.formats.mp4_place import Change, Source, place
from core.media.formats.mp4_tracks import Track, shift_changes
from core.media.formats.patch import Edit, Patch, TimePatch, Unpatchable

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
    fragments = read_fragments(source.file, source.top)
    unknown = {time.track for time in fragments.times if time.is_needed} - set(tracks)
    if unknown or any(track not in tracks for track in fragments.n_untimed):
        raise Unpatchable("its fragments belong to an unknown track")
    delays_s = {number: Fraction(n, tracks[number].clock.track_hz) for number, n in ticks.items()}
    moved = {number: n for number, n in ticks.items() if n}
    timed = all(_is_timed(source, fragments, tracks[number]) for number in moved)
    low = [
        Fraction(-(time.ticks + moved[time.track]), tracks[time.track].clock.track_hz)
        for time in fragments.times
        if time.is_needed and time.track in moved
    ]
    missing_s = max(low, default=Fraction(0))
    if timed and missing_s <= 0 and _fits(fragments, moved):
        edits = _time_edits(fragments.times, tracks, delays_s, Fraction(0))
        patch = Patch(source.top.n_bytes, tuple(edits))
        return TimePatch(patch, delays_s, way="the times of its fragments")
    listed = _by_edit_lists(source, fragments, tracks, moved, delays_s, in_place)
    if listed is not None:
        return TimePatch(listed, delays_s, way="its edit list says when it plays")
    if not all(_is_timed(source, fragments, track) for track in tracks.values()):
        raise Unpatchable("its fragments have no times that can change in place")
    step_hz = gcd(*(track.clock.track_hz for track in tracks.values()))
    common_s = Fraction(ceil(missing_s * step_hz), step_hz)
    edits = _time_edits(fragments.times, tracks, delays_s, common_s)
    patch = Patch(source.top.n_bytes, tuple(edits))
    return TimePatch(patch, delays_s, common_s, "the times of its fragments", (_RAISED,))


def _is_timed(source: Source, fragments: Fragments, track: Track) -> bool:
    """Whether the fragments alone decide when a track plays."""
    if fragments.n_untimed.get(track.number):
        return False
    table = track.box.find(b"mdia", b"minf", b"stbl", b"stts")
    return table is None or source.index.field(table, 4, 4) == 0


def _fits(fragments: Fragments, ticks: Mapping[int, int]) -> bool:
    return all(
        time.ticks + ticks.get(time.track, 0) < 1 << 8 * time.width
        for time in fragments.times
        if time.is_needed
    )


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
        if not n:
            continue
        # Times that only help to find media may lie before the first edit.
        ticks = time.ticks + n if time.is_needed else max(0, time.ticks + n)
        if not 0 <= ticks < 1 << 8 * time.width:
            raise Unpatchable("a time in its fragments would not fit")
        content = ticks.to_bytes(time.width, "big")
        edits.append(Edit(time.place, time.place + time.width, content))
    return sorted(edits)


def _by_edit_lists(
    source: Source,
    fragments: Fragments,
    tracks: Mapping[int, Track],
    ticks: Mapping[int, int],
    delays_s: Mapping[int, Fraction],
    in_place: bool,
) -> Patch | None:
    """Patch by edit lists; None if it would move bytes where none may move."""
    changes: list[Change] = []
    for number, n in ticks.items():
        open_ended = replace(tracks[number], n_media=0)
        changes += shift_changes(source.index, open_ended, n)[0]
    helping = [time for time in fragments.times if not time.is_needed]
    whole = replace(
        source,
        extra=tuple(fragments.pointers()),
        spans=tuple(fragments.spans),
        steady=tuple(_time_edits(helping, tracks, delays_s, Fraction(0))),
    )
    patch, _ = place(whole, changes)
    return patch if patch.keeps_positions or not in_place else None
