"""Boxes of MP4 and MOV beyond those copied by FFmpeg (ISO/IEC 14496-12, QuickTime File Format)."""

import os
from collections.abc import Collection, Iterator
from itertools import islice
from typing import BinaryIO

from core.media.formats.mp4.boxes import Box, boxes_in, file_boxes, find_box, number_at, read_index

_ENCRYPTED = frozenset({b"encv", b"enca", b"enct", b"encs", b"encm", b"drmi", b"drms"})
"""Sample entries of encrypted tracks (8.12; the last two by Apple)."""

_MOST_BOXES = 1 << 17
_MOST_NAMED = 12

# fmt: off
_OF_FILE = frozenset({
    b"ftyp", b"styp", b"moov", b"moof", b"mdat", b"free", b"skip", b"wide", b"mfra", b"sidx",
    b"ssix", b"prft", b"pdin",
})
_OF_MOVIE = frozenset({
    b"mvhd", b"trak", b"mvex", b"udta", b"meta", b"iods", b"free", b"skip", b"wide", b"pssh",
    b"cmov",
})
_OF_TRACK = frozenset({
    b"tkhd", b"edts", b"mdia", b"tref", b"udta", b"meta", b"free", b"skip", b"wide", b"tapt",
    b"load",
})
_OF_SAMPLES = frozenset({
    b"stsd", b"stts", b"ctts", b"cslg", b"stss", b"stsc", b"stsz", b"stz2", b"stco", b"co64",
    b"sdtp", b"sgpd", b"sbgp", b"stps", b"saiz", b"saio", b"senc", b"free",
})
_OF_USER_DATA = frozenset({
    b"meta", b"chpl", b"name", b"hnti", b"cprt", b"loci", b"manu", b"modl", b"desc", b"keyw",
    b"gnre", b"titl", b"auth", b"perf", b"dscp", b"yrrc", b"albm", b"free", b"\0\0\0\0",
})
# fmt: on
"""Boxes that are copied, written anew or without a meaning for a copy."""

_REFERENCES = frozenset({b"chap", b"tmcd", b"hint"})
_ROLLS = frozenset({b"roll", b"prol", b"rap ", b"sync", b"tele"})
"""Sample groups that describe access to the coded stream, written anew."""

_SPHERICAL = bytes.fromhex("ffcc8263f8554a938814587a02521fdd")
_XMP = bytes.fromhex("be7acfcb97a942e89c71999491e3afac")
_COPYRIGHT_SIGN = 0xA9


def is_encrypted(file: BinaryIO) -> bool:
    """Check the sample entries of all tracks.

    Raises:
        OSError: The file cannot be read.
    """
    _, index = read_index(file)
    return any(
        entry.name in _ENCRYPTED for track in _tracks(index) for entry in _entries(index, track)
    )


def unseen_parts(file: BinaryIO, seen: Collection[int]) -> Iterator[str]:
    """Yield the names of parts without a place in a copy.

    Args:
        file: The open file.
        seen: Track IDs of the streams that FFmpeg lists.

    Raises:
        OSError: The file cannot be read.
    """
    size = file.seek(0, os.SEEK_END)
    end = 0
    of_file: dict[str, None] = {}
    for box in islice(file_boxes(file), _MOST_BOXES):
        end = box.end
        if box.name == b"uuid":
            file.seek(box.begin)
            of_file |= dict.fromkeys(_uuid_names(file.read(16)))
        elif box.name not in _OF_FILE:
            of_file[f"of type {_text(box.name)}"] = None
    if of_file:
        yield f"boxes of the file ({_listed(of_file)})"
    if end and size > end:
        yield f"{size - end} bytes of another program behind its last box"
    _, index = read_index(file)
    yield from _of_index(index, seen)


def track_kinds(file: BinaryIO) -> dict[int, str]:
    """Types of the sample entries, such as "fdsc", by track ID.

    Raises:
        OSError: The file cannot be read.
    """
    _, index = read_index(file)
    return {
        _track_id(index, track): _kind(index, track)
        for track in islice(_tracks(index), _MOST_BOXES)
    }


