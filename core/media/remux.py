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
from core.media.containers import Layout, output_format
from core.media.correction import Correction
from core.media.edit_lists import hide_heads
from core.media.info import MediaInfo
from core.media.packets import copy_packets, hidden_heads_s
from core.media.plan import CorrectionPlan, plan_correction
from core.media.reader import open_container
from core.media.streams import plan_streams
from core.paths import complete_or_absent
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


def check_writable(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    *,
    overwrite: bool = False,
    layout: Layout | None = None,
) -> None:
    """Check all that a look at both places tells, as `write_corrected` does first.

    Raises:
        ExportError: The file cannot be written so.
        OSError: The target's folder cannot be looked at.
    """
    check_correction(info, correction)
    _check_target(info, target, overwrite)
    if layout is not None and not output_format(target, info.container).is_mp4:
        raise ExportError(
            f"The layout {layout} is one of MP4 and MOV; choose a name that ends in .mp4 or .mov.",
            path=target,
        )
    _check_room(info, target)


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
    tell: Callable[[str], None] | None = None,
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
        tell: Called with a sentence for each thing that could not be kept although the file is
            complete: damaged sound, permissions that the drive does not take.

    Returns:
        `target`.

    Raises:
        ExportError: The correction does not fit the file, the target cannot be written there or
            in that container, or the source cannot be read to its end or changed meanwhile.
        MediaError: The source cannot be opened.
        Cancelled: The monitor says so; nothing is left behind.
    """
    try:
        check_writable(info, target, correction, overwrite=overwrite, layout=layout)
        before = _identity(info)
        plan = _possible_plan(info, correction, target)
        with complete_or_absent(target) as partial:
            notes = list(_write(info, partial, plan, correction, monitor, layout))
            _check_unchanged(info, before)
            if inspect is not None:
                inspect(partial)
            if keeps_times:
                notes += _keep_times(info, partial, target)
            # The name may have been taken in the meantime.
            _check_target(info, target, overwrite)
        _sync_folder(target.parent)
    except (FFmpegError, OSError) as error:
        raise _not_written(info, target, error) from error
    for sentence in plan.notes:
        log.info("%s", sentence)
    for sentence in notes:
        log.warning("%s", sentence)
        if tell is not None:
            tell(sentence)
    return target


def _possible_plan(info: MediaInfo, correction: Correction, target: Path) -> CorrectionPlan:
    plan = plan_correction(info, correction, target)
    if plan.refused:
        raise ExportError(plan.refused[0], path=info.path, details="\n".join(plan.refused))
    return plan


def _check_unchanged(info: MediaInfo, before: tuple[int, int]) -> None:
    """Check that nobody wrote to the source since it had that identity."""
    if _identity(info) != before:
        raise ExportError(
            f"{info.path.name} changed while it was copied; "
            "wait until nothing writes to it and export again.",
            path=info.path,
        )


def _keep_times(info: MediaInfo, partial: Path, target: Path) -> list[str]:
    """Copy times and permissions; say what the drive does not take.

    Drives of other systems (FAT, network shares) have no permissions; that is no reason to lose a
    finished file.
    """
    try:
        shutil.copystat(info.path, partial)
    except OSError as error:
        log.warning("%s: %s", target, error)
        kept = "the permissions"
        try:
            status = info.path.stat()
            os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
        except OSError:
            kept = "the times and permissions"
        return [
            f"{target.name} could not be given {kept} of {info.path.name}, which its drive does "
            "not take; the file itself is complete."
        ]
    return []


def _write(
    info: MediaInfo,
    partial: Path,
    plan: CorrectionPlan,
    correction: Correction,
    monitor: Monitor,
    layout: Layout | None,
) -> tuple[str, ...]:
    """Write the file under its temporary name; return what became of sound that was not kept."""
    # FFmpeg opens the file again by its name to move the index, and takes a colon for a protocol.
    heads_s = hidden_heads_s(info, correction, plan)
    with open_container(info.path) as reader, partial.absolute().open("xb") as file:
        notes = copy_packets(reader, file, info, plan, correction, monitor, layout, heads_s)
        file.flush()
        copied = {item.index for item in plan.streams.copied}
        sounds = [audio.index for audio in info.audios if audio.index in copied]
        hide_heads(partial, {sounds.index(index): head_s for index, head_s in heads_s.items()})
        os.fsync(file.fileno())
    return notes


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
