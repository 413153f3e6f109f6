"""Patches of the times of audio tracks in Matroska and WebM (RFC 9559)."""

from collections.abc import Mapping
from dataclasses import dataclass
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.media.formats.matroska.crc32_shift import linear_crc, linear_crc_of_pairs, shifted
from core.media.formats.matroska.ebml import serialized
from core.media.formats.matroska.interleave import find_places
from core.media.formats.matroska.layout import Layout
from core.media.formats.matroska.reader import TIMESTAMP, Cluster, Structure, read_structure
from core.media.formats.matroska.times import (
    CUE_BLOCK_NUMBER,
    CUE_CLUSTER,
    CUE_RELATIVE,
    CUE_TIME,
    CUE_TRACK,
    NoRoom,
    Shift,
    cue_entries,
    shift_times,
)
from core.media.formats.patch import Edit, Patch, TimePatch, Unpatchable

_NS = 1_000_000_000
_MAX_TICKS = 1 << 60
_MIN_RELATIVE, _MAX_RELATIVE = -(1 << 15), (1 << 15) - 1
_STAMP_BYTES, _CRC_BYTES = 2, 4
_MAX_PLACED_NS = _NS
"""Longest delay whose blocks keep their places: a player need not read far for the sound."""

_SEEK_NOTE = (
    "The sound is stored far from its picture; after a seek it may begin late in some players."
)

_Numbers = NDArray[np.int64]


def patch_matroska(
    file: BinaryIO, delays_s: Mapping[int, Fraction], *, in_place: bool = False
) -> TimePatch:
    """Delay audio tracks.

    Args:
        file: The file, opened for reading.
        delays_s: Exact delays in seconds, by the position among the audio tracks.
        in_place: Keep the positions of all bytes.

    Returns:
        The patch, with delays rounded to ticks of the file, 1 ms as a rule.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: The structure is damaged or allows no patch, or lacks such a track.
    """
    structure = read_structure(file)
    moves = _Moves(structure, delays_s)
    is_long = moves.longest_ns > _MAX_PLACED_NS
    edits = _edits_in_place(structure, moves) if in_place or not is_long else None
    way = "times of blocks"
    if edits is None and in_place:
        raise Unpatchable("a field of fixed width has no room for its new time")
    if edits is None:
        # The times outside of blocks may have been changed in part.
        structure = read_structure(file)
        edits, way = _edits_anew(file, structure, moves), "times and places of blocks"
    return TimePatch(
        Patch(structure.n_bytes, tuple(sorted(edits, key=lambda edit: edit.begin))),
        moves.delays_s,
        Fraction(moves.raised * structure.scale_ns, _NS),
        way,
        (_SEEK_NOTE,) if in_place and is_long else (),
    )


