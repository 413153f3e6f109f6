"""Elements of Matroska beyond those copied by FFmpeg (RFC 9559)."""

from collections.abc import Collection, Iterator
from typing import BinaryIO

from core.media.formats.matroska.segment import elements, segment_parts

_INFO, _TRACKS, _CHAPTERS, _TAGS = 0x1549A966, 0x1654AE6B, 0x1043A770, 0x1254C367
_KNOWN = {
    *(_INFO, _TRACKS, _CHAPTERS, _TAGS),
    # EBML, SeekHead, Cluster, Cues, Attachments, Void, CRC-32.
    *(0x1A45DFA3, 0x114D9B74, 0x1F43B675, 0x1C53BB6B, 0x1941A469, 0xEC, 0xBF),
}
_MOST_BYTES = 1 << 22
"""Most bytes of a part that are read."""

_MOST_LEVELS = 16
"""Most levels of chapters that are counted."""

_TRACK, _TRACK_NUMBER, _TRACK_TYPE, _CODINGS = 0xAE, 0xD7, 0x83, 0x6D80
_ENCRYPTION_PATH = (0x6240, 0x5035)
"""ContentEncoding and its ContentEncryption (5.1.4.1.31)."""

_COPIED_TYPES = frozenset({1, 2, 0x11, 0x21})
"""Video, audio, subtitles and metadata."""

_EDITION, _ATOM, _DISPLAY = 0x45B9, 0xB6, 0x80
_HIDDEN, _ENABLED = 0x98, 0x4598
_ORDERED, _LINKS_OF_ATOM, _COMMANDS = 0x45DD, (0x6E67, 0x6EBC), 0x6944
_LINKS_OF_FILE = (0x3CB923, 0x3EB923, 0x4444)
"""PrevUUID, NextUUID and SegmentFamily."""

_TAG, _TARGETS, _SIMPLE_TAG = 0x7373, 0x63C0, 0x67C8
_LEVEL, _OF_EDITION = 0x68CA, 0x63C9
_BINARY, _LANGUAGES = 0x4485, (0x447A, 0x447B)
_USUAL_LEVEL = 50


def is_encrypted(file: BinaryIO) -> bool:
    """Check the tracks for encrypted content.

    Raises:
        OSError: The file cannot be read.
    """
    for identity, begin, end in segment_parts(file):
        if identity == _TRACKS:
            tracks = _inner(_read(file, begin, end), _TRACK)
            encodings = [one for track in tracks for one in _inner(track, _CODINGS)]
            found = [e for one in encodings for e in _inner(one, _ENCRYPTION_PATH[0])]
            return any(True for one in found for _ in _inner(one, _ENCRYPTION_PATH[1]))
    return False


def unseen_parts(file: BinaryIO, _: Collection[int]) -> Iterator[str]:
    """Yield the names of parts without a place in a copy.

    Raises:
        OSError: The file cannot be read.
    """
    others: dict[int, None] = {}
    for identity, begin, end in segment_parts(file):
        if identity == _INFO:
            yield from _of_info(_read(file, begin, end))
        elif identity == _TRACKS:
            yield from _of_tracks(_read(file, begin, end))
        elif identity == _CHAPTERS:
            yield from _of_chapters(_read(file, begin, end))
        elif identity == _TAGS:
            yield from _of_tags(_read(file, begin, end))
        elif identity not in _KNOWN:
            others[identity] = None
    if others:
        yield f"elements of type {', '.join(f'{one:X}' for one in list(others)[:8])}"


def _of_info(content: bytes) -> Iterator[str]:
    if any(identity in _LINKS_OF_FILE for identity, _ in elements(content)):
        yield "links to other files"


def _of_tracks(content: bytes) -> Iterator[str]:
    for track in _inner(content, _TRACK):
        numbers = {
            identity: int.from_bytes(value[:8], "big") for identity, value in elements(track)
        }
        kind = numbers.get(_TRACK_TYPE, 0)
        if kind not in _COPIED_TYPES:
            yield f"track {numbers.get(_TRACK_NUMBER, 0)} (of type {kind})"


def _of_chapters(content: bytes) -> Iterator[str]:
    editions = list(_inner(content, _EDITION))
    if len(editions) > 1:
        yield f"the division of its chapters into {len(editions)} editions"
    if any(_flag(edition, _ORDERED, 0) for edition in editions):
        yield "the playing order of its chapters"
    outer = [atom for edition in editions for atom in _inner(edition, _ATOM)]
    # Chapters within chapters, of any depth, one level after the other.
    atoms = inner = [atom for one in outer for atom in _inner(one, _ATOM)]
    if inner:
        for _ in range(_MOST_LEVELS):
            inner = [atom for one in inner for atom in _inner(one, _ATOM)]
            atoms += inner
        yield f"the nesting of its chapters ({len(atoms)} within others)"
    atoms = outer + atoms
    if any(sum(1 for _ in _inner(atom, _DISPLAY)) > 1 for atom in atoms):
        yield "all but one of the titles of a chapter, where it has several"
    if any(_flag(atom, _HIDDEN, 0) or not _flag(atom, _ENABLED, 1) for atom in atoms):
        yield "the marks of hidden chapters"
    found = {identity for atom in atoms for identity, _ in elements(atom)}
    if _COMMANDS in found:
        yield "the commands in its chapters"
    if found.intersection(_LINKS_OF_ATOM):
        yield "links of chapters to other files"


def _of_tags(content: bytes) -> Iterator[str]:
    of_edition = has_level = is_detailed = False
    for tag in _inner(content, _TAG):
        for targets in _inner(tag, _TARGETS):
            level = _flag(targets, _LEVEL, _USUAL_LEVEL)
            has_level |= level != _USUAL_LEVEL
            of_edition |= any(identity == _OF_EDITION for identity, _ in elements(targets))
        for simple in _inner(tag, _SIMPLE_TAG):
            for identity, value in elements(simple):
                is_language = identity in _LANGUAGES and value.rstrip(b"\0") not in {b"", b"und"}
                is_detailed |= identity in {_SIMPLE_TAG, _BINARY} or is_language
    if of_edition:
        yield "tags of editions"
    if has_level:
        yield "the levels of its tags"
    if is_detailed:
        yield "the nesting, languages and binary content of its tags"


def _inner(content: bytes, wanted: int) -> Iterator[bytes]:
    return (value for identity, value in elements(content) if identity == wanted)


def _flag(content: bytes, wanted: int, usual: int) -> int:
    value = next(_inner(content, wanted), None)
    return usual if value is None else int.from_bytes(value[:8], "big")


def _read(file: BinaryIO, begin: int, end: int) -> bytes:
    file.seek(begin)
    return file.read(min(end - begin, _MOST_BYTES))
