"""Structure of a Matroska or WebM file (RFC 9559): its clusters, its blocks, all other elements."""

from array import array
from dataclasses import dataclass, field
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.media.formats.matroska.ebml import (
    CRC_32,
    HEAD_BYTES,
    MAX_SIZE_BYTES,
    Element,
    Head,
    number_bytes,
    parse_head,
    parse_number,
    parse_tree,
)
from core.media.formats.patch import Unpatchable

HEADER, SEGMENT, CLUSTER = 0x1A45DFA3, 0x18538067, 0x1F43B675
SEEK_HEAD, INFO, TRACKS = 0x114D9B74, 0x1549A966, 0x1654AE6B
CUES, CHAPTERS, TAGS = 0x1C53BB6B, 0x1043A770, 0x1254C367
ATTACHMENTS = 0x1941A469
TIMESTAMP, POSITION, PREVIOUS_SIZE = 0xE7, 0xA7, 0xAB

_SEGMENT_IDS = frozenset(
    {CLUSTER, SEEK_HEAD, INFO, TRACKS, CUES, CHAPTERS, TAGS, ATTACHMENTS, SEGMENT, HEADER}
)
"""Elements that end a cluster of unknown size."""

_READ = frozenset({SEEK_HEAD, INFO, TRACKS, CUES, CHAPTERS, TAGS})

MASTERS = frozenset(
    {
        # Seek; CuePoint, CueTrackPositions, CueReference; TrackEntry.
        *(SEEK_HEAD, 0x4DBB, CUES, 0xBB, 0xB7, 0xDB, TRACKS, 0xAE, INFO),
        # EditionEntry, ChapterAtom, ChapterDisplay, ChapterTrack; Tag, Targets, SimpleTag.
        *(CHAPTERS, 0x45B9, 0xB6, TAGS, 0x7373, 0x63C0, 0x67C8),
    }
)

_BLOCK_GROUP, _BLOCK, _SIMPLE_BLOCK = 0xA0, 0xA1, 0xA3
_REFUSED = {
    0xAF: "it holds encrypted blocks of an old kind",
    0xA2: "it holds virtual blocks",
    0xC8: "it holds reference frames for trick play",
}
_CHUNK_BYTES = 1 << 16
_MARGIN_BYTES = 64
_MAX_MASTER_BYTES = 1 << 28
_MAX_TRACK = 0xFFFF
_AUDIO = 2
_DAMAGED = "its structure is damaged"


@dataclass(slots=True)
class Cluster:
    """A cluster; positions in bytes from the start of the file.

    Attributes:
        begin: Position of its head.
        content: Position of its content.
        end: End of its content.
        is_open: Whether its size is unknown.
        first_block: Index of its first block.
        time: Its timestamp, ticks.
        fields: Positions and sizes of the contents of its children with numbers, by identifier.
        crc: Position of the value of its checksum; 0 without one.
        checksum: Value of its checksum.
    """

    begin: int
    content: int
    end: int
    is_open: bool
    first_block: int
    time: int = 0
    fields: dict[int, tuple[int, int]] = field(default_factory=dict)
    crc: int = 0
    checksum: int = 0


@dataclass(slots=True)
class Master:
    """An element of the segment other than a cluster, with its position.

    Attributes:
        begin: Position of its head.
        end: End of its content.
        source: Its bytes.
        element: The parsed element; None if it states no times or positions.
    """

    begin: int
    end: int
    source: bytes = b""
    element: Element | None = None


@dataclass(slots=True)
class Blocks:
    """Blocks in the order of the file.

    Attributes:
        begins: Positions of SimpleBlocks or BlockGroups.
        stamps: Distances from there to the two bytes of the block's time.
        sizes: Sizes of SimpleBlocks or BlockGroups.
        tracks: Track numbers.
        relative: Times, ticks after the timestamp of the cluster.
    """

    begins: NDArray[np.int64]
    stamps: NDArray[np.int64]
    sizes: NDArray[np.int64]
    tracks: NDArray[np.uint16]
    relative: NDArray[np.int64]


