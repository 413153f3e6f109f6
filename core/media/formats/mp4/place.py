"""Room for the changed index of MP4 and MOV.

A longer index takes room from a ``free`` box where one follows or precedes. Otherwise all bytes
behind it move, and the positions stated in the file with them.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from itertools import takewhile
from typing import BinaryIO, NamedTuple

import numpy as np

from core.media.formats.mp4.pointers import (
    Moves,
    Pointers,
    Spans,
    check_items,
    check_maker_notes,
    pointers_of,
    relocated,
    resized,
    widened,
)
from core.media.formats.mp4.tree import Node, TopLevel, Tree, head_with, read_tree
from core.media.formats.patch import ByteRange, Edit, Patch, Unpatchable

MAX_TAIL_BYTES = 1 << 26
"""Longest end of a file that is written anew in place."""

_MEDIA = frozenset([b"mdat", b"moof", b"idat"])

LAST_NOTE = "The index is now at the end of the file, so playing over a network may begin later."


class Change(NamedTuple):
    """A replaced part of the index.

    Attributes:
        begin: First replaced byte, position in the file.
        end: End of the replaced bytes.
        content: New bytes.
        owners: Boxes around it, outermost first; their sizes follow.
    """

    begin: int
    end: int
    content: bytes
    owners: tuple[Node, ...] = ()


@dataclass(frozen=True)
class Source:
    """A file to patch.

    Attributes:
        file: The open file.
        top: Its boxes.
        index: Its index.
        extra: Tables of positions outside of the index.
        spans: Sizes of parts in a row, likewise.
        steady: Edits outside of the index that move nothing.
    """

    file: BinaryIO
    top: TopLevel
    index: Tree
    extra: tuple[Pointers, ...] = ()
    spans: tuple[Spans, ...] = ()
    steady: tuple[Edit, ...] = ()


def place(
    source: Source, changes: list[Change], *, in_place: bool = False, index_first: bool = False
) -> tuple[Patch, tuple[str, ...]]:
    """Make the patch for changes of the index.

    Args:
        source: The file.
        changes: Changes of the index, without overlaps.
        in_place: Whether no byte of the media may move; bytes may be added at the end.
        index_first: Whether to move the index in front of the media.

    Returns:
        The patch, and sentences on what it means for a player.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: A position cannot follow.
    """
    if in_place:
        return _placed_in_place(source, changes)
    to_front = index_first and _is_behind_media(source.top)
    tables = [*pointers_of(source.index), *source.extra]
    wide: list[Pointers] = []
    while True:
        kept = [table for table in tables if not any(table is one for one in wide)]
        grown = [_widening(table, None) for table in wide]
        patch = _arranged(source, [*changes, *grown], to_front)
        moves = Moves(patch)
        edits, too_narrow = relocated(kept, moves)
        if not too_narrow:
            break
        if any(table.box is None for table in too_narrow):
            raise Unpatchable("a position in its index would not fit 4 bytes")
        wide += too_narrow
    if not moves.is_still:
        _check_all_items(source, moves)
    grown = [_widening(table, moves) for table in wide]
    outside = [edit for edit in edits if not _is_in(edit, source.index.root)]
    outside += [*resized(source.spans, moves), *source.steady]
    inside = [
        Change(edit.begin, edit.end, edit.content)
        for edit in edits
        if isinstance(edit.content, bytes) and _is_in(edit, source.index.root)
    ]
    return _arranged(source, [*changes, *grown, *inside], to_front, tuple(outside)), ()


def narrowed(edit: Edit, old: bytes) -> Iterable[Edit]:
    """Yield an edit without the bytes at both ends that stay as they are; none if all do.

    Args:
        edit: An edit.
        old: The bytes that it replaces.
    """
    new = edit.content
    if not isinstance(new, bytes):
        yield edit
        return
    shorter = min(len(old), len(new))
    first = next((i for i in range(shorter) if old[i] != new[i]), shorter)
    last = next((i for i in range(shorter - first) if old[-1 - i] != new[-1 - i]), shorter - first)
    if first < max(len(old), len(new)) - last:
        yield Edit(edit.begin + first, edit.end - last, new[first : len(new) - last])


def _widening(table: Pointers, moves: Moves | None) -> Change:
    assert table.box is not None
    return Change(table.box.begin, table.box.end, widened(table, moves), table.owners)


def _is_in(edit: Edit, box: Node) -> bool:
    return box.begin <= edit.begin and edit.end <= box.end


def _is_behind_media(top: TopLevel) -> bool:
    before = top.boxes[: top.boxes.index(top.index)]
    return any(box.name in _MEDIA for box in before)


def _growth(edits: Iterable[Edit]) -> int:
    return sum(edit.n_bytes - (edit.end - edit.begin) for edit in edits)


def _index_edits(tree: Tree, changes: list[Change], is_moved: bool) -> list[Edit]:
    """Edits of the index: changes, and the sizes of the boxes around them."""
    growth: dict[Node, int] = {}
    for change in changes:
        for owner in change.owners:
            grown = len(change.content) - (change.end - change.begin)
            growth[owner] = growth.get(owner, 0) + grown
    edits = [Edit(change.begin, change.end, change.content) for change in changes]
    if is_moved:
        growth.setdefault(tree.root, 0)
    for box, n_bytes in growth.items():
        if (n_bytes and not box.has_open_end) or (is_moved and box is tree.root):
            head = tree.bytes_at(box.begin, box.content)
            edits.append(
                Edit(box.begin, box.content, head_with(head, box.name, box.n_bytes + n_bytes))
            )
    edits.sort(key=lambda edit: (edit.begin, edit.end))
    return [
        narrow for edit in edits for narrow in narrowed(edit, tree.bytes_at(edit.begin, edit.end))
    ]


def _arranged(
    source: Source, changes: list[Change], to_front: bool, outside: tuple[Edit, ...] = ()
) -> Patch:
    """Patch with the changed index in its place, or in front of the media."""
    edits = _index_edits(source.index, changes, to_front)
    root = source.index.root
    if to_front:
        first = source.top.boxes[0]
        target = first.end if first.name == b"ftyp" else 0
        moved: list[Edit] = []
        position = root.begin
        for edit in [*edits, Edit(root.end, root.end, b"")]:
            if position < edit.begin:
                moved.append(Edit(target, target, ByteRange(position, edit.begin)))
            if edit.n_bytes:
                moved.append(Edit(target, target, edit.content))
            position = edit.end
        edits = [*moved, Edit(root.begin, root.end, b"")]
    else:
        edits += _padding_edits(source, _growth(edits))
    # Insertions at one position keep their order.
    edits = sorted([*edits, *outside], key=lambda edit: edit.begin)
    return Patch(source.top.n_bytes, tuple(edits))


def _padding_edits(source: Source, growth: int) -> list[Edit]:
    """Edits that take growth from padding beside the index; none where there is too little."""
    if growth <= 0:
        return []
    boxes = source.top.boxes
    number = boxes.index(source.top.index)
    behind = takewhile(lambda box: box.name not in _MEDIA, boxes[number + 1 :])
    for box in [*behind, *boxes[max(0, number - 1) : number]]:
        if not box.is_padding:
            continue
        if box.n_bytes == growth:
            return [Edit(box.begin, box.end, b"")]
        if box.n_bytes - growth >= box.content - box.begin:
            source.file.seek(box.begin)
            old = source.file.read(box.content - box.begin)
            head = Edit(box.begin, box.content, head_with(old, box.name, box.n_bytes - growth))
            cut = Edit(box.content, box.content + growth, b"")
            return [*narrowed(head, old), cut]
    return []


def _check_all_items(source: Source, moves: Moves) -> None:
    check_items(source.index, moves)
    check_maker_notes(source.index, moves)
    for box in source.top.boxes:
        if box.name == b"meta":
            check_items(read_tree(source.file, box), moves)


def _placed_in_place(source: Source, changes: list[Change]) -> tuple[Patch, tuple[str, ...]]:
    """Patch that moves no byte of the media."""
    patch = _arranged(source, changes, False, source.steady)
    n_bytes = source.top.n_bytes
    if patch.keeps_positions:
        return patch, ()
    moving = [edit for edit in patch.edits if edit.n_bytes != edit.end - edit.begin]
    begin, end = moving[0].begin, moving[-1].end
    if patch.n_bytes != n_bytes:
        end = n_bytes
    touched = [box for box in source.top.boxes if box.begin < end and box.end > begin]
    if end - begin <= MAX_TAIL_BYTES and not any(box.name in _MEDIA for box in touched):
        return _rewritten(source, patch, begin, end), ()
    return _appended(source, changes), (LAST_NOTE,)


def _rewritten(source: Source, patch: Patch, begin: int, end: int) -> Patch:
    """Patch with one edit in place of all from a position to another; positions follow."""
    tables = [*pointers_of(source.index), *source.extra]
    moves = Moves(patch)
    edits, too_narrow = relocated(tables, moves)
    if too_narrow:
        raise Unpatchable("a position in its index would not fit 4 bytes")
    _check_all_items(source, moves)
    every = [*patch.edits, *edits, *resized(source.spans, moves)]
    every.sort(key=lambda edit: edit.begin)
    inner = [edit for edit in every if begin <= edit.begin and edit.end <= end]
    source.file.seek(begin)
    whole = Edit(begin, end, _applied(source.file.read(end - begin), begin, inner))
    outer = [edit for edit in every if edit not in inner]
    merged = sorted([*outer, whole], key=lambda edit: edit.begin)
    return Patch(patch.source_bytes, tuple(merged))


def _appended(source: Source, changes: list[Change]) -> Patch:
    """Patch that leaves the old index as padding and adds the new one at the end."""
    root, top = source.index.root, source.top
    if top.is_fragmented:
        raise Unpatchable("its index has to stay in front of its fragments")
    if top.end != top.n_bytes:
        raise Unpatchable("other data follows its last box, so nothing can be added at its end")
    inner = Patch(top.n_bytes, tuple(_index_edits(source.index, changes, is_moved=True)))
    content = bytearray(_applied(source.index.data, root.begin, inner.edits))
    moves, step = Moves(inner), top.n_bytes - root.begin
    for table in pointers_of(source.index):
        # Only positions within the index move.
        within = np.nonzero((table.values >= root.begin) & (table.values < root.end))[0].tolist()
        for number in within:
            position = moves.one(int(table.values[number])) + step
            if position >> (8 * table.width):
                raise Unpatchable("a position in its index would not fit 4 bytes")
            at = moves.one(int(table.places[number])) - root.begin
            content[at : at + table.width] = position.to_bytes(table.width, "big")
    rename = Edit(root.begin + 4, root.begin + 8, b"free")
    last = top.boxes[-1]
    opened: list[Edit] = []
    if last.has_open_end:
        if last.n_bytes >> 32:
            raise Unpatchable("its last box has no size, so nothing can be added at its end")
        opened = [Edit(last.begin, last.begin + 4, last.n_bytes.to_bytes(4, "big"))]
    edits = sorted(
        [rename, *opened, *source.steady, Edit(top.n_bytes, top.n_bytes, bytes(content))]
    )
    return Patch(top.n_bytes, tuple(edits))


def _applied(data: bytes, base: int, edits: Iterable[Edit]) -> bytes:
    """Bytes of a range after edits in it.

    Args:
        data: Bytes of the range.
        base: Position of the range in the file.
        edits: Edits with new bytes.
    """
    pieces: list[bytes] = []
    position = base
    for edit in edits:
        assert isinstance(edit.content, bytes)
        pieces += [data[position - base : edit.begin - base], edit.content]
        position = edit.end
    return b"".join([*pieces, data[position - base :]])
