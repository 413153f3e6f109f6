"""Edits of bytes that make a file odd where no muxer does."""

import struct
from collections.abc import Iterator
from pathlib import Path

PACKET = 188
SYNC = 0x47
WRAP = 1 << 33


def boxes(data: bytes | bytearray, begin: int, end: int) -> Iterator[tuple[int, bytes, int]]:
    """Begin, type and end of the boxes of an MP4 between two places."""
    while begin + 8 <= end:
        size, kind = struct.unpack_from(">I4s", data, begin)
        if size == 1:
            size = struct.unpack_from(">Q", data, begin + 8)[0]
        stop = end if size == 0 else begin + size
        yield begin, kind, stop
        begin = max(stop, begin + 8)


def box_at(data: bytes | bytearray, *path: bytes) -> tuple[int, int]:
    """Begin and end of the first box at a path of types."""
    begin, end, header = 0, len(data), 0
    for kind in path:
        inside = boxes(data, begin + header, end)
        begin, end = next((first, last) for first, found, last in inside if found == kind)
        header = 8
    return begin, end


def rename_box(path: Path, old: bytes, new: bytes) -> None:
    """Change every four-character code `old`, as a tool does that knows no such box."""
    path.write_bytes(path.read_bytes().replace(old, new))


def with_free_in_moov(path: Path) -> None:
    """Put a `free` box at the end of a `moov` that stands behind all samples."""
    data = bytearray(path.read_bytes())
    begin, end = box_at(data, b"moov")
    data[end:end] = struct.pack(">I4s", 4096, b"free") + bytes(4088)
    struct.pack_into(">I", data, begin, end - begin + 4096)
    path.write_bytes(data)


def with_large_mdat(path: Path) -> None:
    """Give `mdat` a size of 64 bits, in the place of the `free` box before it."""
    data = bytearray(path.read_bytes())
    begin, end = box_at(data, b"mdat")
    if data[begin - 4 : begin] != b"free":
        raise ValueError(f"{path.name} has no free box before its mdat")
    struct.pack_into(">I4sQ", data, begin - 8, 1, b"mdat", end - begin + 8)
    path.write_bytes(data)


def with_64_bit_offsets(path: Path) -> None:
    """Turn each `stco` into `co64`; `moov` stands behind all samples."""
    data = path.read_bytes()
    begin, end = box_at(data, b"moov")
    path.write_bytes(data[:begin] + _with_co64(data[begin:end]) + data[end:])


def _with_co64(box: bytes) -> bytes:
    kind = box[4:8]
    if kind == b"stco":
        offsets = struct.unpack(f">{(len(box) - 16) // 4}I", box[16:])
        content = box[8:16] + struct.pack(f">{len(offsets)}Q", *offsets)
        return struct.pack(">I4s", len(content) + 8, b"co64") + content
    if kind in {b"moov", b"trak", b"mdia", b"minf", b"stbl"}:
        inside = boxes(box, 8, len(box))
        content = b"".join(_with_co64(box[first:last]) for first, _, last in inside)
        return struct.pack(">I4s", len(content) + 8, kind) + content
    return box


def with_trailer(path: Path, content: bytes) -> None:
    """Append bytes of a camera's own, as Samsung's phones do."""
    path.write_bytes(path.read_bytes() + content)


def with_unknown_box(path: Path) -> None:
    """Append a box of a user's type."""
    content = bytes(range(16)) + b"private data of a camera"
    with_trailer(path, struct.pack(">I4s", len(content) + 8, b"uuid") + content)


def with_cp1251_handler(path: Path) -> None:
    """Write the name of the sound's handler in Windows' Cyrillic letters."""
    rename_box(path, b"SoundHandler", "Звукозапись!".encode("cp1251"))


def with_stray_pid(path: Path) -> None:
    """Put a packet with an identifier that no table names after every hundredth."""
    data = path.read_bytes()
    stray = bytes([SYNC, 0x1F, 0x01, 0x10]) + bytes(range(184))
    step = 100 * PACKET
    path.write_bytes(stray.join(data[at : at + step] for at in range(0, len(data), step)))


def with_null_packets(path: Path) -> None:
    """Put a null packet after every tenth, as a multiplex of constant rate has."""
    data = path.read_bytes()
    null = bytes([SYNC, 0x1F, 0xFF, 0x10]) + b"\xff" * 184
    step = 10 * PACKET
    path.write_bytes(null.join(data[at : at + step] for at in range(0, len(data), step)))


def cut_in_front(path: Path) -> None:
    """Start in the middle of a packet, as a recording of a broadcast does."""
    path.write_bytes(path.read_bytes()[PACKET * 40 + 77 :])


def cut_at_end(path: Path) -> None:
    """Lose the last tenth, as a recorder without power does."""
    data = path.read_bytes()
    path.write_bytes(data[: len(data) * 9 // 10])


def with_rows_of_204(path: Path) -> None:
    """Follow each packet by the sixteen bytes of a forward error correction."""
    data = path.read_bytes()
    packets = (data[at : at + PACKET] for at in range(0, len(data), PACKET))
    path.write_bytes(b"".join(packet + bytes(16) for packet in packets))


def joined_twice(path: Path) -> None:
    """Two recordings in one file; the clock jumps back in the middle."""
    path.write_bytes(path.read_bytes() * 2)


def with_unknown_segment_size(path: Path) -> None:
    """Forget how long a Matroska segment is."""
    data = bytearray(path.read_bytes())
    at = data.index(b"\x18\x53\x80\x67") + 4
    if data[at] != 0x01:
        raise ValueError(f"{path.name} has a short segment size")
    data[at : at + 8] = b"\x01" + b"\xff" * 7
    path.write_bytes(data)
