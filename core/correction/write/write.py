"""Writing a copy of a file in which one audio stream is earlier or later, or retimed.

Packets are copied as they are, and only times change, but for sound that is retimed;
`plan.plan` tells beforehand where a container needs more than that. Which streams a container
can carry is decided in `compatibility.stream_plan`, whether a file can be written there in
`plan.destination`, the copying is done in `write.copy_packets`; `verify.verify` measures the
result.
"""

import logging
import os
import shutil
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from pathlib import Path

from av.error import FFmpegError

from core.correction.correction import Correction
from core.correction.plan.destination import (
    check_destination,
    check_room,
    check_target,
    identity,
    not_written,
)
from core.correction.plan.plan import CorrectionPlan, plan_correction
from core.correction.write.copy_packets import copy_packets
from core.correction.write.edit_list_plan import lead_of, open_source, source_spans, target_spans
from core.errors import ExportError
from core.media.formats.mp4_edit_lists import write_edit_lists
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.paths import complete_or_absent, remove_left_over
from core.progress import SILENT, Monitor

log = logging.getLogger(__name__)


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
    if info.video is None:
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
    check_correction(info, correction)
    remove_left_over(target.parent)
    check_destination(info, target, overwrite=overwrite, layout=layout)
    try:
        before = identity(info)
        plan = _possible_plan(info, correction, target)
        check_room(info, target, target.parent, plan.n_more_bytes)
        with complete_or_absent(target, replaces=overwrite) as partial:
            notes = list(_write(info, partial, plan, correction, monitor, layout))
            _check_unchanged(info, before)
            if inspect is not None:
                inspect(partial)
            if keeps_times:
                notes += _keep_times(info, partial, target)
            monitor.check()
            # The folder may be gone in the meantime, or the name be taken.
            check_target(info, target, overwrite)
        _sync_folder(target.parent)
    except (FFmpegError, OSError) as error:
        raise not_written(info, target, error) from error
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
    if identity(info) != before:
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
    # `shutil.copystat` would copy the flags of macOS as well, and nobody renames a locked file.
    not_taken: list[str] = []
    try:
        status = info.path.stat()
        os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
    except OSError as error:
        log.warning("%s: %s", target, error)
        not_taken.append("times")
    try:
        shutil.copymode(info.path, partial)
    except OSError as error:
        log.warning("%s: %s", target, error)
        not_taken.append("permissions")
    if not not_taken:
        return []
    return [
        f"{target.name} could not be given the {' and '.join(not_taken)} of {info.path.name}, "
        "which its drive does not take; the file itself is complete."
    ]


def _write(
    info: MediaInfo,
    partial: Path,
    plan: CorrectionPlan,
    correction: Correction,
    monitor: Monitor,
    layout: Layout | None,
) -> tuple[str, ...]:
    """Write the file under its temporary name; return what became of sound that was not kept."""
    spans = source_spans(info, plan)
    lead_s = lead_of(info, correction, plan, spans)
    # FFmpeg opens the file again by its name to move the index, and takes a colon for a protocol.
    with open_source(info, plan) as reader, partial.absolute().open("r+b") as file:
        notes = copy_packets(reader, file, info, plan, correction, monitor, layout, lead_s)
        file.flush()
        write_edit_lists(partial, target_spans(correction, plan, spans), lead_s)
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
