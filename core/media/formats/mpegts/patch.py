"""Patches of times in an MPEG transport stream (ISO/IEC 13818-1).

Times of PES packets are changed in place. Where one would fall below 0 at the beginning, all other
times and clocks are raised instead: a wrap there puts the sound a day behind the picture.
"""

from collections.abc import Collection, Iterator, Mapping
from dataclasses import dataclass, field
from fractions import Fraction
from typing import BinaryIO

import numpy as np
from numpy.typing import NDArray

from core.media.formats.mpegts.packets import (
    ADAPTATION,
    DAMAGED,
    N_PIDS,
    NULL_PID,
    PACKET_BYTES,
    SCRAMBLED,
    Chunk,
    Positions,
    Raster,
    of_pids,
    read_raster,
    scan,
)
from core.media.formats.mpegts.slots import reslotted
from core.media.formats.mpegts.tables import Program, read_programs
from core.media.formats.mpegts.times import (
    TICKS_PER_SECOND,
    WRAP,
    Fields,
    PesHeads,
    PesReader,
    Ticks,
    are_tied,
    clock_fields,
    clock_times,
    field_edits,
    original_clocks,
    pes_times,
    splice_times,
    unrolled,
    whole_fields,
    with_clock_times,
    with_pes_times,
)
from core.media.formats.patch import Edit, Patch, TimePatch, Unpatchable

_SEARCHED_BYTES = 4 << 20
"""Tables repeat at least every 0.5 s."""

_MAX_STEP = 10 * TICKS_PER_SECOND
"""Larger steps are jumps, as between joined recordings."""

_MAX_LOWEST_PID = 0x0F
"""Highest PID of tables with a fixed place."""

_MAX_LATE_MS = 20
"""Shifts up to this keep the places of packets: sound after a seek is late by no more."""

_MAX_EARLIER = 4 * TICKS_PER_SECOND
"""More sound in front of the others is more than readers search for streams."""

_MAX_MOVED = 2_000_000
"""Each moved packet takes about 300 bytes of memory."""

_LATER_NOTE = (
    "The sound keeps its place between the pictures, so after a seek it may begin up to "
    "{delay_ms} ms late."
)


@dataclass(slots=True)
class _Slots:
    """Places of the packets of a stream.

    Attributes:
        positions: Positions of sync bytes, in parts.
        are_tied: Whether a packet holds data for its place in the stream, as a clock.
    """

    positions: list[Positions] = field(default_factory=list)
    are_tied: bool = False


