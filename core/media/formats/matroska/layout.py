"""A Matroska file with blocks in new places: sizes, positions and checksums (RFC 9559)."""

import zlib
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.media.formats.matroska.ebml import Element, number_bytes, serialized, size_field
from core.media.formats.matroska.interleave import NewCluster, Places
from core.media.formats.matroska.reader import (
    CLUSTER,
    POSITION,
    PREVIOUS_SIZE,
    SEEK_HEAD,
    TIMESTAMP,
    Cluster,
    Master,
    Structure,
)
from core.media.formats.matroska.times import (
    CUE_BLOCK_NUMBER,
    CUE_CLUSTER,
    CUE_RELATIVE,
    CUE_TIME,
    CUE_TRACK,
    cue_entries,
)
from core.media.formats.patch import ByteRange, Edit, Unpatchable

_SEEK, _SEEK_POSITION = 0x4DBB, 0x53AC
_STAMP_BYTES, _CRC_BYTES = 2, 4
_CLUSTER_ID_BYTES, _CLUSTER_SIZE_BYTES = 4, 4
_MIN_RELATIVE, _MAX_RELATIVE = -(1 << 15), (1 << 15) - 1
_READ_BYTES = 1 << 20
_MAX_ROUNDS = 12

_Numbers = NDArray[np.int64]


@dataclass(slots=True)
class _Part:
    """A cluster of the new file.

    Attributes:
        anchor: Position in the source where it stands, or is inserted.
        source: The cluster in the source; None for a new one.
        index: Index of the cluster in the source; -1 for a new one.
        edits: Changes of the blocks.
        fields: New bytes of the elements with numbers, by position and size in the source.
        growth: Change of the content's size by the blocks.
        begin: Position in the new file.
    """

    anchor: int
    source: Cluster | None
    index: int
    edits: list[Edit]
    growth: int
    fields: dict[int, tuple[int, int]] = field(default_factory=dict)
    begin: int = 0

    def widening(self) -> int:
        """Count the bytes that wider numbers add."""
        fields = self.source.fields if self.source is not None else {}
        return sum(width - fields[key][1] for key, (_, width) in self.fields.items())

    def head(self) -> bytes:
        """Make the head; that of a cluster of unknown size stays."""
        if self.source is None:
            return b""
        size = self.source.end - self.source.content + self.growth + self.widening()
        width = self.source.content - self.source.begin - _CLUSTER_ID_BYTES
        if self.source.is_open:
            return _id(CLUSTER) + ((1 << 7 * width + 1) - 1).to_bytes(width, "big")
        return _id(CLUSTER) + size_field(size, width)

    @property
    def n_bytes(self) -> int:
        """Size in the new file."""
        if self.source is None:
            return self.growth
        content = self.source.end - self.source.content
        return len(self.head()) + content + self.growth + self.widening()


