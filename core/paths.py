"""Where shipped data and the application's own files lie; files written whole or not at all."""

import os
import secrets
import sys
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

_APP = "synchformer-gui"
_ROOT = Path(__file__).resolve().parent.parent


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
def complete_or_absent(target: Path) -> Iterator[Path]:
    """Give a name beside `target` to write to; the file takes the name of `target` at the end.

    If the block fails, what it wrote is deleted and `target` stays as it was.

    Raises:
        OSError: The file cannot be renamed.
    """
    partial = target.with_name(f".{target.name}.{secrets.token_hex(4)}.partial~")
    try:
        yield partial
        partial.replace(target)
    finally:
        # On a drive that is gone this fails as well; the failure to tell is the first one.
        with suppress(OSError):
            partial.unlink(missing_ok=True)
