"""Records for undoing a patch: the patch from the corrected file back to its source.

A record is one JSON object with the name, size and digest of the source, and the edits as a
compressed list of numbers and bytes. It is kept in a certificate, or beside a file corrected in
place. The latter holds the edits of both directions, so that a half corrected file is known again.
"""

import base64
import json
import zlib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from core.correction.write.patched_file import inverse
from core.errors import ExportError
from core.media.formats.patch import ByteRange, Edit, Patch

_VERSION = 1
_MOST_BYTES = 1 << 28
"""Bound of the unpacked edits."""

_COPIED, _NEW = 0, 1
"""Kinds of content."""


@dataclass(frozen=True, slots=True)
class UndoRecord:
    """A way back to a source.

    Attributes:
        source_name: Name of the source.
        source_digest: BLAKE2b of the source; empty if it was not read completely.
        patch: Patch of the corrected file that gives the source.
        forward: Patch of the source in place; None for a copy.
        before: Record of the correction in place before this one, as values of JSON.
    """

    source_name: str
    source_digest: str
    patch: Patch
    forward: Patch | None = None
    before: object = None

    def to_json(self) -> dict[str, object]:
        """The record as values of JSON."""
        content: dict[str, object] = {
            "undo": _VERSION,
            "source_name": self.source_name,
            "source_bytes": self.patch.n_bytes,
            "source_blake2b": self.source_digest,
            "corrected_bytes": self.patch.source_bytes,
            "edits": _text(self.patch),
        }
        if self.forward is not None:
            content |= {"forward": _text(self.forward), "before": self.before}
        return content


def undo_record(source: Path, patch: Patch) -> UndoRecord:
    """Make the record of a patched copy; the source is read completely.

    Raises:
        ExportError: The source ends early.
        OSError: The source cannot be read.
    """
    with source.open("rb", buffering=0) as file:
        return UndoRecord(source.name, digest_of(file), inverse(patch, file))


def digest_of(file: BinaryIO) -> str:
    """BLAKE2b of a whole open file."""
    digest = blake2b()
    file.seek(0)
    while content := file.read(1 << 22):
        digest.update(content)
    return digest.hexdigest()


def record_from_json(content: object, path: Path) -> UndoRecord:
    """Read a record.

    Args:
        content: Values of JSON.
        path: The file with the record, for errors.

    Raises:
        ExportError: It is none, damaged, or of a newer version.
    """
    refusal = ExportError(
        f"{path.name} holds no record for undoing a correction, or a damaged one; keep the source "
        "instead.",
        path=path,
    )
    if not isinstance(content, Mapping) or content.get("undo") != _VERSION:
        raise refusal
    try:
        n_source, n_corrected = int(content["source_bytes"]), int(content["corrected_bytes"])
        patch = Patch(n_corrected, _edits(content["edits"]))
        forward = Patch(n_source, _edits(content["forward"])) if "forward" in content else None
        if patch.n_bytes != n_source or (forward and forward.n_bytes != n_corrected):
            raise refusal
        if patch.n_moved_bytes > n_corrected:
            # Moved bytes are there once; more of them would only fill the drive.
            raise refusal
        name, digest = str(content["source_name"]), str(content["source_blake2b"])
    except (KeyError, ValueError, TypeError, IndexError, zlib.error) as error:
        raise refusal from error
    if name in {"", ".", ".."} or Path(name).name != name:
        raise refusal
    return UndoRecord(name, digest, patch, forward, content.get("before"))


def read_record(path: Path) -> UndoRecord:
    """Read a record from a file of its own, or from a certificate.

    Raises:
        ExportError: There is none, or it is damaged.
    """
    try:
        content = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise ExportError(
            f"{path.name} cannot be read as a record of a correction; keep the source instead.",
            path=path,
            details=str(error),
        ) from error
    if isinstance(content, dict) and "certificate" in content:
        if "undo" not in content:
            raise ExportError(
                f"{path.name} is about a file that was written anew, not patched, so its source "
                "cannot be made from it; keep the source.",
                path=path,
            )
        content = content["undo"]
    return record_from_json(content, path)


def _text(patch: Patch) -> str:
    return base64.b64encode(zlib.compress(_packed(patch))).decode("ascii")


def _edits(text: object) -> tuple[Edit, ...]:
    unpacker = zlib.decompressobj()
    packed = unpacker.decompress(base64.b64decode(str(text), validate=True), _MOST_BYTES)
    if not unpacker.eof:
        raise ValueError("expected a complete list of edits, got a part or too many")
    return tuple(_unpacked(packed))


def _packed(patch: Patch) -> bytes:
    """Edits as distances, sizes and bytes."""
    packed = bytearray()
    position = 0
    for edit in patch.edits:
        _put(packed, edit.begin - position)
        _put(packed, edit.end - edit.begin)
        if isinstance(edit.content, bytes):
            _put(packed, len(edit.content) << 1 | _NEW)
            packed += edit.content
        else:
            _put(packed, (edit.content.end - edit.content.begin) << 1 | _COPIED)
            _put(packed, edit.content.begin)
        position = edit.end
    return bytes(packed)


def _unpacked(packed: bytes) -> Iterator[Edit]:
    at = position = 0
    while at < len(packed):
        distance, at = _number(packed, at)
        n_removed, at = _number(packed, at)
        size, at = _number(packed, at)
        begin = position + distance
        position = begin + n_removed
        if size & 1 == _NEW:
            content = packed[at : at + (size >> 1)]
            if len(content) != size >> 1:
                raise ValueError("expected the bytes of an edit, got fewer")
            at += len(content)
            yield Edit(begin, position, content)
        else:
            first, at = _number(packed, at)
            yield Edit(begin, position, ByteRange(first, first + (size >> 1)))


def _put(packed: bytearray, number: int) -> None:
    """Append a number in groups of seven bits, the lowest first (LEB128)."""
    while number > 127:
        packed.append(number & 127 | 128)
        number >>= 7
    packed.append(number)


def _number(packed: bytes, at: int) -> tuple[int, int]:
    """Number at a position, and its end."""
    number = shift = 0
    while True:
        byte = packed[at]
        number |= (byte & 127) << shift
        shift += 7
        at += 1
        if byte < 128:
            return number, at
        if shift > 63:
            raise ValueError("expected a number below 2**63, got a longer one")
