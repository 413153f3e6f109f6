"""EBML, the structure of Matroska and WebM: numbers, heads of elements, trees (RFC 8794)."""

import zlib
from collections.abc import Collection, Iterator
from dataclasses import dataclass

from core.media.formats.patch import Unpatchable

CRC_32, VOID = 0xBF, 0xEC
MAX_ID_BYTES, MAX_SIZE_BYTES = 4, 8
HEAD_BYTES = MAX_ID_BYTES + MAX_SIZE_BYTES
_CRC_ELEMENT_BYTES = 6
_MAX_DEPTH = 16


@dataclass(frozen=True, slots=True)
class Head:
    """Head of an EBML element.

    Attributes:
        id: Identifier with its length marker.
        n_head_bytes: Size of the head.
        n_bytes: Size of the content; None if unknown, as in live recordings.
    """

    id: int
    n_head_bytes: int
    n_bytes: int | None


@dataclass(slots=True)
class Element:
    """An element in memory, with changeable content.

    Attributes:
        id: Identifier with its length marker.
        n_size_bytes: Width of the size field.
        content: Children of a master element, or the bytes of any other one.
    """

    id: int
    n_size_bytes: int
    content: "bytes | list[Element]"

    def children(self, identity: int) -> "Iterator[Element]":
        """Yield the children with an identifier."""
        if isinstance(self.content, list):
            yield from (child for child in self.content if child.id == identity)

    def find(self, identity: int) -> "Element | None":
        """Find the first child with an identifier."""
        return next(self.children(identity), None)

    @property
    def data(self) -> bytes:
        """Content in bytes; empty for a master element."""
        return self.content if isinstance(self.content, bytes) else b""

    @property
    def unsigned(self) -> int:
        """Content as an unsigned integer (RFC 8794, 7.2)."""
        return int.from_bytes(self.data, "big")

    def widened(self, number: int) -> None:
        """Set an unsigned integer, in a wider field where it needs one."""
        self.content = number.to_bytes(max(len(self.data), number_bytes(number)), "big")

    def voided(self) -> None:
        """Turn into a Void element of the same size."""
        n_id_bytes = number_bytes(self.id)
        self.content = bytes(len(serialized(self)) - n_id_bytes - self.n_size_bytes)
        self.id, self.n_size_bytes = VOID, self.n_size_bytes + n_id_bytes - 1


def number_bytes(number: int) -> int:
    """Count the bytes of an unsigned integer, at least one."""
    return max(1, (number.bit_length() + 7) // 8)


def parse_number(content: bytes, begin: int, max_bytes: int) -> tuple[int, int] | None:
    """Parse a variable-size integer (RFC 8794, 4), without its length marker.

    Returns:
        The number and its end; None if there is none.
    """
    if begin >= len(content) or not content[begin]:
        return None
    n_bytes = 9 - content[begin].bit_length()
    end = begin + n_bytes
    if n_bytes > max_bytes or end > len(content):
        return None
    return int.from_bytes(content[begin:end], "big") & ((1 << 7 * n_bytes) - 1), end


def parse_head(content: bytes, begin: int = 0) -> Head | None:
    """Parse the head of an element; None if there is no complete one."""
    identity = parse_number(content, begin, MAX_ID_BYTES)
    size = parse_number(content, identity[1], MAX_SIZE_BYTES) if identity is not None else None
    if identity is None or size is None:
        return None
    n_size_bytes, n_head_bytes = size[1] - identity[1], size[1] - begin
    # All ones stand for an unknown size.
    n_bytes = None if size[0] == _unknown(n_size_bytes) else size[0]
    return Head(int.from_bytes(content[begin : identity[1]], "big"), n_head_bytes, n_bytes)


def size_field(n_bytes: int, min_width: int = 1) -> bytes:
    """Encode a size (RFC 8794, 6.2), at least as wide as told.

    Raises:
        Unpatchable: The size is too large for EBML.
    """
    width = min_width
    while n_bytes >= _unknown(width):
        width += 1
    if width > MAX_SIZE_BYTES:
        raise Unpatchable("an element would be too large for Matroska")
    return ((1 << 7 * width) | n_bytes).to_bytes(width, "big")


def parse_tree(content: bytes, masters: Collection[int]) -> list[Element]:
    """Parse elements in a row.

    Args:
        content: The elements, nothing else.
        masters: Identifiers of elements with children.

    Raises:
        Unpatchable: An element is incomplete, its size is unknown, or a checksum is wrong.
    """
    return _parsed(content, 0, len(content), masters, 0)


def serialized(element: Element) -> bytes:
    """Write an element with the checksums of its new content (RFC 8794, 11.3.1)."""
    content = _joined(element.content) if isinstance(element.content, list) else element.content
    identity = element.id.to_bytes(number_bytes(element.id), "big")
    return identity + size_field(len(content), element.n_size_bytes) + content


def _unknown(width: int) -> int:
    return (1 << 7 * width) - 1


def _parsed(
    content: bytes, begin: int, end: int, masters: Collection[int], depth: int
) -> list[Element]:
    elements: list[Element] = []
    while begin < end:
        head = parse_head(content, begin)
        if head is None or head.n_bytes is None or depth > _MAX_DEPTH:
            raise Unpatchable("an element of its header or index is damaged")
        first = begin + head.n_head_bytes
        last = first + head.n_bytes
        if last > end:
            raise Unpatchable("an element of its header or index exceeds the one around it")
        inner: bytes | list[Element] = content[first:last]
        is_crc = head.id == CRC_32 and not elements
        if is_crc and zlib.crc32(content[last:end]).to_bytes(4, "little") != inner:
            raise Unpatchable("a checksum of its header or index is wrong")
        if head.id in masters:
            inner = _parsed(content, first, last, masters, depth + 1)
        elements.append(Element(head.id, head.n_head_bytes - number_bytes(head.id), inner))
        begin = last
    return elements


def _joined(children: list[Element]) -> bytes:
    parts = [serialized(child) for child in children]
    if children and children[0].id == CRC_32 and len(parts[0]) == _CRC_ELEMENT_BYTES:
        rest = b"".join(parts[1:])
        return parts[0][:-4] + zlib.crc32(rest).to_bytes(4, "little") + rest
    return b"".join(parts)
