"""Telling from the structure of a file whether its end is missing.

Demuxers take a file that was cut off for one that ends there. Most containers state how long they,
or their last pieces, are. Where a cut falls between two pieces that stand alone, nothing tells.
"""

import os
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.media.formats.mp4 import file_boxes
from core.media.info import MediaInfo

_MOV_BOXES = frozenset(
    [b"mdat", b"moof", b"moov", b"sidx", b"styp", b"emsg", b"free", b"skip", b"uuid", b"mfra"]
)
_SEGMENT = 0x18538067
_TRANSPORT_PACKETS = ((0, 188), (4, 192), (0, 204))
"""Where the sync byte of a packet of MPEG-TS stands, and how long it is."""

_SYNC = 0x47
_N_PACKETS_TRIED = 5
_FLV_TAGS = frozenset({8, 9, 18})
_MXF_HEAD_BYTES = 1 << 16
_MXF_KEY = bytes.fromhex("060e2b34")
_MXF_PARTITION = bytes.fromhex("060e2b34020501010d010201")


def cut_notes(info: MediaInfo) -> Iterator[str]:
    """Say that the end of a file is missing."""
    if is_cut_short(info.path, info.container):
        yield (
            f"{info.path.name} seems to have been cut off at its end, of which the new file can "
            "hold only what there is; copy it again from where it came from."
        )


def is_cut_short(path: Path, container: str) -> bool:
    """Tell whether a file ends before a piece of it does.

    Args:
        path: The file.
        container: FFmpeg's name of its format.

    Returns:
        False also where the file does not tell, and where it cannot be read.
    """
    for name, look in _LOOKS.items():
        if container.startswith(name):
            try:
                with path.open("rb") as file:
                    size = file.seek(0, os.SEEK_END)
                    file.seek(0)
                    return look(file, size)
            except OSError:
                return False
    return False


def _is_mov_cut(file: BinaryIO, size: int) -> bool:
    """Go from box to box."""
    last = max(file_boxes(file), key=lambda box: box.end, default=None)
    return last is not None and last.end > size and last.name in _MOV_BOXES


def _is_matroska_cut(file: BinaryIO, size: int) -> bool:
    """Compare the segment, or where that was written without a length, its clusters (RFC 8794)."""
    position = 0
    while position < size:
        file.seek(position)
        head = file.read(12)
        identity, n_id = _vint(head, keeps_marker=True)
        n_bytes, n_length = _vint(head[n_id:], keeps_marker=False)
        if not n_id or not n_length:
            # A head that was cut in two; what is no element at all stands behind some files.
            return len(head) < 12 and position > 0
        is_unknown = n_bytes == (1 << 7 * n_length) - 1
        position += n_id + n_length
        if identity == _SEGMENT and is_unknown:
            continue
        if is_unknown:
            return False
        position += n_bytes
        if identity == _SEGMENT or position > size:
            return position > size
    return False


def _vint(data: bytes, *, keeps_marker: bool) -> tuple[int, int]:
    """Return a number of variable length and its length; a length of 0 if there is none."""
    length = 9 - data[0].bit_length() if data else 9
    if length > 8 or length > len(data):
        return 0, 0
    number = int.from_bytes(data[:length], "big")
    return (number if keeps_marker else number & ((1 << 7 * length) - 1)), length


def _is_avi_cut(file: BinaryIO, size: int) -> bool:
    """Go from one RIFF chunk to the next; large files have several."""
    position = 0
    while position + 12 <= size:
        file.seek(position)
        head = file.read(8)
        n_bytes = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or n_bytes == 0:
            return False
        position += 8 + n_bytes
    return position > size


def _is_flv_cut(file: BinaryIO, size: int) -> bool:
    """See whether the file ends with the length of its last tag."""
    file.seek(max(size - 4, 0))
    n_bytes = int.from_bytes(file.read(4), "big")
    if not 11 <= n_bytes <= size - 4:
        return True
    file.seek(size - 4 - n_bytes)
    head = file.read(4)
    return head[0] not in _FLV_TAGS or int.from_bytes(head[1:], "big") != n_bytes - 11


def _is_transport_stream_cut(file: BinaryIO, size: int) -> bool:
    """See whether the last packet is whole; only that much is told."""
    head = file.read(204 * _N_PACKETS_TRIED)
    for first, n_bytes in _TRANSPORT_PACKETS:
        marks = head[first::n_bytes][:_N_PACKETS_TRIED]
        if len(marks) == _N_PACKETS_TRIED and set(marks) == {_SYNC}:
            return size % n_bytes != 0
    return False


def _is_mxf_cut(file: BinaryIO, size: int) -> bool:
    """Go through what follows the footer that the header names (SMPTE ST 377-1, 7.1)."""
    head = file.read(_MXF_HEAD_BYTES)
    begin = head.find(_MXF_PARTITION)
    if begin < 0 or begin + 17 > len(head):
        return False
    # Key and length, two versions, KAG size, and the places of this and the previous partition.
    fields = begin + 16 + _ber(head[begin + 16 :])[1] + 24
    position = begin + int.from_bytes(head[fields : fields + 8], "big")
    if position <= begin:
        # An open header does not know its footer.
        return False
    if position >= size:
        return True
    while position < size:
        file.seek(position)
        head = file.read(25)
        if head[:4] != _MXF_KEY[: len(head)]:
            return False
        n_bytes, n_length = _ber(head[16:])
        if not n_length:
            return True
        position += 16 + n_length + n_bytes
    return position > size


def _ber(data: bytes) -> tuple[int, int]:
    """Return a length and how many bytes state it; 0 if they are not all there."""
    if not data or data[0] < 0x80:
        return (data[0], 1) if data else (0, 0)
    n_bytes = data[0] & 0x7F
    if len(data) < 1 + n_bytes:
        return 0, 0
    return int.from_bytes(data[1 : 1 + n_bytes], "big"), 1 + n_bytes


_LOOKS: dict[str, Callable[[BinaryIO, int], bool]] = {
    "mov": _is_mov_cut,
    "matroska": _is_matroska_cut,
    "avi": _is_avi_cut,
    "flv": _is_flv_cut,
    "mpegts": _is_transport_stream_cut,
    "mxf": _is_mxf_cut,
}
"""How each container tells, by the beginning of FFmpeg's name for it."""
