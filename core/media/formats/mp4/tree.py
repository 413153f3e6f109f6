"""MP4 and MOV: boxes that must be sound (ISO/IEC 14496-12, 4.2), as a patch needs them.

Reading for display takes what it can get. A patch moves bytes by these numbers, so every box has
to lie within its parent here, and the number of boxes is bounded.
"""

import os
from dataclasses import dataclass
from itertools import pairwise
from typing import BinaryIO

from core.media.formats.mp4.boxes import TOP_LEVEL, box_at
from core.media.formats.patch import Unpatchable

OPENED = {
    b"moov": frozenset([b"trak", b"mvex"]),
    b"trak": frozenset([b"edts", b"mdia"]),
    b"edts": frozenset[bytes](),
    b"mdia": frozenset([b"minf"]),
    b"minf": frozenset([b"stbl", b"dinf"]),
    b"stbl": frozenset[bytes](),
    b"dinf": frozenset[bytes](),
    b"mvex": frozenset[bytes](),
    b"moof": frozenset([b"traf"]),
    b"traf": frozenset[bytes](),
    b"mfra": frozenset[bytes](),
}
"""Boxes with children, and the children that have children in turn."""

MAX_BOXES = 1 << 20
MAX_CHILDREN = 1 << 16
MAX_TREE_BYTES = 1 << 30

_PADDING = frozenset([b"free", b"skip"])


@dataclass(frozen=True, slots=True)
class Node:
    """A box.

    Attributes:
        name: Type, four letters.
        begin: Position of its head in the file.
        content: Position of its content in the file.
        end: End of its content in the file.
        has_open_end: Its size field says "up to the end of the file".
        children: Boxes in it, where they were read.
    """

    name: bytes
    begin: int
    content: int
    end: int
    has_open_end: bool = False
    children: tuple["Node", ...] = ()

    @property
    def n_bytes(self) -> int:
        """Size with the head."""
        return self.end - self.begin

    @property
    def is_padding(self) -> bool:
        """Whether the box only takes up room."""
        return self.name in _PADDING

    def named(self, name: bytes) -> list["Node"]:
        """Children with a name."""
        return [child for child in self.children if child.name == name]

    def path(self, *names: bytes) -> tuple["Node", ...]:
        """Boxes down a path of names, the box itself first.

        Returns:
            Shorter than the path where a box is missing.

        Raises:
            Unpatchable: A box on the path is there twice.
        """
        found: list[Node] = [self]
        for name in names:
            inner = found[-1].named(name)
            if len(inner) > 1:
                raise Unpatchable(f"it has two boxes “{_shown(name)}” where one is allowed")
            if not inner:
                break
            found.append(inner[0])
        return tuple(found)

    def find(self, *names: bytes) -> "Node | None":
        """Box at a path of names."""
        found = self.path(*names)
        return found[-1] if len(found) > len(names) else None


@dataclass(frozen=True, slots=True)
class Tree:
    """A box of the file with its bytes.

    Attributes:
        root: The box, with its children.
        data: Its bytes, head included.
    """

    root: Node
    data: bytes

    def bytes_at(self, begin: int, end: int) -> bytes:
        """Bytes of a range of the file.

        Raises:
            Unpatchable: The range is not within the box.
        """
        if not self.root.begin <= begin <= end <= self.root.end:
            raise Unpatchable("a field of its index lies outside of the index")
        return self.data[begin - self.root.begin : end - self.root.begin]

    def field(self, node: Node, offset: int, n_bytes: int) -> int:
        """Unsigned number in the content of a box.

        Args:
            node: Box in this one.
            offset: Position in the content of the box.
            n_bytes: Size of the number.

        Raises:
            Unpatchable: The box is too short.
        """
        begin = node.content + offset
        if begin + n_bytes > node.end:
            raise Unpatchable(f"its box “{_shown(node.name)}” is too short")
        return int.from_bytes(self.bytes_at(begin, begin + n_bytes), "big")

    def version(self, node: Node) -> int:
        """Version of a full box (ISO/IEC 14496-12, 4.2); 0 and 1 are known.

        Raises:
            Unpatchable: It has another one.
        """
        version = self.field(node, 0, 1)
        if version > 1:
            raise Unpatchable(f"its box “{_shown(node.name)}” is of the unknown version {version}")
        return version


@dataclass(frozen=True, slots=True)
class TopLevel:
    """Boxes of a file.

    Attributes:
        boxes: Boxes in order, without children.
        n_bytes: Size of the file; what lies behind the last box is foreign data.
    """

    boxes: tuple[Node, ...]
    n_bytes: int

    @property
    def end(self) -> int:
        """End of the last box."""
        return self.boxes[-1].end if self.boxes else 0

    @property
    def index(self) -> Node:
        """The only index (``moov``).

        Raises:
            Unpatchable: There is none, or more than one.
        """
        found = [box for box in self.boxes if box.name == b"moov"]
        if not found:
            raise Unpatchable("it has no index")
        if len(found) > 1:
            raise Unpatchable("it has several indexes")
        return found[0]

    @property
    def is_fragmented(self) -> bool:
        """Whether there are fragments (ISO/IEC 14496-12, 8.8)."""
        return any(box.name == b"moof" for box in self.boxes)


