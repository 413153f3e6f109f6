"""VGGSound, and VGGSound-Sparse, its 12 classes of sparse sounds with a clearly visible source."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

from training.data.sets.data_set import DataConfig, DataSet, DataSetError, FixedOffset, Item
from training.data.sets.lists import (
    SUFFIX,
    as_fixed_offset,
    gathered,
    list_folder,
    malformed,
    read_excluded,
    read_fixed,
    read_rows,
    read_split,
    read_table,
)

_UNUSABLE = "filtered_examples_vggsound"
_UNCLEAN = "filtered_examples_vggsound_extra"
_CLIP_S = 10


def open_vggsound(config: DataConfig, split: str) -> DataSet:
    """List the clips of a split in both `vggsound.csv` and the split's list.

    The list is `vggsound_train.txt`, `vggsound_valid.txt` or `vggsound_test.txt`.

    Raises:
        DataSetError: A list is missing or malformed, or no clip is there.
    """
    return _opened("VGGSound", config, split, (_UNUSABLE,))


def open_sparse(config: DataConfig, split: str) -> DataSet:
    """List the clips of the classes marked with y in `picked_sparse_classes.csv`.

    Raises:
        DataSetError: As `open_vggsound`.
    """
    return _opened("VGGSound-Sparse", config, split, (_UNUSABLE,), _sparse_classes(config))


def open_sparse_clean(config: DataConfig, split: str) -> DataSet:
    """List the clips of VGGSound-Sparse with a visible source of the sound, by human review.

    Raises:
        DataSetError: As `open_vggsound`.
    """
    places = (_UNUSABLE, _UNCLEAN)
    return _opened("VGGSound-Sparse, clean", config, split, places, _sparse_classes(config))


def open_sparse_fixed(config: DataConfig, split: str) -> DataSet:
    """List the clips of VGGSound-Sparse in sync by human review, and their windows.

    These are the rows of `vggsound_sparse_clean_fixed_offsets.csv` with is_sync = 1.

    Raises:
        DataSetError: As `open_vggsound`.
    """
    path = config.fixed_offsets or (list_folder(config) / "vggsound_sparse_clean_fixed_offsets.csv")
    fixed: dict[str, FixedOffset] = {}
    for number, row in read_table(path, ("video_id", "vstart_sec", "offset_sec", "is_sync")):
        key, start, offset, is_sync = row
        if key in fixed:
            raise malformed(path, number, f"the only line about {key}")
        if is_sync == "1":
            fixed[key] = as_fixed_offset(path, number, offset, start)
    elsewhere = replace(config, fixed_offsets=None)
    name = "VGGSound-Sparse, clean and fixed"
    return _opened(name, elsewhere, split, (_UNUSABLE,), _sparse_classes(config), fixed)


def _opened(
    name: str,
    config: DataConfig,
    split: str,
    unusable: tuple[str, ...],
    classes: frozenset[str] | None = None,
    only: Mapping[str, FixedOffset] | None = None,
) -> DataSet:
    lists = list_folder(config)
    labels = _labels(config.meta or lists / "vggsound.csv")
    names = read_split(lists / f"vggsound_{split}.txt")
    excluded, notes = read_excluded(config, unusable)
    used = names.intersection(labels) - excluded
    if classes is not None:
        used = {key for key in used if labels[key] in classes}
    if only is not None:
        used &= only.keys()
    items = [Item(key, config.root / f"{key}{SUFFIX}", labels[key]) for key in used]
    fixed = read_fixed(config, "fixed_offsets_vggsound") if only is None else only
    return gathered(f"{name} ({split})", config, items, fixed, notes)


def _labels(path: Path) -> dict[str, str]:
    """Class of each clip by name of its file."""
    labels = {}
    for number, (video, start, label, *_) in read_rows(path, "video, start in s, label, split"):
        if not start.isdecimal():
            raise malformed(path, number, "a row of video, start in whole seconds, label, split")
        start_s = int(start)
        labels[f"{video}_{1000 * start_s}_{1000 * (start_s + _CLIP_S)}"] = label
    return labels


def _sparse_classes(config: DataConfig) -> frozenset[str]:
    path = config.classes or list_folder(config) / "picked_sparse_classes.csv"
    rows = read_rows(path, "class, y or n", delimiter="\t")
    classes = frozenset(row[0] for _, row in rows if row[1] == "y")
    if not classes:
        raise DataSetError(
            f"{path} marks no class with y; copy the file again, with tabs between its columns.",
            path=path,
        )
    return classes
