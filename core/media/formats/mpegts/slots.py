"""New places for the packets of one stream among all others in an MPEG transport stream.

A stream keeps the places of its packets, its slots. Packets move as wholes to the slots of another
time, so that sound and picture of one time stay side by side. Left slots become null packets.
"""

from bisect import bisect_left
from collections.abc import Iterator, Sequence

import numpy as np
from numpy.typing import NDArray

from core.media.formats.mpegts.packets import NULL_PID, PACKET_BYTES, SYNC, Positions, Raster
from core.media.formats.mpegts.times import WRAP, Ticks
from core.media.formats.patch import ByteRange, Edit

_NULL_HEAD = bytes([SYNC]) + NULL_PID.to_bytes(2, "big") + b"\x10"


def reslotted(
    raster: Raster,
    slots: Positions,
    starts: Positions,
    times: Ticks,
    shift: int,
    max_step: int,
    literals: Sequence[Edit],
) -> list[Edit]:
    """Edits that move the packets of a stream to the slots of their new times.

    Args:
        raster: Places of all packets.
        slots: Positions of the packets of the stream, shape (n,).
        starts: Positions of those with the beginning of a PES packet, shape (m,).
        times: Time of each PES packet in ticks before the shift, shape (m,).
        shift: Shift against the other streams in ticks.
        max_step: Largest step of times without a jump in ticks.
        literals: Edits within packets of the stream.

    Returns:
        Edits in ascending order, with `literals` at their new places.
    """
    n_before, targets = _targets(slots, starts, times, shift, max_step)
    begins = [edit.begin for edit in literals]
    size, stamp = raster.moved_bytes, raster.stamp_bytes
    places = slots.tolist()

    def content(i: int) -> Iterator[bytes | ByteRange]:
        begin, end = places[i], places[i] + size
        for k in range(bisect_left(begins, begin), bisect_left(begins, end)):
            yield ByteRange(begin, literals[k].begin)
            yield literals[k].content
            begin = literals[k].end
        yield ByteRange(begin, end)

    def inserted(at: int, i: int, stamped: int) -> Iterator[Edit]:
        if stamp:
            yield Edit(at, at, ByteRange(stamped - stamp, stamped))
        for piece in content(i):
            yield Edit(at, at, piece)

    edits: list[Edit] = []
    for i in range(n_before):
        edits += inserted(places[0] - stamp, i, places[0])
    null = _NULL_HEAD.ljust(PACKET_BYTES, b"\xff").ljust(size, b"\0")
    packets = iter(zip(range(n_before, len(slots)), targets.tolist(), strict=True))
    i, target = next(packets, (0, len(slots)))
    for slot, begin in enumerate(places):
        if slot != target:
            edits.append(Edit(begin, begin + size, null))
            continue
        for piece in content(i):
            n_bytes = len(piece) if isinstance(piece, bytes) else piece.end - piece.begin
            if piece != (begin, begin + n_bytes):
                edits.append(Edit(begin, begin + n_bytes, piece))
            begin += n_bytes
        i, target = next(packets, (0, len(slots)))
    n_within = int((targets < len(slots)).sum())
    for i in range(n_before + n_within, len(slots)):
        edits += inserted(places[-1] + size, i, places[-1])
    return list(_merged(edit for edit in edits if edit.n_bytes))


def _targets(
    slots: Positions, starts: Positions, times: Ticks, shift: int, max_step: int
) -> tuple[int, NDArray[np.int64]]:
    """Number of packets before the first slot, and the slot of each other packet.

    Slots from `len(slots)` on lie behind the last one.
    """
    firsts = np.searchsorted(slots, starts)
    steps = (np.diff(times) + WRAP // 2) % WRAP - WRAP // 2
    steps[(steps < 0) | (steps > max_step)] = 0
    axis = np.concatenate(([0], np.cumsum(steps)))
    ends = np.append(axis[1:], axis[-1] + (np.median(steps) if len(steps) else 0))
    n_early = int((ends + shift <= 0).sum())
    bounds = np.append(firsts, len(slots))
    n_before = int(bounds[n_early]) if n_early else 0
    sizes = np.diff(bounds)
    # Rounded up to whole PES packets: a seek between two parts of one would lose it.
    wanted = bounds[np.searchsorted(axis, axis + shift)] - firsts
    lead = np.concatenate((np.full(firsts[0], wanted[0]), np.repeat(wanted, sizes)))
    numbers = np.arange(len(slots))
    lead = np.maximum(lead, -numbers)[n_before:]
    if not len(lead):
        return n_before, lead
    return n_before, numbers[n_before:] + np.maximum.accumulate(lead)


def _merged(edits: Iterator[Edit]) -> Iterator[Edit]:
    """Yield edits with neighbours of contiguous content joined."""
    last: Edit | None = None
    for edit in edits:
        if last is not None and last.end == edit.begin:
            before, after = last.content, edit.content
            is_insertion = (last.begin == last.end, edit.begin == edit.end)
            if (
                isinstance(before, ByteRange)
                and isinstance(after, ByteRange)
                and before.end == after.begin
                and is_insertion[0] == is_insertion[1]
            ):
                last = Edit(last.begin, edit.end, ByteRange(before.begin, after.end))
                continue
        if last is not None:
            yield last
        last = edit
    if last is not None:
        yield last