class _Moves:
    """Delays in ticks, and the common shift they need.

    Attributes:
        delays_s: Rounded delays by audio track, as in the request.
        ticks: Delays by track number.
        raised: Common shift.
        owners: Indices of the blocks' clusters.
        times: Times of all blocks before the change.
        delays: Delays of all blocks beyond those of their clusters.
        base_shift: Shift of the timestamps of all clusters.
        longest_ns: Longest delay of a track against another one.
    """

    def __init__(self, structure: Structure, delays_s: Mapping[int, Fraction]) -> None:
        numbers, blocks = structure.audio_tracks, structure.blocks
        unknown = [index for index in delays_s if not 0 <= index < len(numbers)]
        if unknown:
            raise Unpatchable("its list of tracks differs from the one that players read")
        tick_s = Fraction(structure.scale_ns, _NS)
        in_ticks = {index: round(delay_s / tick_s) for index, delay_s in delays_s.items()}
        if any(abs(ticks) > _MAX_TICKS for ticks in in_ticks.values()):
            raise Unpatchable("the delay is too long for Matroska")
        self.delays_s = {index: ticks * tick_s for index, ticks in in_ticks.items()}
        self.ticks = {numbers[index]: ticks for index, ticks in in_ticks.items()}
        firsts = [cluster.first_block for cluster in structure.clusters]
        counts = np.diff([*firsts, len(blocks.begins)])
        self.owners: _Numbers = np.repeat(np.arange(len(firsts)), counts)
        bases = np.array([cluster.time for cluster in structure.clusters], np.int64)
        self.times: _Numbers = bases[self.owners] + blocks.relative
        self.delays: _Numbers = np.zeros(len(self.times), np.int64)
        for number, ticks in self.ticks.items():
            self.delays[blocks.tracks == number] = ticks
        self.longest_ns = int(abs(self.delays).max(initial=0)) * structure.scale_ns
        moved = self.times[self.delays < 0] + self.delays[self.delays < 0]
        lowest = min(0, int(self.times.min(initial=0)))
        self.raised = max(0, lowest - int(moved.min(initial=lowest)))
        self.base_shift = self.raised
        if len(self.delays) and self.delays[0] and (self.delays == self.delays[0]).all():
            # Clusters of sound alone take the delay themselves.
            self.base_shift += int(self.delays[0])
            self.longest_ns, self.delays = 0, np.zeros_like(self.delays)
        scaled = set(self.ticks) if not self.raised else set(structure.track_numbers)
        if scaled & structure.scaled_tracks:
            raise Unpatchable("a track has a unit of time of its own")

    def shift(self, structure: Structure, *, is_fixed: bool) -> Shift:
        """Make the shift of the times outside of blocks."""
        return Shift(self.ticks, self.raised, _ends(structure, self.times), is_fixed)


def _edits_anew(file: BinaryIO, structure: Structure, moves: _Moves) -> list[Edit]:
    """Change times and put the moved blocks into the places of their new times."""
    shift_times(structure, moves.shift(structure, is_fixed=False))
    times = moves.times + moves.base_shift + moves.delays
    is_moved = moves.delays != 0
    places = find_places(structure, times, moves.owners, is_moved, moves.base_shift)
    return Layout(file, structure, places, times, is_moved).edits()


@dataclass(slots=True)
class _Changes:
    """Changed numbers in clusters: positions, old and new bytes of equal size."""

    fields: list[tuple[int, bytes, bytes]]
    stamps: _Numbers
    old: NDArray[np.uint16]
    new: NDArray[np.uint16]


def _ends(structure: Structure, times: _Numbers) -> dict[int, int]:
    """Estimate the ends of tracks; a last block lasts as long as the one before it."""
    ends: dict[int, int] = {}
    for number in structure.track_numbers:
        last = times[np.flatnonzero(structure.blocks.tracks == number)[-2:]]
        if len(last):
            ends[number] = int(last[-1] + max(0, last[-1] - last[0]))
    return ends


def _edits_in_place(structure: Structure, moves: _Moves) -> list[Edit] | None:
    """Change times without moving a byte.

    Returns:
        The changes; None if a field cannot hold its new time.

    Raises:
        Unpatchable: The structure is damaged.
    """
    try:
        changes = _cluster_changes(structure, moves)
        shift_times(structure, moves.shift(structure, is_fixed=True))
    except NoRoom:
        return None
    _mend_cues(structure, moves)
    edits = [Edit(at, at + len(new), new) for at, _, new in changes.fields]
    content = changes.new.astype(">u2").tobytes()
    edits += [
        Edit(at, at + _STAMP_BYTES, content[2 * index : 2 * index + 2])
        for index, at in enumerate(changes.stamps.tolist())
    ]
    edits += _checksums(structure.clusters, changes)
    for master in structure.masters:
        if master.element is not None:
            edits += differences(master.begin, master.source, serialized(master.element))
    return edits


