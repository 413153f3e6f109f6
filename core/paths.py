"""Where the application keeps its own files."""

import os
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
