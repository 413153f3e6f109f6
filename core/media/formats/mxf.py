"""MXF (SMPTE ST 377-1): truncation."""

from typing import BinaryIO

_SEARCHED_BYTES = 1 << 16
_KEY = bytes.fromhex("060e2b34")
_KEY_BYTES = 16
_PARTITION = bytes.fromhex("060e2b34020501010d010201")


def is_truncated(file: BinaryIO, size: int) -> bool:
    """Check the lengths of the packets after the footer named in the header (7.1)."""
    head = file.read(_SEARCHED_BYTES)
    begin = head.find(_PARTITION)
    if begin < 0 or begin + _KEY_BYTES + 1 > len(head):
        return False
    # Key and length, two versions, KAG size, positions of this and the previous partition.
    fields = begin + _KEY_BYTES + _length(head[begin + _KEY_BYTES :])[1] + 24
    position = begin + int.from_bytes(head[fields : fields + 8], "big")
    if position <= begin:
        # An open header does not know its footer.
        return False
    if position >= size:
        return True
    while position < size:
        file.seek(position)
        head = file.read(25)
        if head[:4] != _KEY[: len(head)]:
            return False
        n_bytes, n_length_bytes = _length(head[_KEY_BYTES:])
        if not n_length_bytes:
            return True
        position += _KEY_BYTES + n_length_bytes + n_bytes
    return position > size


def _length(content: bytes) -> tuple[int, int]:
    """Parse a BER length.

    Returns:
        The length and its own size in bytes; the size is 0 if it is incomplete.
    """
    if not content or content[0] < 0x80:
        return (content[0], 1) if content else (0, 0)
    n_bytes = content[0] & 0x7F
    if len(content) < 1 + n_bytes:
        return 0, 0
    return int.from_bytes(content[1 : 1 + n_bytes], "big"), 1 + n_bytes