@dataclass(slots=True)
class Structure:
    """Contents of a file.

    Attributes:
        n_bytes: Size of the file.
        segment: Position and end of the segment's content, and width of its size field.
        is_live: Whether the segment's size is unknown.
        scale_ns: Duration of a tick.
        track_numbers: Numbers of all tracks, by position.
        track_types: Types of all tracks, by position.
        track_uids: Numbers of tracks by their UIDs.
        masters: Elements of the segment other than clusters.
        clusters: Clusters in order.
        blocks: All blocks.
    """

    n_bytes: int
    segment: tuple[int, int, int]
    is_live: bool
    masters: list[Master]
    clusters: list[Cluster]
    blocks: Blocks
    scale_ns: int = 1_000_000
    track_numbers: list[int] = field(default_factory=list)
    track_types: list[int] = field(default_factory=list)
    track_uids: dict[int, int] = field(default_factory=dict)
    scaled_tracks: set[int] = field(default_factory=set)

    @property
    def audio_tracks(self) -> list[int]:
        """Numbers of the audio tracks in order, as FFmpeg counts them."""
        pairs = zip(self.track_numbers, self.track_types, strict=True)
        return [number for number, kind in pairs if kind == _AUDIO]

    def elements(self, identity: int) -> list[Element]:
        """List elements of the segment by identifier."""
        found = (master.element for master in self.masters)
        return [element for element in found if element is not None and element.id == identity]


def read_structure(file: BinaryIO) -> Structure:
    """Read the positions and times of all blocks, and all elements with times or positions.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: The structure is damaged or of an unsupported kind.
    """
    structure = _Reader(file).read()
    _read_tracks(structure)
    return structure


