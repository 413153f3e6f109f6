"""Choice between a patch of the source and a file written anew."""

import io
from collections.abc import Callable, Mapping
from fractions import Fraction
from pathlib import Path
from typing import BinaryIO

from core.correction.correction import Correction
from core.media.formats.flv.patch import patch_flv
from core.media.formats.matroska.patch import patch_matroska
from core.media.formats.mp4.boxes import find_box, read_index
from core.media.formats.mp4.patch import patch_mp4
from core.media.formats.mpegts.patch import patch_mpegts
from core.media.formats.output_format import Layout, is_same_container
from core.media.formats.patch import TimePatch, Unpatchable
from core.media.info import MediaInfo
from core.media.reader import open_container
from core.progress import SILENT, Monitor

PATCHED_CONTAINERS = ("mov", "matroska", "mpegts", "flv")
"""Beginnings of FFmpeg's names of the demuxers."""


def can_patch(info: MediaInfo) -> bool:
    """Whether a delay is a patch in a container, unless the structure of the file forbids it."""
    return info.container.startswith(PATCHED_CONTAINERS)


def plan_patch(
    info: MediaInfo,
    correction: Correction,
    target: Path,
    layout: Layout | None = None,
    *,
    in_place: bool = False,
    monitor: Monitor = SILENT,
) -> TimePatch:
    """Plan a patch of the source.

    Args:
        info: The probed source.
        correction: The correction.
        target: The file to be written; the source itself for a patch in place.
        layout: Place of the index of MP4 and MOV; as in the source if None.
        in_place: Whether the source itself is patched.
        monitor: Asked whether to go on.

    Returns:
        The patch; delays are by stream index of the source.

    Raises:
        Unpatchable: The file has to be written anew, or its structure allows no patch.
        MediaError: The source cannot be opened.
        OSError: The source cannot be read.
        Cancelled: The monitor says so.
    """
    if correction.retiming is not None:
        raise Unpatchable("retimed audio is encoded again")
    if not is_same_container(info.path, target, info.container):
        raise Unpatchable(f"{target.suffix or 'that name'} is another container")
    patch = _patcher(info, layout, in_place=in_place)
    keys = _keys(info, correction.audio_stream_indices)
    delays_s = dict.fromkeys(keys.values(), correction.audio_delay_s)
    with _WatchedReader(info.path.open("rb", buffering=0), monitor) as file:
        found = patch(file, delays_s)
    of_streams = {index: found.delays_s[key] for index, key in keys.items()}
    return TimePatch(found.patch, of_streams, found.common_s, found.way, found.notes)


def _patcher(
    info: MediaInfo, layout: Layout | None, *, in_place: bool
) -> Callable[[BinaryIO, Mapping[int, Fraction]], TimePatch]:
    """Function for the container of a source.

    Raises:
        Unpatchable: There is none.
    """
    container = info.container.split(",")[0]
    match container:
        case "mov":
            return lambda file, delays_s: _patch_mp4(file, delays_s, layout, in_place=in_place)
        case "matroska":
            return lambda file, delays_s: patch_matroska(file, delays_s, in_place=in_place)
        case "mpegts":
            return lambda file, delays_s: patch_mpegts(file, delays_s, in_place=in_place)
        case "flv":
            return lambda file, delays_s: patch_flv(
                file, next(iter(delays_s.values())), in_place=in_place
            )
        case "avi" | "mxf":
            raise Unpatchable(f"{container.upper()} keeps no times of packets")
    raise Unpatchable(f"{info.path.suffix or container} files are not patched")


def _patch_mp4(
    file: BinaryIO,
    delays_s: Mapping[int, Fraction],
    layout: Layout | None,
    *,
    in_place: bool,
) -> TimePatch:
    if layout is not None:
        is_fragmented = find_box(read_index(file)[1], None, b"mvex") is not None
        if is_fragmented != (layout is Layout.FRAGMENTED):
            raise Unpatchable(f"its layout becomes {layout}")
    index_first = layout is Layout.FASTSTART
    return patch_mp4(file, delays_s, in_place=in_place, index_first=index_first)


def _keys(info: MediaInfo, stream_indices: tuple[int, ...]) -> dict[int, int]:
    """Keys of streams for the patcher: track, PID, or position among the audio streams."""
    with open_container(info.path) as reader:
        if info.container.startswith(("matroska", "flv")):
            order = [stream.index for stream in reader.streams.audio]
            return {index: order.index(index) for index in stream_indices}
        return {index: reader.streams[index].id for index in stream_indices}


class _WatchedReader(io.BufferedReader):
    """A reader that asks a monitor before each read."""

    def __init__(self, raw: io.RawIOBase, monitor: Monitor) -> None:
        super().__init__(raw)
        self._monitor = monitor

    def read(self, size: int | None = -1, /) -> bytes:
        self._monitor.check()
        return super().read(size)
