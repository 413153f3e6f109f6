"""Folders of shipped data and of the application's own files; atomic writing of files."""

import errno
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

if sys.platform != "win32":
    import fcntl

log = logging.getLogger(__name__)

_APP = "synchformer-gui"
_ROOT = Path(__file__).resolve().parent.parent

_PARTIAL_NAME = re.compile(r"\..+\.[0-9a-f]{8}\.partial~", re.DOTALL)

_IDLE_S = 600
"""Longest pause between writes to a file, in seconds, unless its drive hangs."""


def resources_dir() -> Path:
    """Folder of the data shipped with the application.

    The checkout comes first, since an editable install may leave a stale copy in the package.

    Raises:
        FileNotFoundError: The installation carries no data.
    """
    candidates = [_ROOT / "resources"] if (_ROOT / "pyproject.toml").is_file() else []
    candidates.append(_ROOT / "synchformer_gui" / "_resources")
    if bundle := getattr(sys, "_MEIPASS", None):
        candidates.append(Path(bundle) / "resources")
    for folder in candidates:
        if folder.is_dir():
            return folder
    tried = ", ".join(str(folder) for folder in candidates)
    raise FileNotFoundError(f"The installation lacks its data files; none of these exists: {tried}")


def builtin_weights() -> Path:
    """File of the built-in model.

    Raises:
        FileNotFoundError: The installation carries no data.
    """
    return resources_dir() / "builtin" / "weights.safetensors"


def data_dir() -> Path:
    """Folder of the user's data; `SYNCHFORMER_HOME` overrides it."""
    return _user_dir("", platformdirs.user_data_path)


def models_dir() -> Path:
    """Folder of installed models, one sub-folder each."""
    return data_dir() / "models"


def log_dir() -> Path:
    """Folder of the log files; `SYNCHFORMER_HOME` overrides it."""
    return _user_dir("logs", platformdirs.user_log_path)


def cache_dir() -> Path:
    """Folder of the cache; `SYNCHFORMER_HOME` overrides it."""
    return _user_dir("cache", platformdirs.user_cache_path)


def _user_dir(name: str, of_system: Callable[..., Path]) -> Path:
    home = os.environ.get("SYNCHFORMER_HOME")
    return Path(home).expanduser() / name if home else of_system(_APP, appauthor=False)


def undo_path(file: Path) -> Path:
    """Record beside a file that was corrected in place."""
    return file.with_name(f"{file.name}.undo")


def unfinished_path(file: Path) -> Path:
    """Record beside a file while it is corrected in place."""
    return file.with_name(f"{file.name}.undo.unfinished")


def sync_folder(folder: Path) -> None:
    """Let new names survive a loss of power, on POSIX systems."""
    if os.name != "posix":
        return
    # Folders without read permission, and network drives, refuse; the files are complete anyway.
    with suppress(OSError):
        descriptor = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)


@contextmanager
def complete_or_absent(target: Path, *, replaces: bool = True) -> Iterator[Path]:
    """Create an empty partial file beside `target` and rename it to `target` after the block.

    If the block fails, the partial file is deleted and `target` stays unchanged. If the process is
    killed, the partial file is left to `remove_left_over`.

    Args:
        target: Path of the complete file.
        replaces: Replace an existing file.

    Raises:
        FileExistsError: The target exists and must not be replaced.
        OSError: The file cannot be created or renamed.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial~")
    try:
        with _claimed(partial):
            yield partial
            if replaces:
                partial.replace(target)
            else:
                _take_free_name(partial, target)
    finally:
        # On a missing drive this fails as well; the first failure is the one to report.
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_left_over(folder: Path) -> None:
    """Delete partial files left by a process that was killed.

    A partial file is left over if no process holds it and it has not changed for some time; not all
    drives share locks between machines.
    """
    with suppress(OSError):
        for path in folder.iterdir():
            if not _PARTIAL_NAME.fullmatch(path.name) or path.is_symlink() or not path.is_file():
                continue
            idle_s = time.time() - path.stat().st_mtime
            if idle_s > _IDLE_S and not _is_held(path):
                path.unlink()
                log.info("%s was left over by a process that was killed; deleted", path)


def _take_free_name(partial: Path, target: Path) -> None:
    """Rename a file without replacing another one, as a plain rename would on Unix.

    Raises:
        FileExistsError: The name is taken.
        OSError: The file cannot be renamed.
    """
    if sys.platform != "win32":
        try:
            target.hardlink_to(partial)
        except FileExistsError:
            raise
        except OSError as error:
            # FAT and some network drives have no links.
            log.debug("%s: %s", target, error)
            if os.path.lexists(target):
                raise FileExistsError(errno.EEXIST, os.strerror(errno.EEXIST), target) from error
        else:
            partial.unlink()
            return
    partial.rename(target)


@contextmanager
def _claimed(path: Path) -> Iterator[None]:
    """Create a file and lock it, if the system can, until the block ends."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    if sys.platform == "win32":
        # Windows neither renames nor deletes open files.
        os.close(descriptor)
        yield
    else:
        try:
            with suppress(OSError):
                fcntl.flock(descriptor, fcntl.LOCK_EX)
            yield
        finally:
            os.close(descriptor)


def _is_held(path: Path) -> bool:
    """Whether a process holds a file, or may do so."""
    if sys.platform == "win32":
        return False
    descriptor = os.open(path, os.O_RDWR)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        return True
    finally:
        os.close(descriptor)
    return False
