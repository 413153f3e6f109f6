"""Icons of the window."""

from pathlib import Path

from core.paths import resources_dir


def icon_path(name: str) -> Path:
    """Path of an icon.

    Raises:
        FileNotFoundError: The installation has no data files.
    """
    return resources_dir() / "icons" / f"{name}.svg"
