"""Writing a copy of a file in which one audio stream is earlier or later, or retimed.

Packets are copied as they are, and only times change, but for sound that is retimed;
`core.media.plan` tells beforehand where a container needs more than that. Which streams a container
can carry is decided in `core.media.streams`, the copying is done in `core.media.packets`;
`core.media.verify` measures the result.
"""

import errno
import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from core.errors import ExportError
from core.media.containers import Layout
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.packets import copy_packets
from core.media.plan import CorrectionPlan, plan_correction
from core.media.reader import open_container
from core.media.streams import plan_streams
from core.paths import complete_or_absent, remove_left_over
from core.progress import SILENT, Monitor

log = logging.getLogger(__name__)

_ROOM_FACTOR = 1.15
"""Free space wanted, in sizes of the source: MPEG-TS may grow by a tenth."""


def check_streams(info: MediaInfo, target: Path) -> None:
    """Check that the target can carry all streams of the source that are not left out.

    Raises:
        ExportError: It cannot, or its suffix names no container that can be written.
        MediaError: The source cannot be opened.
    """
    with open_container(info.path) as reader:
        refused = plan_streams(reader, info.path, target).refused
    if refused:
        raise ExportError(refused[0], path=info.path, details="\n".join(refused))


def check_correction(info: MediaInfo, correction: Correction) -> None:
    """Check that a file has what is to be moved, and that it would not be moved out of the file.

    Raises:
        ExportError: It has not, or it would.
    """
    name = info.path.name
    known = {stream.index for stream in info.audios}
    for index in correction.audio_stream_indices:
        if index not in known:
            raise ExportError(
                f"{name} has no audio stream {index}; {info.audio_choice}.", path=info.path
            )
    if info.picture is None:
        raise ExportError(
            f"{name} has no picture that its sound could be moved against; choose a video file.",
            path=info.path,
        )
    if info.duration_s and abs(correction.audio_delay_s) >= info.duration_s:
        raise ExportError(
            f"A delay of {_seconds(correction.audio_delay_s)} is as long as {name} "
            f"({_seconds(info.duration_s)}) or longer; choose a smaller one.",
            path=info.path,
        )


def write_corrected(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    *,
    overwrite: bool = False,
    layout: Layout | None = None,
    keeps_times: bool = False,
    monitor: Monitor = SILENT,
    inspect: Callable[[Path], None] | None = None,
) -> Path:
    """Write a copy of a file in which one audio stream is shifted against everything else.

    The target appears under its name only when it is complete; the source is only read.

    Args:
        info: The probed source.
        target: Path to write; its suffix chooses the container.
        correction: What to shift and by how much.
        overwrite: Whether an existing file may be replaced.
        layout: Where MP4 and MOV get their index; at the end if None.
        keeps_times: Whether the file gets the time of change and the permissions of the source.
        monitor: Told the progress, and asked whether to go on.
        inspect: Called with the complete file before it gets its name; what this raises keeps it
            from getting that, and the file is deleted.

    Returns:
        `target`.

    Raises:
        ExportError: The correction does not fit the file, the target cannot be written there or
            in that container, or the source cannot be read to its end or changed meanwhile.
        MediaError: The source cannot be opened.
        Cancelled: The monitor says so; nothing is left behind.
    """
    check_correction(info, correction)
    try:
        _check_target(info, target, overwrite)
        remove_left_over(target.parent)
        _check_room(info, target)
        before = _identity(info)
        plan = plan_correction(info, correction, target)
        if plan.refused:
            raise ExportError(plan.refused[0], path=info.path, details="\n".join(plan.refused))
        with complete_or_absent(target) as partial:
            _write(info, partial, plan, correction, monitor, layout)
            if _identity(info) != before:
                raise ExportError(
                    f"{info.path.name} changed while it was copied; "
                    "wait until nothing writes to it and export again.",
                    path=info.path,
                )
            if inspect is not None:
                inspect(partial)
            if keeps_times:
                shutil.copystat(info.path, partial)
            # The name may have been taken in the meantime.
            _check_target(info, target, overwrite)
        _sync_folder(target.parent)
    except (FFmpegError, OSError) as error:
        raise _not_written(info, target, error) from error
    for sentence in plan.notes:
        log.info("%s", sentence)
    return target


