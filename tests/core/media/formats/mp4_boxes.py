"""Boxes of MP4 files: made, added, listed. The walker is the product's; FFmpeg checks the files."""

from pathlib import Path

from core.media.formats.mp4.boxes import boxes_in, file_boxes


def box(name: bytes, body: bytes) -> bytes:
    """Make a box."""
    return (8 + len(body)).to_bytes(4, "big") + name + body


def contents(content: bytes) -> list[tuple[bytes, bytes]]:
    """List names and contents of boxes in a row."""
    return [(found.name, content[found.begin : found.end]) for found in boxes_in(content)]


def fragment_positions(path: Path) -> list[int]:
    """List the positions of the fragments of a file, in bytes."""
    with path.open("rb") as file:
        return [found.begin - 8 for found in file_boxes(file) if found.name == b"moof"]


def add_boxes(path: Path, entry: bytes, boxes: bytes) -> Path:
    """Add boxes to the end of a sample entry; the index must be at the end of the file."""
    content = bytearray(path.read_bytes())
    position = content.index(entry, content.index(b"moov"))
    end = position - 4 + int.from_bytes(content[position - 4 : position], "big")
    for name in (b"moov", b"trak", b"mdia", b"minf", b"stbl", b"stsd", entry):
        at = content.rindex(name, 0, position + 4) - 4
        size = int.from_bytes(content[at : at + 4], "big") + len(boxes)
        content[at : at + 4] = size.to_bytes(4, "big")
    content[end:end] = boxes
    path.write_bytes(content)
    return path
