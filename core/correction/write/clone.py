"""Copying of bytes between files, by the file system where it can.

A clone shares its blocks with the source and takes no time (Btrfs, XFS, bcachefs, APFS, ReFS).
Elsewhere the system copies without passing the bytes through this process, and holes of sparse
files stay holes.
"""

import ctypes
import errno
import os
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import BinaryIO

from core.media.reader import cut_off

if sys.platform == "linux":
    import fcntl

_FICLONE = 0x40049409
"""Request of ioctl_ficlone(2)."""

_STEP_BYTES = 32 << 20
# fmt: off
_UNSUPPORTED = frozenset({
    errno.EXDEV, errno.EINVAL, errno.ENOSYS, errno.EOPNOTSUPP, errno.EBADF, errno.ENOTTY,
    errno.EPERM, errno.ETXTBSY,
})
# fmt: on
"""Errors of copies that the file system, or the system, cannot make."""


def clone(source: Path, target: Path) -> bool:
    """Let a file share all bytes of another one.

    Args:
        source: The file to copy.
        target: An existing file; its content is replaced.

    Returns:
        False if the file system has no clones; the target is empty or unchanged then.

    Raises:
        OSError: The drive fails.
    """
    try:
        return _cloned(source, target)
    except OSError as error:
        if error.errno not in _UNSUPPORTED:
            raise
        return False


if sys.platform == "linux":

    def _cloned(source: Path, target: Path) -> bool:
        with source.open("rb") as reader, target.open("r+b") as writer:
            fcntl.ioctl(writer.fileno(), _FICLONE, reader.fileno())
        return True

elif sys.platform == "darwin":

    def _cloned(source: Path, target: Path) -> bool:
        clonefile = ctypes.CDLL(None).clonefile
        # It makes a new file only, with the times of the source.
        target.unlink()
        is_cloned: bool = clonefile(os.fsencode(source), os.fsencode(target), 0) == 0
        if not is_cloned:
            target.touch()
        os.utime(target)
        return is_cloned

elif sys.platform == "win32":

    def _cloned(source: Path, target: Path) -> bool:
        # It clones on ReFS, and copies within the system elsewhere.
        return bool(ctypes.windll.kernel32.CopyFileW(str(source), str(target), False))

else:

    def _cloned(source: Path, target: Path) -> bool:
        return False


def copy_range(
    source: BinaryIO, target: BinaryIO, begin: int, end: int, on_copied: Callable[[int], None]
) -> None:
    """Copy a range of bytes to the present position of another file.

    Args:
        source: File to read, unbuffered.
        target: File to write, unbuffered.
        begin: First byte.
        end: End of the range.
        on_copied: Called with the size of each copied step.

    Raises:
        ExportError: The source ended early.
        OSError: A drive fails.
    """
    to = target.tell() - begin
    for data_begin, data_end in _data_ranges(source, begin, end):
        position = data_begin
        while position < data_end:
            n_copied = _copy(source, target, position, position + to, data_end - position)
            if not n_copied:
                raise cut_off(Path(source.name), f"no bytes at {position}")
            position += n_copied
            on_copied(n_copied)
    target.seek(end + to)
    if os.fstat(target.fileno()).st_size < end + to:
        target.truncate()


def _data_ranges(source: BinaryIO, begin: int, end: int) -> Iterator[tuple[int, int]]:
    """Yield the parts of a range outside holes."""
    if not hasattr(os, "SEEK_DATA"):
        yield begin, end
        return
    position = begin
    while position < end:
        try:
            data = os.lseek(source.fileno(), position, os.SEEK_DATA)
            hole = os.lseek(source.fileno(), data, os.SEEK_HOLE)
        except OSError as error:
            if error.errno != errno.ENXIO:
                # The file system knows no holes.
                yield position, end
            elif os.fstat(source.fileno()).st_size < end:
                raise cut_off(Path(source.name), f"no bytes at {position}") from error
            return
        if data >= end:
            return
        yield data, min(hole, end)
        position = hole


def _copy(source: BinaryIO, target: BinaryIO, position: int, to: int, n_bytes: int) -> int:
    """Copy one step, within the system if it can; 0 bytes at the end of the source."""
    n_step = min(n_bytes, _STEP_BYTES)
    if sys.platform == "linux":
        reads, writes = source.fileno(), target.fileno()
        target.seek(to)
        copies: tuple[Callable[[], int], ...] = (
            lambda: os.copy_file_range(reads, writes, n_step, position, to),
            lambda: os.sendfile(writes, reads, position, n_step),
        )
        for copied in copies:
            try:
                if n_copied := copied():
                    return n_copied
            except OSError as error:
                if error.errno not in _UNSUPPORTED:
                    raise
    source.seek(position)
    target.seek(to)
    return write_all(target, source.read(n_step))


def write_all(file: BinaryIO, content: bytes) -> int:
    """Write bytes to an unbuffered file; their number is returned.

    Raises:
        OSError: The drive fails.
    """
    written = 0
    while written < len(content):
        written += file.write(memoryview(content)[written:])
    return written
