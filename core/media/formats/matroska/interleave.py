"""Moves of blocks of delayed Matroska tracks to the places of their new times (RFC 9559)."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from core.media.formats.matroska.reader import Structure

_NEW_CLUSTER_NS = 5_000_000_000
_MAX_RELATIVE = (1 << 15) - 1
_VIDEO = 1

_Numbers = NDArray[np.int64]


@dataclass(slots=True)
class NewCluster:
    """A cluster to be added.

    Attributes:
        time: Its timestamp, ticks.
        blocks: Indices of its blocks.
    """

    time: int
    blocks: list[int] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Places:
    """New places of moved blocks, as indices of blocks in the order of the file.

    Attributes:
        bases: New timestamps of the clusters, ticks.
        before: Moved blocks, by the block that follows them.
        last: Moved blocks at the ends of clusters, by cluster.
        added: New clusters, by the cluster before them; -1 before the first one.
    """

    bases: Sequence[int]
    before: Mapping[int, Sequence[int]]
    last: Mapping[int, Sequence[int]]
    added: Mapping[int, Sequence[NewCluster]]


def find_places(
    structure: Structure,
    times: _Numbers,
    owners: _Numbers,
    is_moved: NDArray[np.bool_],
    raised: int,
) -> Places:
    """Find where delayed blocks belong: before the first picture with a later time.

    Args:
        structure: The file.
        times: New times of all blocks, ticks.
        owners: Indices of the blocks' clusters.
        is_moved: Whether each block has a delay.
        raised: Shift of the timestamps of all clusters, ticks.
    """
    bases = np.array([cluster.time + raised for cluster in structure.clusters], np.int64)
    moved = _by_time(structure, times, is_moved)
    others = _guides(structure, is_moved)
    clusters = np.searchsorted(np.maximum.accumulate(bases), times[moved], side="right") - 1
    indices = np.searchsorted(np.maximum.accumulate(times[others]), times[moved], side="right")
    longest = min(_MAX_RELATIVE, _NEW_CLUSTER_NS // structure.scale_ns)
    before: dict[int, list[int]] = {}
    last: dict[int, list[int]] = {}
    added: dict[int, list[NewCluster]] = {}
    columns = moved.tolist(), times[moved].tolist(), clusters.tolist(), indices.tolist()
    for block, time, cluster, index in zip(*columns, strict=True):
        following = int(others[index]) if index < len(others) else -1
        if cluster >= 0 and following >= 0 and owners[following] <= cluster:
            before.setdefault(following, []).append(block)
        elif cluster >= 0 and cluster not in added and time - bases[cluster] <= longest:
            last.setdefault(cluster, []).append(block)
        else:
            new = added.setdefault(cluster, [])
            if not new or not 0 <= time - new[-1].time <= longest:
                new.append(NewCluster(time))
            new[-1].blocks.append(block)
    return Places(bases.tolist(), before, last, added)


def _by_time(structure: Structure, times: _Numbers, is_moved: NDArray[np.bool_]) -> _Numbers:
    """Sort moved blocks by time; those of one track keep their order."""
    keys = times.copy()
    for track in np.unique(structure.blocks.tracks[is_moved]):
        chosen = structure.blocks.tracks == track
        keys[chosen] = np.maximum.accumulate(times[chosen])
    moved = np.flatnonzero(is_moved)
    return moved[np.argsort(keys[moved], kind="stable")]


def _guides(structure: Structure, is_moved: NDArray[np.bool_]) -> _Numbers:
    """List the blocks of the picture, or else of all tracks that stay."""
    pairs = zip(structure.track_numbers, structure.track_types, strict=True)
    pictures = [number for number, kind in pairs if kind == _VIDEO]
    guides = np.flatnonzero(np.isin(structure.blocks.tracks, pictures) & ~is_moved)
    return guides if len(guides) else np.flatnonzero(~is_moved)
