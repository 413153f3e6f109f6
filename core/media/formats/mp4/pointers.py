"""Positions in the file as MP4 and MOV state them, and where they go when bytes move.

Positions of chunks (``stco``, ``co64``; ISO/IEC 14496-12, 8.7.5), of encryption data (``saio``,
8.7.9) and of items (``iloc``, 8.11.3) count from the beginning of the file.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from core.media.formats.mp4.tree import Node, Tree, children_of
from core.media.formats.patch import ByteRange, Edit, Patch, Unpatchable

_SELF_CONTAINED = 1
"""Flag of a data reference: the media is in the same file (ISO/IEC 14496-12, 8.7.2)."""

_CANON = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")

Positions = NDArray[np.int64]


@dataclass(frozen=True, slots=True)
class Pointers:
    """A table of positions in the file.

    Attributes:
        places: Positions of the entries themselves in the file, ascending.
        width: Bytes of an entry, 4 or 8.
        values: The entries.
        box: Chunk offsets of 4 bytes; they can become ones of 8. None for other tables.
        owners: Boxes around it, outermost first.
    """

    places: Positions
    width: int
    values: Positions
    box: Node | None = None
    owners: tuple[Node, ...] = ()

    @property
    def is_row(self) -> bool:
        """Whether the entries follow each other without gaps."""
        return bool((np.diff(self.places) == self.width).all())


@dataclass(frozen=True, slots=True)
class Spans:
    """Sizes of parts of the file in a row, as a segment index (``sidx``) states them.

    Attributes:
        offset: Position in the file, and size, of the distance from `begin` to the first part.
        begin: Position from where the first part is counted.
        places: Positions of the sizes in the file.
        bounds: Positions of the parts: the first begin, then all ends.
    """

    offset: tuple[int, int]
    begin: int
    places: tuple[int, ...]
    bounds: Positions


class Moves:
    """New positions of the bytes of a source.

    Args:
        patch: Its patch. Bytes that are replaced by as many others keep their places among them.
    """

    def __init__(self, patch: Patch) -> None:
        kept: list[tuple[int, int, int]] = []
        position, written = 0, 0
        for edit in patch.edits:
            kept.append((position, edit.begin, written))
            written += edit.begin - position
            if isinstance(edit.content, ByteRange):
                kept.append((edit.content.begin, edit.content.end, written))
            elif edit.n_bytes == edit.end - edit.begin:
                kept.append((edit.begin, edit.end, written))
            written += edit.n_bytes
            position = edit.end
        # Empty chunks may point at the end of the file.
        kept.append((position, max(patch.source_bytes, position) + (1 << 62), written))
        ranges = np.array(sorted(one for one in kept if one[0] < one[1]), np.int64)
        self._begins, self._ends, new = ranges.T
        self._steps = new - self._begins

    @property
    def is_still(self) -> bool:
        """Whether no byte moves."""
        return not self._steps.any()

    def __call__(self, positions: Positions) -> Positions:
        """New positions.

        Raises:
            Unpatchable: A position is in a range that is replaced.
        """
        if self.is_still:
            return positions
        which = np.searchsorted(self._begins, positions, "right") - 1
        if (which < 0).any() or (positions >= self._ends[which]).any():
            raise Unpatchable("a position in its index points into the index itself")
        moved: Positions = positions + self._steps[which]
        return moved

    def one(self, position: int) -> int:
        """New place of one position."""
        return int(self(np.array([position], np.int64))[0])


def numbers(data: bytes, width: int) -> Positions:
    """Big-endian numbers in a row.

    Raises:
        Unpatchable: One is 2^63 or more.
    """
    values = np.frombuffer(data, f">u{width}").astype(np.uint64)
    if values.size and int(values.max()) >> 62:
        raise Unpatchable("a position in its index is absurdly large")
    return values.astype(np.int64)


def pointers_of(tree: Tree) -> Iterator[Pointers]:
    """Yield the tables of all tracks whose media is in the same file.

    Args:
        tree: The index.

    Raises:
        Unpatchable: A table is damaged, or a track takes its media from several files.
    """
    for track in tree.root.named(b"trak"):
        owners = (tree.root, *track.path(b"mdia", b"minf", b"stbl"))
        if len(owners) < 5 or _is_elsewhere(tree, track):
            continue
        for box in owners[-1].children:
            if box.name in {b"stco", b"co64", b"saio"}:
                yield _pointers(tree, box, owners)


def relocated(tables: Iterable[Pointers], moves: Moves) -> tuple[list[Edit], list[Pointers]]:
    """Edits that give tables their new positions.

    Returns:
        The edits, of unchanged size, and the tables with entries too large for them.

    Raises:
        Unpatchable: A position is in a range that is replaced.
    """
    edits: list[Edit] = []
    too_narrow: list[Pointers] = []
    for table in tables:
        values = moves(table.values)
        if values.size and int(values.max()) >> (8 * table.width):
            too_narrow.append(table)
            continue
        (changed,) = np.nonzero(values != table.values)
        if changed.size and table.is_row:
            first, last = int(changed[0]), int(changed[-1]) + 1
            begin = int(table.places[first])
            edits.append(
                Edit(
                    begin, begin + (last - first) * table.width, _packed(values[first:last], table)
                )
            )
        else:
            for number in changed:
                begin = int(table.places[number])
                content = _packed(values[number : number + 1], table)
                edits.append(Edit(begin, begin + table.width, content))
    return edits, too_narrow


def resized(spans: Iterable[Spans], moves: Moves) -> list[Edit]:
    """Edits that give parts in a row their new sizes.

    Raises:
        Unpatchable: The parts do not follow each other any more, or a size does not fit.
    """
    edits: list[Edit] = []
    for span in spans:
        bounds = moves(span.bounds)
        old, new = np.diff(span.bounds), np.diff(bounds)
        # The highest bit of a size says what the part is.
        if (new < 0).any() or (new >> 31).any() or bounds[0] < moves.one(span.begin):
            raise Unpatchable("its segment index cannot follow")
        for number in np.nonzero(old != new)[0]:
            place = span.places[number]
            edits.append(Edit(place, place + 4, int(new[number]).to_bytes(4, "big")))
        begin, n_bytes = span.offset
        distance = int(bounds[0]) - moves.one(span.begin)
        if distance != int(span.bounds[0]) - span.begin:
            if distance >> 8 * n_bytes:
                raise Unpatchable("its segment index cannot follow")
            edits.append(Edit(begin, begin + n_bytes, distance.to_bytes(n_bytes, "big")))
    return edits


def widened(table: Pointers, moves: Moves | None) -> bytes:
    """Chunk offsets as a box with entries of 8 bytes (``co64``).

    Args:
        table: Table with entries of 4 bytes.
        moves: Where its positions go; None to keep them.
    """
    values = moves(table.values) if moves else table.values
    content = bytes(4) + values.size.to_bytes(4, "big") + values.astype(">u8").tobytes()
    return (8 + len(content)).to_bytes(4, "big") + b"co64" + content


def check_items(tree: Tree, moves: Moves) -> None:
    """Make sure that no item, such as a cover picture, is at a position that moves.

    Args:
        tree: The index, or a ``meta`` box of the file.
        moves: Where bytes go.

    Raises:
        Unpatchable: One does.
    """
    for meta in _metas(tree, tree.root):
        for box in children_of(tree.data, tree.root.begin, _after_version(tree, meta), meta.end):
            if box.name == b"iloc":
                positions = np.array(list(_item_positions(tree, box)), np.int64)
                if (moves(positions) != positions).any():
                    raise Unpatchable("it has items, such as pictures, at positions that move")


def check_maker_notes(tree: Tree, moves: Moves) -> None:
    """Make sure that no position in the notes of Canon's cameras (``CTBO``) moves.

    Args:
        tree: The index.
        moves: Where bytes go.

    Raises:
        Unpatchable: One does.
    """
    for box in tree.root.named(b"uuid"):
        data = tree.bytes_at(box.content, box.end)
        at = data.find(b"CTBO")
        if data[:16] != _CANON or at < 0:
            continue
        count = int.from_bytes(data[at + 4 : at + 8], "big")
        # Number, position and size of a box of the file.
        entries = b"".join(data[at + 12 + 20 * number :][:8] for number in range(min(count, 99)))
        positions = numbers(entries[: len(entries) // 8 * 8], 8)
        if (moves(positions) != positions).any():
            raise Unpatchable("its maker's data states positions that move")


def _packed(values: Positions, table: Pointers) -> bytes:
    return values.astype(f">u{table.width}").tobytes()


def _pointers(tree: Tree, box: Node, owners: tuple[Node, ...]) -> Pointers:
    begin, width = 4, 8 if box.name == b"co64" else 4
    if box.name == b"saio":
        width = 8 if tree.version(box) else 4
        begin += 8 if tree.field(box, 3, 1) & 1 else 0
    count = tree.field(box, begin, 4)
    first = box.content + begin + 4
    if first + count * width > box.end:
        raise Unpatchable("a table of positions in its index is damaged")
    values = numbers(tree.bytes_at(first, first + count * width), width)
    places = first + width * np.arange(count, dtype=np.int64)
    return Pointers(places, width, values, box if box.name == b"stco" else None, owners)


def _is_elsewhere(tree: Tree, track: Node) -> bool:
    """Whether the media of a track is in another file."""
    box = track.find(b"mdia", b"minf", b"dinf", b"dref")
    if box is None:
        return False
    tree.field(box, 0, 8)
    entries = children_of(tree.data, tree.root.begin, box.content + 8, box.end)
    is_here = {bool(tree.field(entry, 3, 1) & _SELF_CONTAINED) for entry in entries}
    if len(is_here) > 1:
        raise Unpatchable("a track has its media partly in other files")
    return is_here == {False}


def _metas(tree: Tree, box: Node) -> Iterator[Node]:
    """Yield the ``meta`` boxes of the file, the movie, its tracks and their user data."""
    if box.name == b"meta":
        yield box
        return
    for child in box.children:
        if child.name == b"udta":
            inner = children_of(tree.data, tree.root.begin, child.content, child.end)
            yield from (one for one in inner if one.name == b"meta")
        elif child.name in {b"meta", b"trak"}:
            yield from _metas(tree, child)


def _after_version(tree: Tree, meta: Node) -> int:
    """Begin of the children; ``meta`` of QuickTime has no version."""
    has_none = tree.bytes_at(meta.content, min(meta.content + 8, meta.end))[4:] == b"hdlr"
    return meta.content if has_none else min(meta.content + 4, meta.end)


def _item_positions(tree: Tree, box: Node) -> Iterator[int]:
    """Yield the positions of the parts of items (ISO/IEC 14496-12, 8.11.3)."""
    version = tree.field(box, 0, 1)
    if version > 2:
        raise Unpatchable("it has a table of items of an unknown version")
    sizes = tree.field(box, 4, 2)
    of_position, of_length, of_base, of_number = (sizes >> shift & 15 for shift in (12, 8, 4, 0))
    wide = 4 if version == 2 else 2
    at = 6 + wide
    for _ in range(tree.field(box, 6, wide)):
        at += wide
        method = tree.field(box, at, 2) & 15 if version else 0
        at += 2 if version else 0
        is_here = tree.field(box, at, 2) == 0
        base = tree.field(box, at + 2, of_base)
        n_parts = tree.field(box, at + 2 + of_base, 2)
        at += 4 + of_base
        for _ in range(n_parts):
            at += of_number if version else 0
            position = base + tree.field(box, at, of_position)
            # An entry of no bytes would let the count alone decide how long this takes.
            at += of_position + of_length
            if method == 0 and is_here:
                if position >> 62:
                    raise Unpatchable("a position in its index is absurdly large")
                yield position
            if not of_position + of_length:
                break
