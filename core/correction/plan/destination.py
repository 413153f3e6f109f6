"""Checks of the place of a corrected file, and sentences on failures to write it."""

import errno
import os
import shutil
from pathlib import Path
from typing import NamedTuple

from av.error import FFmpegError

from core.errors import ExportError
from core.media.info import MediaInfo
from core.media.reader import cut_off

_ROOM_FACTOR = 1.15
"""Free space wanted, in sizes of the source: MPEG-TS may grow by a tenth."""


class FileIdentity(NamedTuple):
    """Size and modification time of a file, for finding a change to it.

    Attributes:
        size_bytes: Size.
        mtime_ns: Modification time, ns since the epoch.
    """

    size_bytes: int
    mtime_ns: int


def identity_of(source: Path) -> FileIdentity:
    """Present identity of a source.

    Raises:
        ExportError: The file cannot be reached.
    """
    try:
        status = source.stat()
    except OSError as error:
        raise ExportError(
            f"{source.name} cannot be reached any more; check its drive and open it again.",
            path=source,
        ) from error
    return FileIdentity(status.st_size, status.st_mtime_ns)


def check_destination(
    info: MediaInfo,
    target: Path,
    *,
    overwrite: bool = False,
    makes_folder: bool = False,
    n_more_bytes: int = 0,
) -> None:
    """Check the place of a file to be written, without writing.

    Args:
        info: The probed source.
        target: The file to be written.
        overwrite: Whether an existing file may be replaced.
        makes_folder: Whether a missing folder will be made.
        n_more_bytes: Upper bound of its size beyond the source's.

    Raises:
        ExportError: The file cannot be written there.
    """
    try:
        folder = target.parent
        while makes_folder and not folder.exists():
            folder = folder.absolute().parent
        if folder == target.parent or not folder.is_dir():
            check_target(info, target, overwrite)
        check_room(info, target, folder, n_more_bytes)
        _check_permission(folder)
    except OSError as error:
        raise not_written(info, target, error) from error


def check_target(info: MediaInfo, target: Path, overwrite: bool) -> None:
    """Check that a name has a folder, and is free or may be replaced.

    Raises:
        ExportError: It has none, or is taken, or is the source.
        OSError: The drive cannot be read.
    """
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
    if not overwrite and (target.exists() or target.is_symlink()):
        raise ExportError(
            f"{target.name} exists already; choose another name or allow replacing it.",
            path=target,
        )


def check_room(info: MediaInfo, target: Path, folder: Path, n_more_bytes: int = 0) -> None:
    """Check that a drive has room for a file.

    Args:
        info: The probed source.
        target: The file to be written.
        folder: A folder on its drive.
        n_more_bytes: Upper bound of its size beyond the source's.

    Raises:
        ExportError: It has not.
        OSError: The drive cannot be read.
    """
    free = shutil.disk_usage(folder).free
    if free < _ROOM_FACTOR * info.size_bytes + n_more_bytes:
        raise ExportError(
            f"{target.name} needs {(info.size_bytes + n_more_bytes) / 1e6:.0f} MB but {folder} has "
            f"{free / 1e6:.0f} MB free; free some space or choose another drive.",
            path=target,
        )


def not_written(info: MediaInfo, target: Path, error: FFmpegError | OSError) -> ExportError:
    """Error for the user after a failure to write a file."""
    if isinstance(error, FFmpegError) and error.errno == errno.EIO:
        # Failures of the target are those of Python's files.
        return cut_off(info.path, str(error))
    advice = {
        errno.ENOSPC: "there is no room left; free some space or choose another drive",
        errno.EDQUOT: "your share of the drive is used up; free some space or choose another drive",
        errno.EFBIG: "the drive takes no file as large as this; choose another drive",
        errno.EEXIST: "another file got its name meanwhile; choose another or allow replacing it",
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
        advice = "its container does not take these times or streams; choose another container"
    return ExportError(f"{target.name} was not written: {advice}.", path=target, details=str(error))


def _check_permission(folder: Path) -> None:
    if os.access(folder, os.W_OK | os.X_OK):
        return
    # Only Unix can tell a read-only drive from a lack of permission beforehand.
    is_fixed = hasattr(os, "statvfs") and os.statvfs(folder).f_flag & os.ST_RDONLY
    why = errno.EROFS if is_fixed else errno.EACCES
    raise OSError(why, os.strerror(why), str(folder))


def taken_sentence(taken: Path | str, advice: str) -> str:
    """Sentence on a taken name, with advice at its end."""
    return f"{taken} exists already; choose another name{advice}."
