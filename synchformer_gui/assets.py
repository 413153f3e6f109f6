"""The pictures of the window."""

from pathlib import Path

from core.paths import resources_dir


def icon_path(name: str) -> Path:
    """Return the file of an icon.

    Raises:
        FileNotFoundError: The installation carries no data files.
    """
    return resources_dir() / "icons" / f"{name}.svg"
