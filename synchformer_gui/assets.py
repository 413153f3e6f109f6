"""Where the data files of the project are: in a checkout, an installed wheel or a frozen bundle."""

import sys
from pathlib import Path

_PACKAGE = Path(__file__).resolve().parent


def resources_dir() -> Path:
    """Return the folder of the data files.

    The checkout comes first, because an editable install may leave a stale copy in the package.

    Raises:
        FileNotFoundError: The installation carries no data files.
    """
    checkout = _PACKAGE.parent
    candidates = [checkout / "resources"] if (checkout / "pyproject.toml").is_file() else []
    candidates.append(_PACKAGE / "_resources")
    if bundle := getattr(sys, "_MEIPASS", None):
        candidates.append(Path(bundle) / "resources")
    for folder in candidates:
        if folder.is_dir():
            return folder
    tried = ", ".join(str(folder) for folder in candidates)
    raise FileNotFoundError(f"The installation lacks its data files; none of these exists: {tried}")


def icon_path(name: str) -> Path:
    """Return the file of an icon."""
    return resources_dir() / "icons" / f"{name}.svg"