class _Reader:
    """One pass over a file in chunks; the content of large blocks is skipped."""

    def __init__(self, file: BinaryIO) -> None:
        self._file = file
        self._n_bytes = file.seek(0, 2)
        self._begins, self._stamps, self._sizes = array("q"), array("q"), array("q")
        self._tracks, self._times = array("H"), array("H")

    def read(self) -> Structure:
        position, segment, is_live = 0, None, False
        while position < self._n_bytes:
            head = self._head(position)
            if head is None or segment is not None:
                if segment is None:
                    raise Unpatchable(_DAMAGED)
                if head is not None and head.id in {SEGMENT, HEADER}:
                    raise Unpatchable("it holds more than one Matroska segment")
                break
            first = position + head.n_head_bytes
            is_live = head.n_bytes is None
            position = self._n_bytes if head.n_bytes is None else first + head.n_bytes
            if position > self._n_bytes or (is_live and head.id != SEGMENT):
                raise Unpatchable("it ends too early")
            if head.id == SEGMENT:
                segment = (first, position, head.n_head_bytes - number_bytes(SEGMENT))
        if segment is None:
            raise Unpatchable(_DAMAGED)
        masters, clusters = self._children(segment[0], segment[1])
        return Structure(self._n_bytes, segment, is_live, masters, clusters, self._blocks(clusters))

    def _head(self, position: int) -> Head | None:
        self._file.seek(position)
        return parse_head(self._file.read(HEAD_BYTES))

    def _children(self, position: int, end: int) -> tuple[list[Master], list[Cluster]]:
        masters: list[Master] = []
        clusters: list[Cluster] = []
        while position < end:
            head = self._head(position)
            if head is None or head.id in {SEGMENT, HEADER}:
                raise Unpatchable(_DAMAGED if head is None else "it holds more than one segment")
            content = position + head.n_head_bytes
            last = end if head.n_bytes is None else content + head.n_bytes
            if last > end:
                raise Unpatchable("an element exceeds the one around it")
            if head.id == CLUSTER:
                cluster = Cluster(position, content, last, head.n_bytes is None, len(self._begins))
                cluster.end = self._cluster(cluster)
                clusters.append(cluster)
                position = cluster.end
                continue
            if head.n_bytes is None:
                raise Unpatchable("it states no size for an element of its header or index")
            if head.id == CRC_32:
                raise Unpatchable("a checksum covers its whole segment")
            masters.append(self._master(position, last, head))
            position = last
        return masters, clusters

    def _master(self, begin: int, end: int, head: Head) -> Master:
        if head.id not in _READ:
            return Master(begin, end)
        if end - begin > _MAX_MASTER_BYTES:
            raise Unpatchable("its header or index is too large")
        self._file.seek(begin)
        source = self._file.read(end - begin)
        if len(source) != end - begin:
            raise Unpatchable("it changes while it is read")
        return Master(begin, end, source, parse_tree(source, MASTERS)[0])

    def _cluster(self, cluster: Cluster) -> int:
        """Read the blocks of a cluster.

        Returns:
            Its end.
        """
        position, end = cluster.content, cluster.end
        file = self._file
        begins, stamps, sizes = self._begins.append, self._stamps.append, self._sizes.append
        tracks, times = self._tracks.append, self._times.append
        window, base, room = b"", position, -1
        while position < end:
            at = position - base
            if at > room:
                file.seek(position)
                # Zeros end a window, so that the head of a cut element can be looked at.
                window = file.read(_CHUNK_BYTES) + bytes(_MARGIN_BYTES)
                base, at, room = position, 0, len(window) - _MARGIN_BYTES
                if not room:
                    raise Unpatchable("it changes while it is read")
                if room == _CHUNK_BYTES:
                    room -= _MARGIN_BYTES
            first = window[at + 1]
            if window[at] == _SIMPLE_BLOCK and first >= 0x20:
                if first >= 0x80:
                    body, size = at + 2, first - 0x80
                elif first >= 0x40:
                    body, size = at + 3, (first - 0x40) << 8 | window[at + 2]
                else:
                    body = at + 4
                    size = (first - 0x20) << 16 | window[at + 2] << 8 | window[at + 3]
                track = window[body]
                if track > 0x80 and size >= 4 and first not in (0xFF, 0x7F, 0x3F):
                    n_bytes = body - at + size
                    begins(position)
                    stamps(body - at + 1)
                    sizes(n_bytes)
                    tracks(track - 0x80)
                    times(window[body + 1] << 8 | window[body + 2])
                    position += n_bytes
                    continue
            next_position = self._element(cluster, position, window, at)
            if next_position < 0:
                return position
            position = next_position
        if position > end:
            raise Unpatchable("a block exceeds its cluster")
        return position

    def _element(self, cluster: Cluster, position: int, window: bytes, at: int) -> int:
        """Read a child of a cluster.

        Returns:
            Its end; -1 if it ends a cluster of unknown size instead.
        """
        head = parse_head(window, at)
        if head is None:
            raise Unpatchable(_DAMAGED)
        if head.id in _SEGMENT_IDS and cluster.is_open:
            return -1
        if head.n_bytes is None or head.id in _SEGMENT_IDS:
            raise Unpatchable(_DAMAGED)
        content = at + head.n_head_bytes
        end = position + head.n_head_bytes + head.n_bytes
        if head.id in _REFUSED:
            raise Unpatchable(_REFUSED[head.id])
        if end > cluster.end:
            raise Unpatchable("an element exceeds its cluster")
        if head.id == _SIMPLE_BLOCK:
            self._append(position, content - at, end, window[content : content + 11])
        elif head.id == _BLOCK_GROUP:
            self._group(position, position + head.n_head_bytes, end)
        elif head.id in {TIMESTAMP, POSITION, PREVIOUS_SIZE, CRC_32}:
            self._field(cluster, head, position, window[content : content + head.n_bytes])
        return end

    def _field(self, cluster: Cluster, head: Head, position: int, content: bytes) -> None:
        place = position + head.n_head_bytes
        if head.n_bytes is None or not 0 < head.n_bytes <= 8:
            raise Unpatchable("a number of a cluster is damaged")
        if head.id == CRC_32:
            if position != cluster.content or head.n_bytes != 4:
                raise Unpatchable("the checksum of a cluster is misplaced")
            cluster.crc, cluster.checksum = place, int.from_bytes(content, "little")
            return
        if head.id in cluster.fields:
            raise Unpatchable("a cluster states a number twice")
        cluster.fields[head.id] = (place, head.n_bytes)
        if head.id == TIMESTAMP:
            cluster.time = int.from_bytes(content, "big")
            if cluster.time >> 62:
                raise Unpatchable("the time of a cluster is damaged")

    def _group(self, begin: int, position: int, end: int) -> None:
        """Read the block of a BlockGroup (RFC 9559, 5.1.3.5)."""
        has_block = False
        self._file.seek(begin)
        window = self._file.read(min(end - begin, _MARGIN_BYTES))
        base = begin
        while position < end:
            if position - base + 2 * HEAD_BYTES > len(window):
                self._file.seek(position)
                window, base = self._file.read(_MARGIN_BYTES), position
            head = parse_head(window, position - base)
            if head is None or head.n_bytes is None:
                raise Unpatchable(_DAMAGED)
            content = position + head.n_head_bytes
            if content + head.n_bytes > end:
                raise Unpatchable("a block exceeds its group")
            if head.id in _REFUSED or head.id == CRC_32:
                raise Unpatchable(_REFUSED.get(head.id, "a group of a block has a checksum"))
            if head.id == _BLOCK:
                if has_block:
                    raise Unpatchable("a group holds two blocks")
                has_block = True
                fields = window[content - base : content - base + 11]
                if head.n_bytes < len(fields):
                    fields = fields[: head.n_bytes]
                self._append(begin, content - begin, end, fields)
            position = content + head.n_bytes
        if not has_block:
            raise Unpatchable("a group holds no block")

    def _append(self, begin: int, to_content: int, end: int, fields: bytes) -> None:
        """Add a block.

        Args:
            begin: Position of the SimpleBlock or BlockGroup.
            to_content: Distance from there to the content of the block.
            end: End of the SimpleBlock or BlockGroup.
            fields: First bytes of the content.
        """
        number = parse_number(fields, 0, MAX_SIZE_BYTES)
        if number is None or number[0] > _MAX_TRACK or not number[0]:
            raise Unpatchable("a block names no track")
        stamp = begin + to_content + number[1]
        time = fields[number[1] : number[1] + 2]
        if len(time) < 2 or stamp + 3 > end:
            raise Unpatchable("a block is too short")
        self._begins.append(begin)
        self._stamps.append(stamp - begin)
        self._sizes.append(end - begin)
        self._tracks.append(number[0])
        self._times.append(int.from_bytes(time, "big"))

    def _blocks(self, clusters: list[Cluster]) -> Blocks:
        if not all(TIMESTAMP in cluster.fields for cluster in clusters):
            raise Unpatchable("a cluster states no time")
        return Blocks(
            np.frombuffer(self._begins, np.int64),
            np.frombuffer(self._stamps, np.int64),
            np.frombuffer(self._sizes, np.int64),
            np.frombuffer(self._tracks, np.uint16),
            np.frombuffer(self._times, np.int16).astype(np.int64),
        )


def _read_tracks(structure: Structure) -> None:
    for info in structure.elements(INFO):
        scale = info.find(0x2AD7B1)
        structure.scale_ns = scale.unsigned if scale is not None else structure.scale_ns
    if not 0 < structure.scale_ns < 1 << 40:
        raise Unpatchable("its unit of time is damaged")
    for entry in (e for tracks in structure.elements(TRACKS) for e in tracks.children(0xAE)):
        number, kind = entry.find(0xD7), entry.find(0x83)
        if number is None or kind is None or number.unsigned in structure.track_numbers:
            raise Unpatchable("its list of tracks is damaged")
        structure.track_numbers.append(number.unsigned)
        structure.track_types.append(kind.unsigned)
        uid, scaling = entry.find(0x73C5), entry.find(0x23314F)
        if uid is not None:
            structure.track_uids[uid.unsigned] = number.unsigned
        if scaling is not None and scaling.data not in _ONE:
            structure.scaled_tracks.add(number.unsigned)


_ONE = frozenset({b"", bytes.fromhex("3f800000"), bytes.fromhex("3ff0000000000000")})
"""The number 1 as a float (RFC 8794, 7.3); an empty element stands for the default, 1."""