def _write(
    info: MediaInfo,
    partial: Path,
    plan: CorrectionPlan,
    correction: Correction,
    monitor: Monitor,
    layout: Layout | None,
) -> None:
    """Write the file under its temporary name."""
    if layout is not None and not plan.streams.output.is_mp4:
        raise ExportError(
            f"The layout {layout} is one of MP4 and MOV; choose a name that ends in .mp4 or .mov.",
            path=info.path,
        )
    # FFmpeg opens the file again by its name to move the index, and takes a colon for a protocol.
    with open_container(info.path) as reader, partial.absolute().open("r+b") as file:
        copy_packets(reader, file, info, plan, correction, monitor, layout)
        file.flush()
        os.fsync(file.fileno())


def _sync_folder(folder: Path) -> None:
    """Let the new name survive a loss of power, where the system can."""
    if os.name != "posix":
        return
    # Folders that may not be read, and network drives, refuse; the file is complete all the same.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


def _seconds(seconds: Fraction | float) -> str:
    return f"{f'{abs(float(seconds)):.3f}'.rstrip('0').rstrip('.')} s"


def _check_target(info: MediaInfo, target: Path, overwrite: bool) -> None:
    if target.is_dir():
        raise ExportError(f"{target} is a folder; name a file in it.", path=target)
    if not target.parent.is_dir():
        raise ExportError(
            f"{target.name} cannot be written because the folder {target.parent} does not exist; "
            "create it or choose another.",
            path=target,
        )
    if target.exists() and target.samefile(info.path):
        raise ExportError(
            f"{target.name} is the source itself, which is never changed; choose another name.",
            path=target,
        )
    if target.exists() and not overwrite:
        raise ExportError(
            f"{target.name} exists already; choose another name or allow replacing it.",
            path=target,
        )


def _check_room(info: MediaInfo, target: Path) -> None:
    free = shutil.disk_usage(target.parent).free
    if free < _ROOM_FACTOR * info.size_bytes:
        raise ExportError(
            f"{target.name} needs {info.size_bytes / 1e6:.0f} MB but {target.parent} has "
            f"{free / 1e6:.0f} MB free; free some space or choose another drive.",
            path=target,
        )


def _identity(info: MediaInfo) -> tuple[int, int]:
    """Return size and time of change of the source, which tell whether somebody writes to it."""
    try:
        status = info.path.stat()
    except OSError as error:
        raise ExportError(
            f"{info.path.name} cannot be reached any more; check its drive and open it again.",
            path=info.path,
        ) from error
    if status.st_size != info.size_bytes:
        raise ExportError(
            f"{info.path.name} has changed since it was opened; open it again.", path=info.path
        )
    return status.st_size, status.st_mtime_ns


def _not_written(info: MediaInfo, target: Path, error: FFmpegError | OSError) -> ExportError:
    if isinstance(error, FFmpegError) and error.errno == errno.EIO:
        # Failures of the target are those of Python's files.
        return ExportError(
            f"{info.path.name} cannot be read to its end; copy it again from where it came from.",
            path=info.path,
            details=str(error),
        )
    advice = {
        errno.ENOSPC: "there is no room left; free some space or choose another drive",
        errno.EDQUOT: "your share of the drive is used up; free some space or choose another drive",
        errno.EFBIG: "the drive takes no file as large as this; choose another drive",
        errno.EACCES: f"you may not write to {target.parent}; choose another folder",
        errno.EPERM: f"you may not write to {target.parent}; choose another folder",
        errno.EROFS: f"{target.parent} is read-only; choose another folder",
        errno.ENAMETOOLONG: "the name is too long; choose a shorter one",
    }.get(error.errno or 0)
    if advice is None and isinstance(error, OSError):
        advice = "the drive reports an error; choose another drive"
    elif advice is None and target.suffix.lower() == ".mkv":
        advice = f"{info.path.name} has packets without times or of no use; export that file again"
    elif advice is None:
        advice = "its container does not take these times or streams; choose a name ending in .mkv"
    return ExportError(f"{target.name} was not written: {advice}.", path=target, details=str(error))
