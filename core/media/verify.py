"""Measuring a corrected file against its source: the same packets, and only one stream moved."""

import hashlib
import math
import time
from array import array
from collections import Counter
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import av
import numpy as np
from av.container import InputContainer
from av.error import FFmpegError
from av.stream import AttachmentStream, DataStream, Stream
from numpy.typing import NDArray

from core.errors import ExportError
from core.media.correction import Correction
from core.media.essence import essence
from core.media.info import MediaInfo
from core.media.reader import open_container
from core.media.streams import is_picture, plan_streams
from core.progress import SILENT, Monitor, Progress

ACCEPTED_ERROR_S = 0.001
"""One tick of Matroska, the coarsest of the containers that are written."""

_NO_TEXT = b"\0\0"
"""What fills the gaps between subtitles in MP4; the muxer adds one at the end."""

_CHECK_EVERY_PACKETS = 32
_REPORT_EVERY_S = 0.1

_Key = tuple[str, int]
"""A stream as it is found again in another container: its kind, and its number among that kind."""


@dataclass(frozen=True, slots=True)
class Verification:
    """What a corrected file was found to be.

    Attributes:
        packets_equal: Whether each copied stream holds the same coded data in the same order.
        shift_error_s: Largest distance of a presentation time from where it should be, in seconds,
            over all streams; a shift common to all streams does not count.
        lost_streams: Names of the streams that should have been copied and are missing. Data
            streams, which are never copied, are not among them (`core.media.remux`).
    """

    packets_equal: bool
    shift_error_s: float
    lost_streams: tuple[str, ...]

    @property
    def passed(self) -> bool:
        return (
            self.packets_equal and self.shift_error_s <= ACCEPTED_ERROR_S and not self.lost_streams
        )


@dataclass(slots=True)
class _Track:
    """The content of one stream.

    Times are kept against the number of bytes before a packet, not against its number: readers cut
    uncompressed sound into packets as they like.
    """

    name: str
    index: int
    n_bytes: int = 0
    digest: hashlib.blake2b = field(default_factory=hashlib.blake2b)
    offsets: "array[int]" = field(default_factory=lambda: array("q"))
    times_s: "array[float]" = field(default_factory=lambda: array("d"))

    def add(self, payload: bytes, time_s: float | None, *, has_frames: bool) -> None:
        if has_frames:
            self.digest.update(len(payload).to_bytes(8, "big"))
        self.digest.update(payload)
        if time_s is not None:
            self.offsets.append(self.n_bytes)
            self.times_s.append(time_s)
        self.n_bytes += len(payload)


def verify_corrected(
    source: MediaInfo, target: Path, correction: Correction, monitor: Monitor = SILENT
) -> Verification:
    """Read a source and its corrected copy again and compare them packet by packet.

    Args:
        source: The probed source.
        target: What `write_corrected` made of it.
        correction: The correction that was asked for.
        monitor: Told the progress, and asked whether to go on.

    Raises:
        ExportError: One of the files cannot be read to its end.
        MediaError: One of the files cannot be opened.
        Cancelled: The monitor says so.
    """
    with open_container(source.path) as reader, _open_unedited(target) as copy:
        progress = _Progress(monitor, reader.size + copy.size)
        copied = {item.index for item in plan_streams(reader, source.path, target).copied}
        wraps = reader.format.name != copy.format.name
        wanted = _tracks(reader, source.path, copied, progress, wraps=wraps)
        found = _tracks(copy, target, range(len(copy.streams)), progress, wraps=wraps)
    lost = tuple(track.name for key, track in wanted.items() if key not in found)
    kept = {key: track for key, track in wanted.items() if key in found}
    return Verification(
        packets_equal=all(t.digest.digest() == found[k].digest.digest() for k, t in kept.items()),
        shift_error_s=_shift_error_s(kept, found, correction),
        lost_streams=lost,
    )


