"""Identity of lists of clips, for resuming runs and for folders of features."""

import hashlib
import json
from pathlib import Path

from core.paths import complete_or_absent
from training.data.sets.data_set import DataSet, Item
from training.features.feature_files import SUFFIX, FeatureError

CLIPS = "clips.json"

_N_DIGITS = 12


def clips_digest(data_set: DataSet, *, with_sizes: bool = False) -> str:
    """Number of clips and digest of a list, as text to show.

    Args:
        data_set: The clips. The digest depends on names, order and fixed windows, not on folders.
        with_sizes: Include file sizes; each takes a request to the file system.
    """
    digest = hashlib.sha256()
    for item in data_set.items:
        size = _size_of(item) if with_sizes else None
        fixed = data_set.fixed.get(item.key)
        window = None if fixed is None else (fixed.offset_s, fixed.start_s)
        digest.update(json.dumps([item.key, size, window]).encode())
    return f"{len(data_set.items)} clips, {digest.hexdigest()[:_N_DIGITS]}"


def feature_paths(folder: Path, data_set: DataSet) -> dict[Path, Path]:
    """Clip by file of features, in order."""
    return {folder / f"{item.key}{SUFFIX}": item.path for item in data_set.items}


def claim_clips(folder: Path, data_set: DataSet) -> None:
    """Record the clips of a folder of features, and check existing features against the record.

    A clip is identified by name and size, so clips may be moved or added.

    Args:
        folder: Existing folder. The record is written before any features, so features of an
            unrecorded clip belong to something else.
        data_set: The clips.

    Raises:
        FeatureError: There are features of another clip, or the record cannot be used.
    """
    path = folder / CLIPS
    noted = _read_notes(path)
    sizes = {item.key: _size_of(item) for item in data_set.items}
    # The folder is listed once: a request for each of a million files takes minutes on a network
    # drive, and the drive may cache the absence of a file.
    made = set(folder.rglob(f"*{SUFFIX}"))
    for target, (key, size) in zip(feature_paths(folder, data_set), sizes.items(), strict=True):
        if target in made and noted.get(key) != size:
            raise FeatureError(
                f"{folder} holds features of other clips of the same names, such as {key}; choose"
                " another folder, or delete it to make them anew.",
                path=target,
                details=f"{noted.get(key)} bytes instead of {size}",
            )
    if sizes.items() <= noted.items():
        return
    try:
        with complete_or_absent(path) as partial:
            partial.write_text(json.dumps(noted | sizes, indent=0), encoding="utf-8")
    except OSError as error:
        raise _unusable(path, error) from error


def _read_notes(path: Path) -> dict[str, int]:
    try:
        return dict(json.loads(path.read_text(encoding="utf-8"))) if path.exists() else {}
    except (OSError, ValueError, TypeError) as error:
        raise _unusable(path, error) from error


def _unusable(path: Path, error: Exception) -> FeatureError:
    return FeatureError(
        f"{path} cannot be used; choose another folder.", path=path, details=str(error)
    )


def _size_of(item: Item) -> int:
    try:
        return item.path.stat().st_size
    except OSError:
        return -1
