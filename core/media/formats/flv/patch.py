"""Patches of times in Flash Video (Adobe FLV specification 10.1, annex E)."""

import struct
from bisect import bisect_right
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import accumulate, pairwise
from typing import BinaryIO, NamedTuple

from core.media.formats.flv.tags import (
    AUDIO,
    VIDEO,
    Number,
    Tag,
    file_numbers,
    read_tags,
)
from core.media.formats.patch import ByteRange, Edit, Patch, TimePatch, Unpatchable

_MS = 1000
_MAX_MS = (1 << 31) - 1
_MAX_BACK_MS, _MAX_FORWARD_MS = 10_000, 3_600_000
"""Larger steps between tags are errors."""

_MAX_KEPT_ORDER_MS = 20
"""Delays up to this keep the order of tags."""

_END_TIMES = (("duration",), ("lasttimestamp",))
_PICTURE_TIMES = (("keyframes", "times"), ("lastkeyframetimestamp",))
_POSITIONS = (("keyframes", "filepositions"), ("lastkeyframelocation",))

_LATER_NOTE = (
    "The sound keeps its place between the pictures, so after a seek it may begin up to "
    "{delay_ms} ms late."
)


class _Shifts(NamedTuple):
    """Shifts in milliseconds, of the sound and of all others."""

    sound: int
    others: int


def patch_flv(file: BinaryIO, delay_s: Fraction, *, in_place: bool = False) -> TimePatch:
    """Move the sound of Flash Video.

    Args:
        file: The whole file.
        delay_s: Exact delay in seconds; rounded to milliseconds.
        in_place: Keep the place of all bytes; tags are not in the order of their times then.

    Raises:
        Unpatchable: The file is damaged or encrypted, or its times jump.
        OSError: The file cannot be read.
    """
    tags, is_whole = read_tags(file)
    delay_ms = round(delay_s * _MS)
    n_kept = _n_kept(tags)
    kept, moved = tags[:n_kept], tags[n_kept:]
    sound = [tag.time_ms for tag in moved if tag.kind == AUDIO]
    if not sound:
        raise Unpatchable("it has no sound")
    _require_steady(moved)
    common = max(0, -delay_ms - min(sound))
    shifts = _Shifts(delay_ms + common, common)
    if max(tag.time_ms for tag in moved) + max(shifts) > _MAX_MS:
        raise Unpatchable("the delay is beyond its times")
    keeps_order = in_place or not is_whole or abs(delay_ms) <= _MAX_KEPT_ORDER_MS
    if keeps_order or not any(tag.kind == VIDEO for tag in moved):
        edits, way = list(_times_in_place(moved, shifts)), "times in the heads of its tags"
    else:
        edits, way = _reordered(moved, shifts), "times and places of its sound"
    edits += _number_edits(file_numbers(file, kept), moved, shifts, edits)
    notes = [_LATER_NOTE.format(delay_ms=delay_ms)] if in_place and delay_ms > 0 else []
    patch = Patch(file.seek(0, 2), tuple(sorted(edits, key=lambda edit: edit[:2])))
    return TimePatch(patch, {0: Fraction(delay_ms, _MS)}, Fraction(common, _MS), way, tuple(notes))


def _n_kept(tags: Sequence[Tag]) -> int:
    """Number of tags at the beginning that keep their times: file data and headers of codecs."""
    for i, tag in enumerate(tags):
        if tag.kind in (AUDIO, VIDEO) and not tag.is_header:
            return i
    return len(tags)


def _require_steady(tags: Sequence[Tag]) -> None:
    """Check the times of the sound and of the picture for jumps.

    Raises:
        Unpatchable: They jump.
    """
    for kind in (AUDIO, VIDEO):
        times = [tag.time_ms for tag in tags if tag.kind == kind]
        steps = [after - before for before, after in pairwise(times)]
        if any(not -_MAX_BACK_MS <= step <= _MAX_FORWARD_MS for step in steps):
            raise Unpatchable("its times jump")


def _times_in_place(tags: Sequence[Tag], shifts: _Shifts) -> Iterator[Edit]:
    for tag in tags:
        if shift := shifts.sound if tag.kind == AUDIO else shifts.others:
            yield Edit(tag.begin + 4, tag.begin + 8, _time(tag.time_ms + shift))


def _reordered(tags: Sequence[Tag], shifts: _Shifts) -> list[Edit]:
    """Edits that move the tags of the sound between the others by their times."""
    others = [tag for tag in tags if tag.kind != AUDIO]
    latest = list(accumulate((tag.time_ms + shifts.others for tag in others), max))
    places = [tag.begin for tag in others] + [tags[-1].end]
    sound = [tag for tag in tags if tag.kind == AUDIO]
    order = accumulate((tag.time_ms + shifts.sound for tag in sound), max)
    edits = list(_times_in_place(others, shifts))
    for tag, time_ms in zip(sound, order, strict=True):
        place = places[bisect_right(latest, time_ms)]
        begin, end = tag.begin, tag.end
        edits += [
            Edit(place, place, ByteRange(begin, begin + 4)),
            Edit(place, place, _time(tag.time_ms + shifts.sound)),
            Edit(place, place, ByteRange(begin + 8, end)),
            Edit(begin, end, b""),
        ]
    return sorted(edits, key=lambda edit: edit[:2])


def _number_edits(
    numbers: Sequence[Number], tags: Sequence[Tag], shifts: _Shifts, edits: Sequence[Edit]
) -> list[Edit]:
    """Edits of times and positions in the file data."""
    places = [edit.begin for edit in edits]
    grown = list(accumulate((e.n_bytes - (e.end - e.begin) for e in edits), initial=0))
    later_s = _later_end(tags, shifts) / _MS
    changed: list[Edit] = []
    for number in numbers:
        value = number.value
        if number.path in _END_TIMES and value > 0:
            value += later_s
        elif number.path in _PICTURE_TIMES and shifts.others:
            value += shifts.others / _MS
        elif number.path in _POSITIONS and 0 < value <= tags[-1].end:
            # Insertions at the place of a tag come before it.
            value += grown[bisect_right(places, int(value))]
        if value != number.value:
            octets = struct.pack(">d", value)
            changed.append(Edit(number.position, number.position + 8, octets))
    return changed


def _later_end(tags: Sequence[Tag], shifts: _Shifts) -> int:
    """Shift of the latest time in milliseconds."""
    before = max(tag.time_ms for tag in tags)
    sounds = (shifts.sound if tag.kind == AUDIO else shifts.others for tag in tags)
    return max(tag.time_ms + shift for tag, shift in zip(tags, sounds, strict=True)) - before


def _time(time_ms: int) -> bytes:
    """Lower 24 bits, then the upper 8."""
    octets = time_ms.to_bytes(4, "big")
    return octets[1:] + octets[:1]