class Layout:
    """Plan of the new file.

    Args:
        file: The source.
        structure: Its structure, with new times outside of blocks.
        places: New places of moved blocks.
        times: New times of all blocks, ticks.
        is_moved: Whether each block has a delay.
    """

    def __init__(
        self,
        file: BinaryIO,
        structure: Structure,
        places: Places,
        times: _Numbers,
        is_moved: NDArray[np.bool_],
    ) -> None:
        blocks = structure.blocks
        self._file, self._structure, self._places = file, structure, places
        self._times, self._is_moved = times.tolist(), is_moved.tolist()
        self._begins, self._sizes = blocks.begins.tolist(), blocks.sizes.tolist()
        self._stamps = (blocks.begins + blocks.stamps).tolist()
        self._relative = blocks.relative.tolist()
        self._offsets: dict[int, int] = {}
        self._seeks: dict[int, int] = {}
        self._n_bytes = 0
        self._has_crc = any(cluster.crc for cluster in structure.clusters)
        self._parts: list[_Part] = []
        self._owners: dict[int, _Part] = {}
        self._place_parts()

    def edits(self) -> list[Edit]:
        """Compute all changes.

        Raises:
            OSError: The source cannot be read.
            Unpatchable: A number has no room, or a checksum of a cluster is wrong.
        """
        targets = self._cue_targets()
        self._settle(targets)
        edits: list[Edit] = []
        for part in self._parts:
            edits += self._part_edits(part)
        for master in self._structure.masters:
            if master.element is not None:
                content = serialized(master.element)
                if content != master.source:
                    edits.append(Edit(master.begin, master.end, content))
        edits += self._segment_edit()
        return sorted(edits, key=lambda edit: edit.begin)

    def _place_parts(self) -> None:
        clusters, places = self._structure.clusters, self._places
        ends = [cluster.first_block for cluster in clusters[1:]] + [len(self._begins)]
        for index in range(-1, len(clusters)):
            if index >= 0:
                self._parts.append(self._moved_part(index, ends[index]))
            for new in places.added.get(index, ()):
                at = clusters[index].end if index >= 0 else clusters[0].begin
                self._parts.append(self._new_part(at, new))

    def _moved_part(self, index: int, end: int) -> _Part:
        cluster, base = self._structure.clusters[index], self._places.bases[index]
        part = _Part(cluster.begin, cluster, index, [], 0)
        if base < 0:
            raise Unpatchable("the time of a cluster would be negative")
        part.fields[TIMESTAMP] = _wide(base, cluster.fields[TIMESTAMP][1])
        pending: list[int] = []
        for block in range(cluster.first_block, end):
            if self._is_moved[block]:
                pending.append(block)
                continue
            coming = self._places.before.get(block, ())
            if pending or coming:
                self._exchange(part, pending, coming, self._begins[block], base)
                pending = []
            self._stamp(part, block, base)
            self._offsets[block] = self._begins[block] - cluster.content + part.growth
        self._exchange(part, pending, self._places.last.get(index, ()), cluster.end, base)
        return part

    def _exchange(
        self, part: _Part, old: Sequence[int], new: Sequence[int], at: int, base: int
    ) -> None:
        """Replace the moved blocks before a position."""
        for block in new:
            self._owners[block] = part
        if list(old) == list(new):
            for block in old:
                self._stamp(part, block, base)
            return
        for block in old:
            begin, end = self._begins[block], self._begins[block] + self._sizes[block]
            part.edits.append(Edit(begin, end, b""))
            part.growth -= self._sizes[block]
        for block in new:
            part.edits += self._copy(block, at, base)
            part.growth += self._sizes[block]

    def _stamp(self, part: _Part, block: int, base: int) -> None:
        relative = self._times[block] - base
        if relative != self._relative[block]:
            at = self._stamps[block]
            part.edits.append(Edit(at, at + _STAMP_BYTES, _stamp(relative)))

    def _copy(self, block: int, at: int, base: int) -> list[Edit]:
        """Insert a block with a new time."""
        begin, stamp = self._begins[block], self._stamps[block]
        self._file.seek(begin)
        head = self._file.read(min(stamp - begin, _READ_BYTES))
        if len(head) != stamp - begin:
            raise Unpatchable("it changes while it is read")
        rest = ByteRange(stamp + _STAMP_BYTES, begin + self._sizes[block])
        return [Edit(at, at, head + _stamp(self._times[block] - base)), Edit(at, at, rest)]

    def _new_part(self, at: int, new: NewCluster) -> _Part:
        part = _Part(at, None, -1, [], 0)
        edits: list[Edit] = []
        for block in new.blocks:
            edits += self._copy(block, at, new.time)
            self._owners[block] = part
        time = serialized(Element(TIMESTAMP, 1, new.time.to_bytes(number_bytes(new.time), "big")))
        edits.insert(0, Edit(at, at, time))
        if self._has_crc:
            value = self._crc([edit.content for edit in edits])
            edits.insert(0, Edit(at, at, b"\xbf\x84" + value))
        size = size_field(sum(edit.n_bytes for edit in edits), _CLUSTER_SIZE_BYTES)
        part.edits = [Edit(at, at, _id(CLUSTER) + size), *edits]
        part.growth = sum(edit.n_bytes for edit in part.edits)
        return part

    def _cue_targets(self) -> list[tuple[Element, _Part, int | None]]:
        """Find the cluster, and the block where it stays, of each entry of the cues."""
        clusters = self._structure.clusters
        by_begin = {cluster.begin: index for index, cluster in enumerate(clusters)}
        kept = {part.index: part for part in self._parts if part.source is not None}
        moved = {(int(self._structure.blocks.tracks[b]), self._times[b]): b for b in self._owners}
        starts = {begin: block for block, begin in enumerate(self._begins)}
        targets: list[tuple[Element, _Part, int | None]] = []
        first = self._structure.segment[0]
        for point, entry in cue_entries(self._structure):
            index = by_begin.get(first + _number(entry, CUE_CLUSTER))
            if index is None:
                raise Unpatchable("its cues lead to no cluster")
            cluster = clusters[index]
            block = starts.get(cluster.content + _number(entry, CUE_RELATIVE))
            sound = moved.get((_number(entry, CUE_TRACK), _number(point, CUE_TIME)))
            part = kept[index] if sound is None else self._owners[sound]
            target = block if sound is None and block in self._offsets else None
            if target is None:
                for identity in (CUE_RELATIVE, CUE_BLOCK_NUMBER):
                    for found in list(entry.children(identity)):
                        found.voided()
            targets.append((entry, part, target))
        return targets

    def _settle(self, targets: list[tuple[Element, _Part, int | None]]) -> None:
        """Set sizes and positions; wider numbers move what follows, so again until they fit."""
        before: list[int] = []
        for _ in range(_MAX_ROUNDS):
            positions, parts = self._positions()
            now = [*positions.values(), *(part.begin for part in parts), self._n_bytes]
            if now == before:
                return
            before = now
            self._set_positions(positions, parts, targets)
        raise Unpatchable("its index does not settle")

    def _positions(self) -> tuple[dict[int, int], list[_Part]]:
        """Lay out the segment.

        Returns:
            New positions of elements by the old ones, and the clusters in order.
        """
        items: list[tuple[int, Master | _Part]] = [(m.begin, m) for m in self._structure.masters]
        items += [(part.anchor, part) for part in self._parts]
        # New clusters come before what begins at their place.
        items.sort(key=lambda item: (item[0], not _is_new(item[1])))
        position = self._structure.segment[0]
        positions: dict[int, int] = {}
        parts: list[_Part] = []
        for begin, item in items:
            if not _is_new(item):
                positions[begin] = position
            if isinstance(item, _Part):
                item.begin = position
                parts.append(item)
                position += item.n_bytes
            elif item.element is not None:
                position += len(serialized(item.element))
            else:
                position += item.end - item.begin
        self._n_bytes = position - self._structure.segment[0]
        return positions, parts

    def _set_positions(
        self,
        positions: dict[int, int],
        parts: list[_Part],
        targets: list[tuple[Element, _Part, int | None]],
    ) -> None:
        first = self._structure.segment[0]
        for seek in self._structure.elements(SEEK_HEAD):
            for place in (p for s in seek.children(_SEEK) for p in s.children(_SEEK_POSITION)):
                old = self._seeks.setdefault(id(place), place.unsigned)
                place.widened(positions.get(first + old, first + old) - first)
        for entry, part, block in targets:
            for place in entry.children(CUE_CLUSTER):
                place.widened(part.begin - first)
            for place in entry.children(CUE_RELATIVE) if block is not None else ():
                place.widened(self._offsets[block or 0] + part.widening())
        previous = 0
        for part in parts:
            fields = part.source.fields if part.source is not None else {}
            numbers = {POSITION: part.begin - first, PREVIOUS_SIZE: previous}
            for key in fields.keys() & numbers.keys():
                _, width = part.fields.get(key, fields[key])
                part.fields[key] = _wide(numbers[key], width)
            previous = part.n_bytes

    def _part_edits(self, part: _Part) -> list[Edit]:
        cluster = part.source
        if cluster is None:
            return part.edits
        numbers = []
        for key, (number, width) in part.fields.items():
            at, old_width = cluster.fields[key]
            begin, content = at, number.to_bytes(width, "big")
            if width != old_width:
                begin = at - 1
                self._file.seek(begin)
                marker = self._file.read(1)[0] & 0x80
                content = bytes([marker | width]) + content
            self._file.seek(begin)
            if self._file.read(at + old_width - begin) != content:
                numbers.append(Edit(begin, at + old_width, content))
        edits = sorted([*numbers, *part.edits], key=lambda edit: edit.begin)
        if cluster.crc and edits:
            edits.insert(0, self._crc_edit(cluster, edits))
        head = part.head()
        self._file.seek(cluster.begin)
        if self._file.read(len(head)) != head:
            edits.insert(0, Edit(cluster.begin, cluster.content, head))
        return edits

    def _crc_edit(self, cluster: Cluster, edits: list[Edit]) -> Edit:
        begin = cluster.crc + _CRC_BYTES
        old = self._crc([ByteRange(begin, cluster.end)])
        if old != cluster.checksum.to_bytes(_CRC_BYTES, "little"):
            raise Unpatchable("the checksum of a cluster is wrong")
        return Edit(cluster.crc, begin, self._crc(_pieces(begin, cluster.end, edits)))

    def _crc(self, pieces: "Sequence[bytes | ByteRange] | Iterator[bytes | ByteRange]") -> bytes:
        value = 0
        for piece in pieces:
            if isinstance(piece, bytes):
                value = zlib.crc32(piece, value)
                continue
            self._file.seek(piece.begin)
            left = piece.end - piece.begin
            while left:
                content = self._file.read(min(left, _READ_BYTES))
                if not content:
                    raise Unpatchable("it changes while it is read")
                value = zlib.crc32(content, value)
                left -= len(content)
        return value.to_bytes(_CRC_BYTES, "little")

    def _segment_edit(self) -> list[Edit]:
        begin, end, width = self._structure.segment
        if self._structure.is_live or self._n_bytes == end - begin:
            return []
        size = size_field(self._n_bytes, width)
        if len(size) != width:
            raise Unpatchable("its size has no room for more")
        return [Edit(begin - width, begin, size)]


def _pieces(begin: int, end: int, edits: list[Edit]) -> Iterator[bytes | ByteRange]:
    for edit in edits:
        if begin < edit.begin:
            yield ByteRange(begin, edit.begin)
        if edit.n_bytes:
            yield edit.content
        begin = edit.end
    if begin < end:
        yield ByteRange(begin, end)


def _is_new(item: Master | _Part) -> bool:
    return isinstance(item, _Part) and item.source is None


def _stamp(relative: int) -> bytes:
    if not _MIN_RELATIVE <= relative <= _MAX_RELATIVE:
        raise Unpatchable("a block would be too far from the start of its cluster")
    return relative.to_bytes(_STAMP_BYTES, "big", signed=True)


def _wide(number: int, width: int) -> tuple[int, int]:
    return number, max(width, number_bytes(number))


def _id(identity: int) -> bytes:
    return identity.to_bytes(number_bytes(identity), "big")


def _number(element: Element, identity: int) -> int:
    found = element.find(identity)
    return found.unsigned if found is not None else 0