def _kind(index: bytes, track: Box) -> str:
    return " or ".join(_text(entry.name) for entry in _entries(index, track)) or "unnamed"


def _of_index(index: bytes, seen: Collection[int]) -> Iterator[str]:
    if others := _others(index, None, _OF_MOVIE):
        yield f"boxes of its index ({_listed(others)})"
    if others := _user_data(index, None):
        yield f"user data ({_listed(others)})"
    chapters = _chapter_tracks(index)
    for track in islice(_tracks(index), _MOST_BOXES):
        number = _track_id(index, track)
        if number not in seen and number not in chapters:
            yield f"track {number} (of kind {_kind(index, track)})"
            continue
        if others := _of_track(index, track):
            yield f"parts of track {number} ({_listed(others)})"


def _of_track(index: bytes, track: Box) -> list[str]:
    """Names of the parts of a track without a place in a copy."""
    names = [*_others(index, track, _OF_TRACK), *_user_data(index, track)]
    references = find_box(index, track, b"tref")
    kinds = [box.name for box in boxes_in(index, references)] if references else []
    names += [f"references of type {_text(kind)}" for kind in kinds if kind not in _REFERENCES]
    samples = find_box(index, track, b"mdia", b"minf", b"stbl")
    if samples is None:
        return names
    names += _others(index, samples, _OF_SAMPLES)
    groups = [
        index[box.begin + 4 : box.begin + 8]
        for box in boxes_in(index, samples)
        if box.name == b"sgpd"
    ]
    names += [f"sample groups of type {_text(kind)}" for kind in groups if kind not in _ROLLS]
    entries = {index[entry.begin : entry.end] for entry in _entries(index, track)}
    if len(entries) > 1:
        names.append(
            f"all but the first of {len(entries)} descriptions of its coding, without which a "
            "part cannot be decoded"
        )
    return names


def _others(index: bytes, outer: Box | None, known: Collection[bytes]) -> list[str]:
    """Names of the children of a box that are unknown, each once."""
    names: dict[str, None] = {}
    for box in boxes_in(index, outer):
        if box.name == b"uuid":
            names |= dict.fromkeys(_uuid_names(index[box.begin : box.begin + 16]))
        elif box.name not in known:
            names[f"of type {_text(box.name)}"] = None
    return list(names)


def _user_data(index: bytes, outer: Box | None) -> list[str]:
    data = find_box(index, outer, b"udta")
    names = [box.name for box in boxes_in(index, data)] if data is not None else []
    found = [n for n in names if n not in _OF_USER_DATA and n[0] != _COPYRIGHT_SIGN]
    return list(dict.fromkeys(_text(name) for name in found))


def _uuid_names(identity: bytes) -> Iterator[str]:
    if identity == _XMP:
        yield "XMP"
    elif identity != _SPHERICAL:
        yield f"uuid {identity.hex()}"


def _tracks(index: bytes) -> Iterator[Box]:
    return (box for box in boxes_in(index) if box.name == b"trak")


def _track_id(index: bytes, track: Box) -> int:
    header = find_box(index, track, b"tkhd")
    if header is None:
        return 0
    is_long = index[header.begin : header.begin + 1] == b"\1"
    return number_at(index, header.begin + (20 if is_long else 12), 4)


def _entries(index: bytes, track: Box) -> Iterator[Box]:
    """Sample entries of a track (8.5.2)."""
    table = find_box(index, track, b"mdia", b"minf", b"stbl", b"stsd")
    if table is not None:
        yield from boxes_in(index, Box(b"stsd", min(table.begin + 8, table.end), table.end))


def _chapter_tracks(index: bytes) -> set[int]:
    found: set[int] = set()
    for track in _tracks(index):
        box = find_box(index, track, b"tref", b"chap")
        if box is not None:
            found |= {number_at(index, at, 4) for at in range(box.begin, box.end - 3, 4)}
    return found


def _text(name: bytes) -> str:
    return name.decode("latin-1") if name.isascii() and name.decode().isprintable() else name.hex()


def _listed(names: Collection[str]) -> str:
    named = list(names)[:_MOST_NAMED]
    rest = len(names) - len(named)
    return ", ".join(named) + (f" and {rest} more" if rest else "")
