"""Verification of a patched copy: every byte against the patch, and the times as FFmpeg reads them.

Equal bytes prove that nothing else has changed. They do not prove that a player takes the new
times as they are meant. Therefore packets of both files are read by FFmpeg's demuxer, all of a
small file, and excerpts of a large one.
"""

import math
from collections import Counter
from collections.abc import Collection, Iterator, Mapping, Sequence
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
from core.media.formats.patch import ByteRange, Patch
from core.media.reader import open_container
from core.media.stream_kind import TrackKey, is_attached_picture, stream_keys
from core.progress import SILENT, ByteProgress, Monitor

_READ_WHOLE_BYTES = 48 << 20
"""Size of files to be read completely."""

_PLACES = (Fraction(0), Fraction(1, 4), Fraction(1, 2), Fraction(3, 4), Fraction(19, 20))
"""Excerpts of larger files, as shares of the duration."""

_PACKETS_PER_PLACE = 250

_MOST_READ = 20_000
"""Packets read at one place in search of those of the source."""

_INSIDE_BYTES = {"mpegts": 20}
"""Distance from the position that FFmpeg states for a packet to a byte within it: in M2TS and in
packets of 204 bytes the position is that of other bytes in front."""

PacketKey = tuple[TrackKey, int, int]
"""Stream, position in the file, and number among the packets at that position."""


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
        packets: Presentation times of packets in seconds.
    """

    time_s: Fraction | None
    packets: Mapping[PacketKey, Fraction]


@dataclass(frozen=True, slots=True)
class SourceTimes:
    """Times of a source.

    Attributes:
        keys: Keys of the streams by index. FFmpeg numbers the streams of FLV as they come.
        excerpts: Packets read at some places.
    """

    keys: Mapping[int, TrackKey]
    excerpts: tuple[Excerpt, ...]


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


def read_times(plan: CorrectionPlan, monitor: Monitor = SILENT) -> SourceTimes:
    """Read times of the source.

    Raises:
        MediaError: It cannot be opened.
        Cancelled: The monitor says so.
    """
    with open_container(plan.source.path) as reader:
        keys = {stream.index: key for key, stream in stream_keys(reader)}
        moved = {keys[index] for index in plan.correction.audio_stream_indices}
        return SourceTimes(keys, tuple(_excerpts(plan, reader, moved, monitor)))


def shift_error_s(
    plan: CorrectionPlan, source: SourceTimes, file: Path, monitor: Monitor = SILENT
) -> tuple[float, int]:
    """Read the times of a patched file and compare them with the plan.

    Args:
        plan: The plan of a patch.
        source: Times of the source.
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
    n_inside = _INSIDE_BYTES.get(plan.source.container, 0)
    common_s = plan.time_patch.common_s
    delays_s = {source.keys[index]: s for index, s in plan.time_patch.delays_s.items()}
    errors_s: dict[TrackKey, float] = {}
    n_times = 0
    with open_container(file) as copy:
        for excerpt in source.excerpts:
            wanted: dict[PacketKey, Fraction] = {}
            for (key, position, number), pts_s in excerpt.packets.items():
                target = positions.of(position + n_inside)
                if target is not None:
                    planned_s = pts_s + common_s + delays_s.get(key, Fraction(0))
                    wanted[key, target - n_inside, number] = planned_s
            starts_s = _starts_s(excerpt, common_s, delays_s.values())
            for key, error_s in _errors(wanted, starts_s, copy, monitor):
                errors_s[key] = max(errors_s.get(key, 0.0), error_s)
                n_times += 1
    if delays_s.keys() - errors_s.keys():
        return math.inf, n_times
    return max(errors_s.values(), default=math.inf), n_times


def _excerpts(
    plan: CorrectionPlan, reader: InputContainer, moved: Collection[TrackKey], monitor: Monitor
) -> Iterator[Excerpt]:
    if plan.source.size_bytes <= _READ_WHOLE_BYTES or not plan.source.duration_s:
        yield Excerpt(None, dict(_times(reader, monitor)))
        return
    start_s = Fraction(reader.start_time or 0, 1_000_000)
    for share in _PLACES:
        time_s = start_s + share * Fraction(plan.source.duration_s)
        if not _seek(reader, time_s):
            continue
        found: dict[PacketKey, Fraction] = {}
        missing = set(moved)
        for key, pts_s in _times(reader, monitor):
            found[key] = pts_s
            missing.discard(key[0])
            if (len(found) >= _PACKETS_PER_PLACE and not missing) or len(found) >= _MOST_READ:
                break
        yield Excerpt(time_s, found)


def _starts_s(
    excerpt: Excerpt, common_s: Fraction, delays_s: Collection[Fraction]
) -> list[Fraction | None]:
    """Places of a copy with the packets of an excerpt; None for the whole file."""
    if excerpt.time_s is None:
        return [None]
    # Moved packets may stand at the place of their new time.
    shifts_s = sorted({Fraction(0), *delays_s})
    return [max(excerpt.time_s + common_s + shift_s, Fraction(0)) for shift_s in shifts_s]


def _errors(
    wanted: Mapping[PacketKey, Fraction],
    starts_s: Sequence[Fraction | None],
    copy: InputContainer,
    monitor: Monitor,
) -> Iterator[tuple[TrackKey, float]]:
    """Yield stream and distance in seconds of the packets found in the copy."""
    left = dict(wanted)
    for start_s in starts_s:
        if start_s is not None and not _seek(copy, start_s):
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
    numbers: Counter[tuple[int, int]] = Counter()
    keys = {stream.index: key for key, stream in stream_keys(reader)}
    timed = [stream for stream in reader.streams if _is_timed(stream)]
    try:
        for count, packet in enumerate(reader.demux(timed)):
            if count % 256 == 0:
                monitor.check()
            if packet.pts is None or packet.pos is None or packet.pos < 0:
                continue
            place = packet.stream_index, packet.pos
            key = keys[packet.stream_index], packet.pos, numbers[place]
            numbers[place] += 1
            yield key, packet.pts * _time_base(packet)
    except (FFmpegError, OSError, IndexError):
        # Damage of the source is in its copy as well.
        # IndexError: a packet of a stream that was not there when the file was opened.
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
