"""Boxes of MP4 files, put in or made by hand."""

from pathlib import Path


def box(name: bytes, body: bytes) -> bytes:
    """Return a box."""
    return (8 + len(body)).to_bytes(4, "big") + name + body


def add_boxes(path: Path, entry: bytes, boxes: bytes) -> Path:
    """Put boxes at the end of a sample entry of an MP4 file whose index lies at its end."""
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
