"""Opening a data set by its kind."""

from collections.abc import Callable, Mapping
from dataclasses import replace
from pathlib import Path

from training.data.sets.audioset import open_audioset
from training.data.sets.data_set import DataConfig, DataSet, DataSetError, checked_split
from training.data.sets.folder import open_folder
from training.data.sets.lrs3 import open_lrs3
from training.data.sets.vggsound import (
    open_sparse,
    open_sparse_clean,
    open_sparse_fixed,
    open_vggsound,
)

_READERS: Mapping[str, Callable[[DataConfig, str], DataSet]] = {
    "folder": open_folder,
    "lrs3": open_lrs3,
    "vggsound": open_vggsound,
    "vggsound-sparse": open_sparse,
    "vggsound-sparse-clean": open_sparse_clean,
    "vggsound-sparse-fixed": open_sparse_fixed,
    "audioset": open_audioset,
}

KINDS = tuple(_READERS)


def open_data_set(kind: str, split: str, config: DataConfig) -> DataSet:
    """List the clips of a split of a data set.

    Args:
        kind: One of `KINDS`.
        split: "train", "valid" or "test".
        config: Files of the data set.

    Raises:
        DataSetError: The kind or split is unknown, or lists or clips are missing or malformed.
    """
    if kind not in _READERS:
        raise DataSetError(f"There is no data set {kind!r}; there are {', '.join(KINDS)}.")
    data_set = _READERS[kind](config, checked_split(split))
    n_items, notes = len(data_set.items), list(data_set.notes)
    if 0 < config.n_most < n_items:
        kept = tuple(data_set.items[i * n_items // config.n_most] for i in range(config.n_most))
        notes.append(f"{config.n_most} of {n_items} clips of {data_set.name} are used.")
        data_set = replace(data_set, items=kept)
    on_windows: tuple[str, ...] = ()
    if split != "train" and (kind != "folder" or config.fixed_offsets is not None):
        on_windows = _on_windows(data_set, config.fixed_offsets or config.lists)
    return replace(data_set, notes=tuple(notes), window_notes=on_windows)


def _on_windows(data_set: DataSet, place: Path | None) -> tuple[str, ...]:
    """Notes about clips without a given window."""
    n_items = len(data_set.items)
    n_drawn = sum(item.key not in data_set.fixed for item in data_set.items)
    if not n_drawn:
        return ()
    if not data_set.fixed:
        return (
            f"There is no table of given windows in {place}; all {n_items} clips of "
            f"{data_set.name} get random windows.",
        )
    return (
        f"{n_drawn} of {n_items} clips of {data_set.name} are not in the tables of given windows "
        f"in {place}; they get random windows.",
    )
