"""Verification of a patched copy: every byte against the patch, and the times as FFmpeg reads them.

Equal bytes prove that nothing else has changed. They do not prove that a player takes the new
times as they are meant. Therefore packets of both files are read by FFmpeg's demuxer, all of a
small file, and excerpts of a large one.
"""

import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from fractions import Fraction
from hashlib import blake2b
from pathlib import Path
from typing import BinaryIO

from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import AttachmentStream, Stream

from core.correction.plan.plan import CorrectionPlan
from core.correction.write.patched_file import Positions, read_patched
from core.media.formats.patch import ByteRange, Patch, TimePatch
from core.media.reader import open_container
from core.media.stream_kind import is_attached_picture
from core.progress import SILENT, ByteProgress, Monitor

_READ_WHOLE_BYTES = 48 << 20
"""Size of files to be read completely."""

_PLACES = (Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(19, 20))
"""Excerpts of larger files, as shares of the duration."""

_PACKETS_PER_PLACE = 250

_MOST_READ = 20_000
"""Packets read at one place in search of those of the source."""

PacketKey = tuple[int, int, int]
"""Stream, position in the patched file, and number among the packets at that position."""


@dataclass(frozen=True, slots=True)
class PatchCheck:
    """Comparison of a patched copy with its source.

    Attributes:
        n_bytes: Size of the copy.
        n_new_bytes: Bytes from elsewhere than the source.
        n_moved_bytes: Bytes of the source at another place among the others.
        n_ranges: Number of replaced ranges.
        is_equal: Whether every byte is as the patch says.
        n_times: Number of packets with a compared time.
    """

    n_bytes: int
    n_new_bytes: int
    n_moved_bytes: int
    n_ranges: int
    is_equal: bool
    n_times: int


@dataclass(frozen=True, slots=True)
class Excerpt:
    """Packets of the source from one place.

    Attributes:
        time_s: The place in seconds on the container's timeline; None for the whole file.
        packets: Stream, position, number there, and presentation time in seconds.
    """

    time_s: Fraction | None
    packets: Mapping[PacketKey, Fraction]


def check_bytes(source: Path, patch: Patch, file: Path, monitor: Monitor = SILENT) -> bool:
    """Compare every byte of a copy with its source and the patch.

    Args:
        source: The source.
        patch: The patch.
        file: The copy.
        monitor: Told the progress, and asked whether to go on.

    Raises:
        ExportError: The source ends early.
        OSError: A file cannot be read.
        Cancelled: The monitor says so.
    """
    progress = ByteProgress(monitor, "Checking the corrected file", patch.n_bytes)
    with source.open("rb", buffering=0) as reader, file.open("rb") as copy:
        for wanted in read_patched(patch, reader):
            monitor.check()
            progress.add(len(wanted))
            if copy.read(len(wanted)) != wanted:
                return False
        return not copy.read(1)


def kept_digest(patch: Patch, file: Path) -> str:
    """BLAKE2b of all bytes of a patched copy outside the new ones, in their order there.

    Raises:
        OSError: The file cannot be read.
    """
    digest = blake2b()
    with file.open("rb") as copy:
        for piece in patch.pieces():
            n_bytes = len(piece) if isinstance(piece, bytes) else piece.end - piece.begin
            for content in _chunks(copy, n_bytes):
                if isinstance(piece, ByteRange):
                    digest.update(content)
    return digest.hexdigest()


def read_times(plan: CorrectionPlan, monitor: Monitor = SILENT) -> tuple[Excerpt, ...]:
    """Read times of the source.

    Raises:
        MediaError: It cannot be opened.
        Cancelled: The monitor says so.
    """
    with open_container(plan.source.path) as reader:
        return tuple(_excerpts(plan, reader, monitor))


def shift_error_s(
    plan: CorrectionPlan, excerpts: Sequence[Excerpt], file: Path, monitor: Monitor = SILENT
) -> tuple[float, int]:
    """Read the times of a patched file and compare them with the plan.

    Args:
        plan: The plan of a patch.
        excerpts: Times of the source.
        file: The patched file.
        monitor: Asked whether to go on.

    Returns:
        The largest distance of a packet from its planned time in seconds, infinite if none of a
        moved stream was found, and the number of compared packets.

    Raises:
        MediaError: The file cannot be opened.
        Cancelled: The monitor says so.
    """
    assert plan.time_patch is not None
    positions = Positions(plan.time_patch.patch)
    errors_s: dict[int, float] = {}
    n_times = 0
    with open_container(file) as copy:
        for excerpt in excerpts:
            wanted = _wanted_times(excerpt, positions, plan.time_patch)
            for index, error_s in _errors(wanted, excerpt, plan.time_patch, copy, monitor):
                errors_s[index] = max(errors_s.get(index, 0.0), error_s)
                n_times += 1
    if plan.time_patch.delays_s.keys() - errors_s.keys():
        return math.inf, n_times
    return max(errors_s.values(), default=math.inf), n_times


