"""CRC-32 of changed data from the changes alone.

The checksum is linear over GF(2): its change follows from the exclusive or of old and new bytes
and from their distance to the end. The data between need not be read.
"""

import zlib
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

_POLYNOMIAL = 0xEDB88320
"""CRC-32 of zlib, bits in reverse."""

_Numbers = NDArray[np.uint32]


def linear_crc(data: bytes) -> int:
    """Compute the checksum without its constant part, so that it is linear in the data."""
    return zlib.crc32(data) ^ zlib.crc32(bytes(len(data)))


def linear_crc_of_pairs(pairs: NDArray[np.uint16]) -> _Numbers:
    """Compute `linear_crc` of many pairs of bytes, given as big-endian numbers."""
    table = _bytewise()[0]
    states = table[pairs >> 8]
    crcs: _Numbers = table[(states ^ pairs) & 0xFF] ^ (states >> 8)
    return crcs


def shifted(states: _Numbers, distances: NDArray[np.int64]) -> _Numbers:
    """Extend the data of linear checksums by zeros.

    Args:
        states: Linear checksums.
        distances: Number of zero bytes behind the data of each, at least 0.
    """
    states = states.copy()
    bit, tables = 0, _bytewise()
    while len(distances) and int(distances.max()) >> bit:
        chosen = np.flatnonzero((distances >> bit) & 1)
        states[chosen] = _applied(tables, states[chosen])
        bit += 1
        tables = _doubled(bit)
    return states


def _applied(tables: _Numbers, states: _Numbers) -> _Numbers:
    mixed: _Numbers = tables[0][states & 0xFF] ^ tables[1][(states >> 8) & 0xFF]
    mixed ^= tables[2][(states >> 16) & 0xFF] ^ tables[3][states >> 24]
    return mixed


@lru_cache(maxsize=1)
def _bytewise() -> _Numbers:
    """Compute the states after one zero byte, by each byte of the state before; shape (4, 256)."""
    states: NDArray[np.integer] = np.arange(256, dtype=np.uint32)
    for _ in range(8):
        states = (states >> 1) ^ ((states & 1) * np.uint32(_POLYNOMIAL))
    # A zero byte pushes the other three bytes of the state down by one.
    others = [np.arange(256, dtype=np.uint32) << (8 * (index - 1)) for index in (1, 2, 3)]
    return np.stack([states, *others]).astype(np.uint32)


@lru_cache(maxsize=64)
def _doubled(bit: int) -> _Numbers:
    """Compute the tables for 2 to the power of `bit` zero bytes."""
    if not bit:
        return _bytewise()
    before = _doubled(bit - 1)
    return np.stack([_applied(before, row) for row in before])
