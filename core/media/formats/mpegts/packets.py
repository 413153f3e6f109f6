"""Packets of an MPEG transport stream (ISO/IEC 13818-1, 2.4.3), read in chunks.

Packets have 188 bytes; an arrival stamp comes before each in M2TS, a checksum behind each in
streams of 204 bytes.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import BinaryIO, NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.media.formats.patch import Unpatchable

PACKET_BYTES = 188
SYNC = 0x47
NULL_PID = 0x1FFF
N_PIDS = 1 << 13

PAYLOAD_START = 0x40
"""Bit of the second byte."""

SCRAMBLED, ADAPTATION, PAYLOAD = 0xC0, 0x20, 0x10
"""Bits of the fourth byte."""

_STEPS = (188, 192, 204)
_CHUNK_BYTES = 1 << 20
"""Stays in the cache of a processor core while it is searched."""

_RESYNC_BYTES = 1 << 16
_N_SYNCS = 8
_MIN_SYNCS = 5
"""Sync bytes in a row that prove the beginning of packets."""

_MAX_GAPS = 1000

DAMAGED = "parts of it are damaged"

Bytes = NDArray[np.uint8]
Positions = NDArray[np.int64]
Selection = Callable[[NDArray[np.uint32]], NDArray[np.bool_]]
"""Choice of packets by their first four bytes as a number."""


class Chunk(NamedTuple):
    """Selected packets in their order.

    Attributes:
        positions: Position of each sync byte in the file, shape (n,).
        packets: Their bytes without stamps and checksums, shape (n, 188).
    """

    positions: Positions
    packets: Bytes

    @property
    def pids(self) -> NDArray[np.int64]:
        """PID of each packet, shape (n,)."""
        return (self.packets[:, 1].astype(np.int64) & 0x1F) << 8 | self.packets[:, 2]


@dataclass(frozen=True, slots=True)
class Raster:
    """Places of packets.

    Attributes:
        begin: Position of the first sync byte.
        step: Distance of sync bytes in bytes: 188, 192 or 204.
    """

    begin: int
    step: int

    @property
    def stamp_bytes(self) -> int:
        """Size of the arrival stamp before each packet."""
        return 4 if self.step == 192 else 0

    @property
    def moved_bytes(self) -> int:
        """Size of a packet with its checksum, without its arrival stamp."""
        return self.step - self.stamp_bytes


def read_raster(file: BinaryIO) -> Raster:
    """Find the packets at the beginning of a file.

    Raises:
        Unpatchable: There are no `_MIN_SYNCS` sync bytes in a row.
    """
    file.seek(0)
    content = file.read((_MIN_SYNCS + 1) * max(_STEPS))
    for step in _STEPS:
        for begin in range(step):
            if content[begin : begin + _MIN_SYNCS * step : step] == bytes([SYNC]) * _MIN_SYNCS:
                return Raster(begin, step)
    raise Unpatchable("no packets of a transport stream are found at its beginning")


def scan(file: BinaryIO, raster: Raster, select: Selection) -> Iterator[Chunk]:
    """Yield selected packets of a whole file.

    Raises:
        Unpatchable: Packets are lost and not found again for certain.
    """
    step, position, n_gaps = raster.step, raster.begin, 0
    n_max = _CHUNK_BYTES // step
    buffer = np.zeros((n_max + 1) * step, np.uint8)
    view = buffer[: n_max * step].data
    rows = buffer[: n_max * step].reshape(n_max, step)
    while True:
        file.seek(position)
        n_bytes = _fill(file, view)
        n_whole = min(n_max, (n_bytes - PACKET_BYTES) // step + 1)
        if n_whole <= 0:
            return
        heads = np.ascontiguousarray(rows[:n_whole, :4]).view(">u4")[:, 0].astype(np.uint32)
        lost = heads >> 24 != SYNC
        n_found = int(np.argmax(lost)) if lost.any() else n_whole
        chosen = np.flatnonzero(select(heads[:n_found]))
        if len(chosen):
            yield Chunk(position + chosen * step, rows[chosen, :PACKET_BYTES])
        position += n_found * step
        if n_found < n_whole:
            n_gaps += 1
            if n_gaps > _MAX_GAPS:
                raise Unpatchable(DAMAGED)
            position = _found_again(file, position, step)


def of_pids(heads: NDArray[np.uint32]) -> NDArray[np.uint32]:
    """PIDs of packets from their first four bytes."""
    return heads >> np.uint32(8) & np.uint32(0x1FFF)


def payload_starts(packets: Bytes) -> NDArray[np.int64]:
    """Index of the first byte of payload in each packet; 188 if it has none."""
    starts = np.where(packets[:, 3] & ADAPTATION, 5 + packets[:, 4].astype(np.int64), 4)
    starts[packets[:, 3] & PAYLOAD == 0] = PACKET_BYTES
    return np.minimum(starts, PACKET_BYTES)


def _fill(file: BinaryIO, view: memoryview) -> int:
    """Read into a buffer up to its end or the end of the file; the number of read bytes."""
    n_bytes = 0
    while n_bytes < len(view):
        n_read = file.readinto(view[n_bytes:])  # type: ignore[attr-defined]
        if not n_read:
            break
        n_bytes += n_read
    return n_bytes


def _found_again(file: BinaryIO, position: int, step: int) -> int:
    """Position of the next sync byte behind lost ones.

    Raises:
        Unpatchable: None is near, or several places are possible.
    """
    file.seek(position)
    content = np.frombuffer(file.read(_RESYNC_BYTES + _N_SYNCS * step), np.uint8)
    n_syncs = min(_N_SYNCS, len(content) // step)
    if n_syncs < _MIN_SYNCS:
        raise Unpatchable(DAMAGED)
    syncs = content == SYNC
    n_places = len(content) - (n_syncs - 1) * step
    begins = syncs[:n_places].copy()
    for i in range(1, n_syncs):
        begins &= syncs[i * step : i * step + n_places]
    places = np.flatnonzero(begins)
    if not len(places) or (len(places) > 1 and places[1] - places[0] < step):
        raise Unpatchable(DAMAGED)
    return position + int(places[0])