def _open_unedited(path: Path) -> InputContainer:
    """Open a file so that sound before time zero, which an edit list hides, is read as well."""
    open_container(path).close()
    return av.open(str(path.absolute()), options={"advanced_editlist": "0"})


class _Progress:
    def __init__(self, monitor: Monitor, n_bytes: int) -> None:
        self._monitor = monitor
        self._n_bytes = max(n_bytes, 1)
        self._n_done = 0
        self._n_packets = 0
        self._reported_s = -math.inf

    def add(self, n_bytes: int) -> None:
        self._n_done += n_bytes
        self._n_packets += 1
        if self._n_packets % _CHECK_EVERY_PACKETS:
            return
        self._monitor.check()
        if time.monotonic() - self._reported_s >= _REPORT_EVERY_S:
            self._reported_s = time.monotonic()
            share = min(self._n_done / self._n_bytes, 1.0)
            self._monitor.report(Progress("Checking the corrected file", share))


def _tracks(
    reader: InputContainer,
    path: Path,
    indices: Collection[int],
    progress: _Progress,
    *,
    wraps: bool,
) -> Mapping[_Key, _Track]:
    """Read streams to their end.

    Args:
        reader: The opened file.
        path: The file, for messages.
        indices: Streams to read; data streams are passed over.
        progress: Told of each packet.
        wraps: Whether the other file frames packets in another way.

    Raises:
        ExportError: The file cannot be read to its end.
    """
    tracks = _empty_tracks(reader, path, indices)
    by_index = {track.index: track for track in tracks.values()}
    try:
        for packet in reader.demux([reader.streams[index] for index in by_index]):
            # Nothing but the flush packets at the end is empty.
            if packet.size == 0:
                continue
            stream = packet.stream
            payload = essence(bytes(packet), stream) if wraps else bytes(packet)
            if stream.type == "subtitle" and payload == _NO_TEXT:
                continue
            time_s = None if packet.pts is None else float(packet.pts * packet.time_base)
            by_index[stream.index].add(payload, time_s, has_frames=not _is_uncompressed(stream))
            progress.add(packet.size)
    except (FFmpegError, OSError) as error:
        raise ExportError(
            f"{path.name} cannot be read back to its end; export it again to another drive.",
            path=path,
            details=str(error),
        ) from error
    return tracks


def _empty_tracks(
    reader: InputContainer, path: Path, indices: Collection[int]
) -> dict[_Key, _Track]:
    tracks: dict[_Key, _Track] = {}
    numbers: Counter[str] = Counter()
    for stream in reader.streams:
        if stream.index not in indices or isinstance(stream, DataStream):
            continue
        kind = "picture" if is_picture(stream) else stream.type
        track = _Track(f"{path.name}, stream {stream.index} ({kind})", stream.index)
        tracks[kind, numbers[kind]] = track
        numbers[kind] += 1
        if isinstance(stream, AttachmentStream):
            track.add(stream.data, None, has_frames=True)
    return tracks


def _is_uncompressed(stream: Stream) -> bool:
    return stream.codec_context.codec.canonical_name.startswith("pcm_")


def _shift_error_s(
    wanted: Mapping[_Key, _Track], found: Mapping[_Key, _Track], correction: Correction
) -> float:
    moved: list[NDArray[np.float64]] = []
    still: list[NDArray[np.float64]] = []
    for key, track in wanted.items():
        if key[0] not in {"video", "audio"} or not track.times_s or not found[key].times_s:
            continue
        before = np.interp(found[key].offsets, track.offsets, track.times_s)
        shifts = np.asarray(found[key].times_s) - before
        (moved if track.index == correction.audio_stream_index else still).append(shifts)
    if not moved or not still:
        return math.inf
    others = np.concatenate(still)
    # Ticks of the target round each time, up and down alike.
    common_s = (others.min() + others.max()) / 2
    error_s = np.abs(np.concatenate(moved) - common_s - float(correction.audio_delay_s)).max()
    return float(max(error_s, np.abs(others - common_s).max()))