def _cluster_changes(structure: Structure, moves: _Moves) -> _Changes:
    blocks = structure.blocks
    raised = np.zeros(len(structure.clusters), np.int64)
    fields = []
    for index, cluster in enumerate(structure.clusters):
        at, width = cluster.fields[TIMESTAMP]
        if not moves.base_shift:
            break
        time = cluster.time + moves.base_shift
        if time < 0 or time >> 8 * width:
            # The blocks take the shift where the cluster has no room for it.
            raised[index] = moves.base_shift
            continue
        old, new = (number.to_bytes(width, "big") for number in (cluster.time, time))
        fields.append((at, old, new))
    additions = moves.delays + raised[moves.owners]
    chosen = np.flatnonzero(additions)
    relative = blocks.relative[chosen] + additions[chosen]
    if len(chosen) and not _MIN_RELATIVE <= relative.min() <= relative.max() <= _MAX_RELATIVE:
        raise NoRoom
    return _Changes(
        fields,
        blocks.begins[chosen] + blocks.stamps[chosen],
        blocks.relative[chosen].astype(np.int16).view(np.uint16),
        relative.astype(np.int16).view(np.uint16),
    )


def _checksums(clusters: list[Cluster], changes: _Changes) -> list[Edit]:
    """Follow the changes in the checksums of clusters, without reading the blocks.

    A checksum that was wrong stays wrong.
    """
    checked = [cluster for cluster in clusters if cluster.crc]
    if not checked:
        return []
    places = [at + len(old) for at, old, _ in changes.fields]
    states = [linear_crc(_difference(old, new)) for _, old, new in changes.fields]
    ends = np.concatenate((np.array(places, np.int64), changes.stamps + _STAMP_BYTES))
    pairs = linear_crc_of_pairs(changes.old ^ changes.new)
    values = np.concatenate((np.array(states, np.uint32), pairs))
    begins = np.array([cluster.begin for cluster in clusters], np.int64)
    owners = np.searchsorted(begins, ends, side="left") - 1
    values = shifted(values, np.array([c.end for c in clusters], np.int64)[owners] - ends)
    sums = np.zeros(len(clusters), np.uint32)
    np.bitwise_xor.at(sums, owners, values)
    return [
        Edit(
            cluster.crc,
            cluster.crc + _CRC_BYTES,
            (cluster.checksum ^ int(value)).to_bytes(_CRC_BYTES, "little"),
        )
        for cluster, value in zip(clusters, sums, strict=True)
        if cluster.crc and value
    ]


def _difference(old: bytes, new: bytes) -> bytes:
    return bytes(a ^ b for a, b in zip(old, new, strict=True))


def _mend_cues(structure: Structure, moves: _Moves) -> None:
    """Let a cue of the picture lead to the sound of its time, if that comes earlier in the file.

    FFmpeg drops what comes before the time of the cue, so the picture starts there as before.
    """
    late = [number for number, ticks in moves.ticks.items() if ticks > 0]
    sounds = []
    for number in late:
        chosen = np.flatnonzero(structure.blocks.tracks == number)
        times = moves.times[chosen] + moves.delays[chosen] + moves.raised
        sounds.append((np.maximum.accumulate(times), moves.owners[chosen]))
    for point, entry in cue_entries(structure):
        time, track, place = (
            found.unsigned if found is not None else 0
            for found in (point.find(CUE_TIME), entry.find(CUE_TRACK), entry.find(CUE_CLUSTER))
        )
        if track in late:
            continue
        begin = structure.segment[0] + place
        for times, owners in sounds:
            index = int(np.searchsorted(times, time, side="right")) - 1
            if len(owners):
                begin = min(begin, structure.clusters[int(owners[max(index, 0)])].begin)
        if begin < structure.segment[0] + place:
            for found in entry.children(CUE_CLUSTER):
                found.content = (begin - structure.segment[0]).to_bytes(len(found.data), "big")
            for identity in (CUE_RELATIVE, CUE_BLOCK_NUMBER):
                for found in list(entry.children(identity)):
                    found.voided()


def differences(begin: int, old: bytes, new: bytes) -> list[Edit]:
    """List runs of bytes that differ.

    Args:
        begin: Position of the bytes in the file.
        old: Bytes of the source.
        new: As many new bytes.
    """
    differing = np.flatnonzero(np.frombuffer(old, np.uint8) != np.frombuffer(new, np.uint8))
    if not len(differing):
        return []
    breaks = np.flatnonzero(np.diff(differing) > 1) + 1
    runs = [(int(run[0]), int(run[-1]) + 1) for run in np.split(differing, breaks)]
    return [Edit(begin + first, begin + last, new[first:last]) for first, last in runs]
