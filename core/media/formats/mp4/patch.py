"""Patches that move tracks of MP4 and MOV in time.

The edit list of a track says when its media plays; the media itself stays as it is. This suits all
files of the ISO base media format (ISO/IEC 14496-12) and QuickTime, by content and not by name.
"""

from collections.abc import Mapping
from fractions import Fraction
from math import floor
from typing import BinaryIO

from core.media.formats.mp4.fragments_patch import patch_fragments
from core.media.formats.mp4.place import Change, Source, place
from core.media.formats.mp4.pointers import pointers_of
from core.media.formats.mp4.tracks import (
    movie_length_changes,
    read_tracks,
    shift_changes,
)
from core.media.formats.mp4.tree import read_top_level, read_tree
from core.media.formats.patch import TimePatch, Unpatchable

_WAY = "edit list in the index"


def patch_mp4(
    file: BinaryIO,
    delays_s: Mapping[int, Fraction],
    *,
    in_place: bool = False,
    index_first: bool = False,
) -> TimePatch:
    """Make a patch that delays tracks, exactly to a tick of each track.

    Args:
        file: MP4, MOV or a relative of theirs.
        delays_s: Delays in seconds by track ID; negative for earlier.
        in_place: Whether bytes may only be replaced, or added at the end of the file.
        index_first: Whether to move the index in front of the media.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: The structure of the file is damaged or unsupported, or a delay would leave
            nothing of a track.
    """
    if in_place and index_first:
        raise Unpatchable("its index cannot move in front of the media in place")
    top = read_top_level(file)
    tree = read_tree(file, top.index)
    tracks = read_tracks(tree)
    ticks: dict[int, int] = {}
    for number, delay_s in delays_s.items():
        if number not in tracks:
            raise Unpatchable(f"it has no track of the number {number}")
        ticks[number] = floor(delay_s * tracks[number].clock.track_hz + Fraction(1, 2))
    source = Source(file, top, tree)
    if top.is_fragmented:
        return patch_fragments(source, tracks, ticks, in_place=in_place)
    written_s = {number: Fraction(n, tracks[number].clock.track_hz) for number, n in ticks.items()}
    for table in pointers_of(tree):
        if table.values.size and int(table.values.max()) > top.end:
            raise Unpatchable("its media lies outside of its boxes")
    changes: list[Change] = []
    lengths: dict[int, int] = {}
    for number, n in ticks.items():
        if n:
            more, lengths[number] = shift_changes(tree, tracks[number], n)
            changes += more
    if changes:
        changes += movie_length_changes(tree, tracks.values(), lengths)
    patch, notes = place(source, changes, in_place=in_place, index_first=index_first)
    return TimePatch(patch, written_s, way=_WAY, notes=notes)
