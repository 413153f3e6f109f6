"""Tags and file data of Flash Video (Adobe FLV specification 10.1, annex E; AMF0)."""

import struct
from collections.abc import Iterator
from typing import BinaryIO, NamedTuple

from core.media.formats.patch import Unpatchable

AUDIO, VIDEO, SCRIPT = 8, 9, 18
HEAD_BYTES, TRAILER_BYTES = 11, 4
DAMAGED = "parts of it are damaged"

_TYPES = frozenset({AUDIO, VIDEO, 15, SCRIPT})
_ENCRYPTED = 0x20
_FILE_HEAD_BYTES = 9

_AAC = 10
_WITH_HEADER = (7, 12, 13)
"""Codecs of pictures with a sequence header: AVC and the usual numbers for HEVC and AV1."""

_EXTENDED_AUDIO, _EXTENDED_VIDEO = 9, 0x80
_MULTITRACK = 5

_MAX_SCRIPT_BYTES = 16 << 20
_MAX_DEPTH = 8

_NUMBER, _BOOLEAN, _TEXT, _OBJECT, _NULL, _UNDEFINED, _REFERENCE = 0, 1, 2, 3, 5, 6, 7
_ARRAY, _LIST, _DATE, _LONG_TEXT = 8, 10, 11, 12
_FIXED_BYTES = {_BOOLEAN: 1, _NULL: 0, _UNDEFINED: 0, _REFERENCE: 2, _DATE: 10}
_OBJECT_END = b"\0\0\x09"


class Tag(NamedTuple):
    """A tag with its trailer.

    Attributes:
        begin: Position in the file.
        end: End with the trailer.
        kind: `AUDIO`, `VIDEO`, `SCRIPT`, or 15.
        time_ms: Time in milliseconds.
        is_header: Whether it holds the header of a codec.
    """

    begin: int
    end: int
    kind: int
    time_ms: int
    is_header: bool


class Number(NamedTuple):
    """A number in the file data.

    Attributes:
        path: Names that lead to it; a place in a list has the name of the list.
        position: Position of its 8 bytes in the file.
        value: Its value.
    """

    path: tuple[str, ...]
    position: int
    value: float


def read_tags(file: BinaryIO) -> tuple[list[Tag], bool]:
    """All tags, and whether the last one is whole.

    Raises:
        Unpatchable: The file is damaged, encrypted or has several sounds.
    """
    size = file.seek(0, 2)
    file.seek(0)
    start = file.read(_FILE_HEAD_BYTES)
    if start[:3] != b"FLV" or len(start) < _FILE_HEAD_BYTES:
        raise Unpatchable("it does not begin as Flash Video")
    position = int.from_bytes(start[5:9], "big") + TRAILER_BYTES
    tags: list[Tag] = []
    while position + HEAD_BYTES <= size:
        file.seek(position)
        head = file.read(HEAD_BYTES + 2)
        n_bytes = HEAD_BYTES + int.from_bytes(head[1:4], "big")
        tag = Tag(position, position + n_bytes + TRAILER_BYTES, *_described(head))
        if tag.end > size:
            tags.append(tag._replace(end=size))
            return tags, False
        file.seek(tag.end - TRAILER_BYTES)
        if int.from_bytes(file.read(TRAILER_BYTES), "big") != n_bytes:
            raise Unpatchable(DAMAGED)
        tags.append(tag)
        position = tag.end
    return tags, position == size


def file_numbers(file: BinaryIO, tags: list[Tag]) -> list[Number]:
    """Numbers in the file data, `onMetaData`; those before a damaged place."""
    for tag in tags[:16]:
        n_bytes = tag.end - tag.begin - HEAD_BYTES - TRAILER_BYTES
        if tag.kind != SCRIPT or n_bytes > _MAX_SCRIPT_BYTES:
            continue
        file.seek(tag.begin + HEAD_BYTES)
        content = file.read(max(n_bytes, 0))
        if content[:13] == b"\x02\0\x0aonMetaData":
            return list(_Values(content, tag.begin + HEAD_BYTES).numbers(13))
    return []


def _described(head: bytes) -> tuple[int, int, bool]:
    """Kind and time of a tag, and whether it is the header of a codec."""
    kind = head[0] & 0x1F
    if head[0] & 0xC0 or kind not in _TYPES:
        raise Unpatchable(DAMAGED)
    if head[0] & _ENCRYPTED:
        raise Unpatchable("it is encrypted")
    time_ms = head[7] << 24 | int.from_bytes(head[4:7], "big")
    first, second = (*head[HEAD_BYTES:], 255, 255)[:2]
    is_header = False
    if kind == AUDIO and first >> 4 == _EXTENDED_AUDIO:
        if first & 15 == _MULTITRACK:
            raise Unpatchable("it has several sounds in common packets")
        is_header = first & 15 == 0
    elif kind == AUDIO:
        is_header = first >> 4 == _AAC and second == 0
    elif kind == VIDEO and first & _EXTENDED_VIDEO:
        is_header = first & 15 == 0
    elif kind == VIDEO:
        is_header = first & 15 in _WITH_HEADER and second == 0
    return kind, time_ms, is_header


class _Values:
    """Values in the format AMF0."""

    def __init__(self, content: bytes, begin: int) -> None:
        self._content = content
        self._begin = begin
        self._position = 0

    def numbers(self, position: int) -> Iterator[Number]:
        """Yield the numbers of the value at a position, up to the first damaged place."""
        self._position = position
        yield from self._value((), 0)

    def _value(self, path: tuple[str, ...], depth: int) -> Iterator[Number]:
        kind = self._take(1)[:1]
        if not kind or depth > _MAX_DEPTH:
            self._position = len(self._content)
        elif kind[0] == _NUMBER:
            position, octets = self._position, self._take(8)
            if len(octets) == 8:
                yield Number(path, self._begin + position, struct.unpack(">d", octets)[0])
        elif kind[0] in (_OBJECT, _ARRAY):
            self._take(4 if kind[0] == _ARRAY else 0)
            yield from self._members(path, depth)
        elif kind[0] == _LIST:
            yield from self._items(path, depth)
        elif kind[0] in (_TEXT, _LONG_TEXT):
            self._take(self._size(2 if kind[0] == _TEXT else 4))
        elif kind[0] in _FIXED_BYTES:
            self._take(_FIXED_BYTES[kind[0]])
        else:
            self._position = len(self._content)

    def _members(self, path: tuple[str, ...], depth: int) -> Iterator[Number]:
        while self._position < len(self._content):
            if self._content[self._position : self._position + 3] == _OBJECT_END:
                self._take(3)
                return
            name = self._take(self._size(2)).decode("utf-8", "replace")
            yield from self._value((*path, name), depth + 1)

    def _items(self, path: tuple[str, ...], depth: int) -> Iterator[Number]:
        for _ in range(self._size(4)):
            if self._position >= len(self._content):
                return
            yield from self._value(path, depth + 1)

    def _size(self, n_bytes: int) -> int:
        return int.from_bytes(self._take(n_bytes), "big")

    def _take(self, n_bytes: int) -> bytes:
        octets = self._content[self._position : self._position + n_bytes]
        self._position += n_bytes
        return octets
