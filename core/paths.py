"""Where the application keeps its own files, and how a file is written whole or not at all."""

import os
import secrets
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import platformdirs

_APP = "synchformer-gui"


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
