"""AVI: truncation."""

from typing import BinaryIO


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check the lengths of the RIFF chunks; large files have several."""
    position = 0
    while position + 12 <= size:
        file.seek(position)
        head = file.read(8)
        n_bytes = int.from_bytes(head[4:], "little")
        if head[:4] != b"RIFF" or n_bytes == 0:
            return False
        position += 8 + n_bytes
    return position > size