def read_top_level(file: BinaryIO) -> TopLevel:
    """Read the heads of all boxes of a file.

    Foreign data may follow behind the index and the media.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: A box reaches beyond the end of the file, or the file begins with other data.
    """
    n_bytes = file.seek(0, os.SEEK_END)
    boxes: list[Node] = []
    position = 0
    while position + 8 <= n_bytes:
        file.seek(position)
        box = _node(file.read(16), position, n_bytes)
        if box is None or not _is_name(box.name):
            break
        if box.end > n_bytes and box.name not in TOP_LEVEL:
            break
        if box.end > n_bytes:
            raise Unpatchable("it is cut off, or one of its boxes states a wrong size")
        boxes.append(box)
        if len(boxes) > MAX_BOXES:
            raise Unpatchable(f"it has more than {MAX_BOXES} boxes")
        position = box.end
    return TopLevel(tuple(boxes), n_bytes)


def read_tree(file: BinaryIO, box: Node) -> Tree:
    """Read a box, and its children if it is listed in `OPENED`.

    Raises:
        OSError: The file cannot be read.
        Unpatchable: A child reaches beyond its parent, or the box is too large.
    """
    if box.n_bytes > MAX_TREE_BYTES:
        raise Unpatchable(f"its box “{_shown(box.name)}” has more than 1 GB")
    file.seek(box.begin)
    data = file.read(box.n_bytes)
    if len(data) < box.n_bytes:
        raise Unpatchable("it is cut off")
    if box.name not in OPENED:
        return Tree(box, data)
    budget = [MAX_CHILDREN]
    return Tree(_opened(data, box.begin, box, budget), data)


def children_of(data: bytes, base: int, begin: int, end: int) -> tuple[Node, ...]:
    """Boxes in a row.

    Zeros may follow, the end mark of QuickTime.

    Args:
        data: Bytes with the boxes.
        base: Position of these bytes in the file.
        begin: Position of the first box in the file.
        end: End of the boxes.

    Raises:
        Unpatchable: Something else follows, or a box reaches beyond the end.
    """
    found: list[Node] = []
    while begin < end:
        head = data[begin - base : min(begin + 16, end) - base]
        child = _node(head, begin, end) if len(head) >= 8 else None
        if child is None or child.has_open_end:
            if any(data[begin - base : end - base]):
                raise Unpatchable("a box of its index states a wrong size")
            break
        if child.end > end:
            raise Unpatchable("a box of its index states a wrong size")
        found.append(child)
        if len(found) > MAX_CHILDREN:
            raise Unpatchable(f"it has more than {MAX_CHILDREN} boxes")
        begin = child.end
    return tuple(found)


def head_with(tree_head: bytes, name: bytes, n_bytes: int) -> bytes:
    """Head of a box of another size, as long as the old head.

    Args:
        tree_head: Old head, 8 or 16 bytes.
        name: Type.
        n_bytes: Size of the box with its head.

    Raises:
        Unpatchable: The size does not fit.
    """
    if len(tree_head) == 16:
        return (1).to_bytes(4, "big") + name + n_bytes.to_bytes(8, "big")
    if n_bytes >> 32:
        raise Unpatchable(f"its box “{_shown(name)}” would be larger than 4 GB")
    return n_bytes.to_bytes(4, "big") + name


def _opened(data: bytes, base: int, box: Node, budget: list[int]) -> Node:
    inner = children_of(data, base, box.content, box.end)
    budget[0] -= len(inner)
    if budget[0] < 0:
        raise Unpatchable(f"it has more than {MAX_CHILDREN} boxes")
    opened = OPENED.get(box.name, frozenset())
    children = tuple(
        _opened(data, base, child, budget) if child.name in opened else child for child in inner
    )
    assert all(one.end == other.begin for one, other in pairwise(children))
    return Node(box.name, box.begin, box.content, box.end, box.has_open_end, children)


def _node(head: bytes, position: int, end: int) -> Node | None:
    """Parse the head of a box at a position; None if there is none."""
    box = box_at(head, position, end)
    if box is None:
        return None
    return Node(box.name, position, box.begin, box.end, head[:4] == bytes(4))


def _is_name(name: bytes) -> bool:
    # The copyright sign begins names of QuickTime.
    return all(0x20 <= letter < 0x7F or letter == 0xA9 for letter in name)


def _shown(name: bytes) -> str:
    return name.decode("latin-1") if _is_name(name) else name.hex()