def _excerpts(plan: CorrectionPlan, reader: InputContainer, monitor: Monitor) -> Iterator[Excerpt]:
    if plan.source.size_bytes <= _READ_WHOLE_BYTES or not plan.source.duration_s:
        yield Excerpt(None, dict(_times(reader, monitor)))
        return
    start_s = Fraction(reader.start_time or 0, 1_000_000)
    for share in _PLACES:
        time_s = start_s + share * Fraction(plan.source.duration_s)
        if not _seek(reader, time_s):
            continue
        found: dict[PacketKey, Fraction] = {}
        moved = plan.time_patch.delays_s.keys() if plan.time_patch else set()
        for key, pts_s in _times(reader, monitor):
            found[key] = pts_s
            seen = {index for index, _, _ in found}
            if (len(found) >= _PACKETS_PER_PLACE and moved <= seen) or len(found) >= _MOST_READ:
                break
        yield Excerpt(time_s, found)


def _wanted_times(
    excerpt: Excerpt, positions: Positions, time_patch: TimePatch
) -> dict[PacketKey, Fraction]:
    """Planned times of the packets of an excerpt, by their place in the copy."""
    wanted: dict[PacketKey, Fraction] = {}
    for (index, position, number), pts_s in excerpt.packets.items():
        target = positions.of(position)
        if target is not None:
            delay_s = time_patch.delays_s.get(index, Fraction(0)) + time_patch.common_s
            wanted[index, target, number] = pts_s + delay_s
    return wanted


def _errors(
    wanted: dict[PacketKey, Fraction],
    excerpt: Excerpt,
    time_patch: TimePatch,
    copy: InputContainer,
    monitor: Monitor,
) -> Iterator[tuple[int, float]]:
    """Yield stream and distance in seconds of the packets found in the copy."""
    starts_s: list[Fraction | None] = [None]
    if excerpt.time_s is not None:
        # Moved packets may stand at the place of their new time.
        common_s = time_patch.common_s
        shifts_s = {Fraction(0), *time_patch.delays_s.values()}
        starts_s = [excerpt.time_s + common_s + shift_s for shift_s in sorted(shifts_s)]
    left = dict(wanted)
    for start_s in starts_s:
        if start_s is not None and not _seek(copy, max(start_s, Fraction(0))):
            continue
        for n_read, (key, pts_s) in enumerate(_times(copy, monitor)):
            if key in left:
                yield key[0], abs(float(pts_s - left.pop(key)))
            if not left or (start_s is not None and n_read >= 4 * len(wanted)):
                break


def _seek(reader: InputContainer, time_s: Fraction) -> bool:
    try:
        reader.seek(round(time_s * 1_000_000))
    except (FFmpegError, OSError):
        return False
    return True


def _times(reader: InputContainer, monitor: Monitor) -> Iterator[tuple[PacketKey, Fraction]]:
    """Yield the packets of timed streams with their presentation time in seconds."""
    numbers: dict[tuple[int, int], int] = {}
    timed = [stream for stream in reader.streams if _is_timed(stream)]
    try:
        for count, packet in enumerate(reader.demux(timed)):
            if count % 256 == 0:
                monitor.check()
            if packet.pts is None or packet.pos is None or packet.pos < 0:
                continue
            place = packet.stream_index, packet.pos
            number = numbers.get(place, 0)
            numbers[place] = number + 1
            yield (*place, number), packet.pts * _time_base(packet)
    except (FFmpegError, OSError):
        # Damage of the source is in its copy as well.
        return


def _time_base(packet: "Packet[Stream]") -> Fraction:
    return packet.time_base or Fraction(1)


def _is_timed(stream: Stream) -> bool:
    return not isinstance(stream, AttachmentStream) and not is_attached_picture(stream)


def _chunks(file: BinaryIO, n_bytes: int) -> Iterator[bytes]:
    """Yield the next bytes of a file in chunks."""
    while n_bytes > 0 and (content := file.read(min(n_bytes, 1 << 22))):
        yield content
        n_bytes -= len(content)