def patch_mpegts(
    file: BinaryIO, delays_s: Mapping[int, Fraction], *, in_place: bool = False
) -> TimePatch:
    """Move streams of a transport stream.

    Args:
        file: Stream of packets of 188, 192 or 204 bytes.
        delays_s: Exact delay in seconds by PID; rounded to 1/90000 s.
        in_place: Keep the place of all bytes.

    Raises:
        Unpatchable: The stream is damaged or scrambled, or a PID has no times.
        OSError: The file cannot be read.
    """
    raster = read_raster(file)
    ticks = {pid: round(delay * TICKS_PER_SECOND) for pid, delay in delays_s.items()}
    if any(abs(shift) >= WRAP // 2 for shift in ticks.values()):
        raise Unpatchable("the delay is beyond the 26 hours of its times")
    moved, splices, slots = _read_moved(file, raster, ticks)
    common = _common_ticks(moved, ticks)
    size = file.seek(0, 2)
    has_picture = any(program.video_pids for program in _programs(file, raster))
    edits: list[Edit] = []
    late = 0
    for pid, shift in ticks.items():
        changed = _moved_edits(moved, splices, pid, shift + common)
        if in_place or not has_picture or not _is_movable(slots[pid], shift, raster, size):
            edits += changed
            late = max(late, shift if has_picture else 0)
        else:
            own = moved.pids == pid
            starts, times = moved.packets[own], moved.times[own]
            positions = np.concatenate(slots[pid].positions)
            edits += reslotted(raster, positions, starts, times, shift, _MAX_STEP, changed)
    if common:
        edits += _raised_edits(file, raster, ticks, common)
    edits.sort(key=lambda edit: edit[:2])
    late_ms = round(1000 * late / TICKS_PER_SECOND)
    patch = Patch(size, tuple(edits))
    return TimePatch(
        patch,
        {pid: Fraction(shift, TICKS_PER_SECOND) for pid, shift in ticks.items()},
        Fraction(common, TICKS_PER_SECOND),
        f"times{' and places' if patch.n_moved_bytes else ''} of its packets",
        (_LATER_NOTE.format(delay_ms=late_ms),) if late_ms > _MAX_LATE_MS else (),
    )


def _is_movable(slots: _Slots, shift: int, raster: Raster, size: int) -> bool:
    """Whether packets should and can move to other slots."""
    last = int(slots.positions[-1][-1])
    return (
        abs(shift) > _MAX_LATE_MS * TICKS_PER_SECOND // 1000
        and shift >= -_MAX_EARLIER
        and not slots.are_tied
        and sum(map(len, slots.positions)) <= _MAX_MOVED
        and last + raster.moved_bytes <= size
        and int(slots.positions[0][0]) >= raster.stamp_bytes
    )


def _programs(file: BinaryIO, raster: Raster) -> tuple[Program, ...]:
    file.seek(0)
    return read_programs(file.read(_SEARCHED_BYTES), raster.begin, raster.step)


def _read_moved(
    file: BinaryIO, raster: Raster, pids: Collection[int]
) -> tuple[PesHeads, list[tuple[int, Fields]], dict[int, _Slots]]:
    """Headers, splice times and slots of the moved streams.

    Raises:
        Unpatchable: A stream is scrambled, damaged or without times.
    """
    wanted = np.zeros(N_PIDS, np.bool_)
    wanted[[pid for pid in pids if 0 <= pid < NULL_PID]] = True
    reader, splices = PesReader(), list[tuple[int, Fields]]()
    slots = {pid: _Slots() for pid in pids}
    for chunk in scan(file, raster, lambda heads: wanted[of_pids(heads)]):
        if (chunk.packets[:, 3] & SCRAMBLED).any():
            raise Unpatchable("its sound is scrambled")
        reader.add(chunk)
        splices += _splices(chunk)
        for pid in pids:
            own = chunk.pids == pid
            if own.any():
                slots[pid].positions.append(chunk.positions[own])
                slots[pid].are_tied |= are_tied(chunk.packets[own])
    if reader.n_scrambled:
        raise Unpatchable("its sound is scrambled")
    if reader.n_broken > reader.n_starts // 100:
        raise Unpatchable(DAMAGED)
    heads = reader.heads()
    if set(pids) - set(heads.pids.tolist()):
        raise Unpatchable("its sound has no times")
    return heads, splices, slots


def _common_ticks(moved: PesHeads, ticks: Mapping[int, int]) -> int:
    """Shift of all streams that keeps the beginning of the moved ones at 0 or later."""
    common = 0
    for pid, shift in ticks.items():
        owned = moved.pids[moved.owners] == pid
        times, firsts = unrolled(pes_times(moved.fields.contents[owned]), _MAX_STEP)
        common = max(common, -shift - int(np.minimum.reduceat(times, firsts).min()))
    return common


def _moved_edits(
    moved: PesHeads, splices: list[tuple[int, Fields]], pid: int, shift: int
) -> list[Edit]:
    """Edits of the times of a moved stream, in ascending order."""
    own = np.flatnonzero(moved.pids[moved.owners] == pid)
    fields = Fields(*(column[own] for column in moved.fields))
    edits = _shifted(fields, np.full(len(own), shift))
    extra = [
        edit
        for owner, time in splices
        if owner == pid
        for edit in _shifted(time, np.array([shift]))
    ]
    return sorted(edits + extra) if extra else edits


def _raised_edits(
    file: BinaryIO, raster: Raster, moved: Collection[int], common: int
) -> list[Edit]:
    """Edits that raise the clocks, and all streams but the moved ones.

    Raises:
        Unpatchable: Times of a stream cannot be read.
    """
    for program in _programs(file, raster):
        if program.splice_pids:
            raise Unpatchable("times of splice messages would have to move with the picture")
    reader, edits = PesReader(), list[Edit]()
    for chunk in scan(file, raster, lambda heads: of_pids(heads) != NULL_PID):
        edits += _raised_clocks(chunk, common)
        others = ~np.isin(chunk.pids, [*moved, *range(_MAX_LOWEST_PID + 1)])
        if others.any():
            rest = Chunk(chunk.positions[others], chunk.packets[others])
            reader.add(rest)
            for _, time in _splices(rest):
                edits += _shifted(time, np.array([common]))
    if reader.n_scrambled:
        raise Unpatchable("other streams in it are scrambled and would have to move")
    heads = reader.heads()
    return edits + _shifted(heads.fields, np.full(len(heads.owners), common))


def _raised_clocks(chunk: Chunk, common: int) -> Iterator[Edit]:
    """Yield edits of the PCR and OPCR in packets."""
    fields = [clock_fields(chunk)]
    with_original = (chunk.packets[:, 3] & ADAPTATION != 0) & (chunk.packets[:, 5] & 0x08 != 0)
    for row in np.flatnonzero(with_original).tolist():
        fields += [_field(chunk, row, index) for index in original_clocks(chunk.packets[row])]
    for one in fields:
        times = (clock_times(one.contents) + common) % WRAP
        yield from field_edits(one, with_clock_times(one.contents, times))


def _splices(chunk: Chunk) -> Iterator[tuple[int, Fields]]:
    """Yield PID and field of times at seamless splices."""
    packets = chunk.packets
    extended = (packets[:, 3] & ADAPTATION != 0) & (packets[:, 4] > 0) & (packets[:, 5] & 1 != 0)
    for row in np.flatnonzero(extended).tolist():
        for index in splice_times(packets[row]):
            yield int(chunk.pids[row]), _field(chunk, row, index)


def _field(chunk: Chunk, row: int, index: int) -> Fields:
    content = int.from_bytes(chunk.packets[row, index : index + 5].tobytes(), "big")
    assert index + 5 <= PACKET_BYTES
    return whole_fields(chunk.positions[[row]] + index, np.array([content], np.int64))


def _shifted(fields: Fields, shifts: NDArray[np.int64]) -> list[Edit]:
    times: Ticks = (pes_times(fields.contents) + shifts) % WRAP
    return field_edits(fields, with_pes_times(fields.contents, times))
