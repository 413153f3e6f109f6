"""Where shipped data and the application's own files lie; files written whole or not at all."""

import errno
import logging
import os
import re
import secrets
import sys
import time
from collections.abc import Iterator
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
"""Whoever writes a file does not leave it alone for so long, unless its drive hangs."""


def resources_dir() -> Path:
    """Return the folder of the data that the application ships with.

    The checkout comes first, because an editable install may leave a stale copy in the package.

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
    """Return the file of the built-in model.

    Raises:
        FileNotFoundError: The installation carries no data.
    """
    return resources_dir() / "builtin" / "weights.safetensors"


def data_dir() -> Path:
    """Return the folder of the user's models; `SYNCHFORMER_HOME` overrides it."""
    home = os.environ.get("SYNCHFORMER_HOME")
    return Path(home).expanduser() if home else platformdirs.user_data_path(_APP, appauthor=False)


def models_dir() -> Path:
    """Return the folder that holds one installed model per sub-folder."""
    return data_dir() / "models"


def log_dir() -> Path:
    """Return the folder of the log files; `SYNCHFORMER_HOME` overrides it."""
    home = os.environ.get("SYNCHFORMER_HOME")
    if home:
        return Path(home).expanduser() / "logs"
    return platformdirs.user_log_path(_APP, appauthor=False)


def cache_dir() -> Path:
    """Return the folder of what can be made again; `SYNCHFORMER_HOME` overrides it."""
    home = os.environ.get("SYNCHFORMER_HOME")
    if home:
        return Path(home).expanduser() / "cache"
    return platformdirs.user_cache_path(_APP, appauthor=False)


@contextmanager
def complete_or_absent(target: Path, *, replaces: bool = True) -> Iterator[Path]:
    """Give an empty file beside `target` to write to; it takes the name of `target` at the end.

    If the block fails, what it wrote is deleted and `target` stays as it was. Where the process is
    killed, the file is left to `remove_left_over`.

    Args:
        target: The file to be.
        replaces: Whether it takes the place of a file that has the name at the end.

    Raises:
        FileExistsError: It must not, and there is one.
        OSError: The file cannot be created, or not be renamed.
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
        # On a drive that is gone this fails as well; the failure to tell is the first one.
        with suppress(OSError):
            partial.unlink(missing_ok=True)


def remove_left_over(folder: Path) -> None:
    """Delete what `complete_or_absent` could not, because its process was killed.

    That is a file which no process holds and which has not changed for some time, since not every
    drive tells other machines who holds what.
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
    """Give a file another name; on Unix, renaming would replace who has that already.

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
    """Create a file and hold it, as far as the system can, until the block ends."""
    descriptor = os.open(path, os.O_CREAT | os.O_EXCL | os.O_WRONLY, 0o666)
    if sys.platform == "win32":
        # What is open there can be neither renamed nor deleted.
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
    """Tell whether a process holds a file, or may do so."""
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
