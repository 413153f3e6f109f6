"""Opening a data set by its kind: a folder of clips, or a published data set.

LRS3 has speakers in videos of TED, full frames. VGGSound and AudioSet have clips of 10 s from all
kinds of videos. VGGSound-Sparse has 12 classes of sparse sounds with a clearly visible source.
"""

from collections.abc import Callable, Mapping
from dataclasses import replace
from functools import partial
from pathlib import Path

from training.data.sets.data_set import (
    SPLITS,
    DataConfig,
    DataSet,
    DataSetError,
    FixedOffset,
    Item,
)
from training.data.sets.folder import open_folder
from training.data.sets.lists import (
    SUFFIX,
    as_fixed_offset,
    gathered,
    list_folder,
    malformed,
    read_excluded,
    read_fixed,
    read_names,
    read_rows,
    read_table,
)

_SHORT = {"train": "unbalanced", "valid": "balanced", "test": "eval"}
_FOLDERS = {
    "unbalanced": "unbalanced_train_segments",
    "balanced": "balanced_train_segments",
    "eval": "eval_segments",
}
_UNUSABLE = "filtered_examples_vggsound"
_UNCLEAN = "filtered_examples_vggsound_extra"
_CLIP_S = 10


def _open_lrs3(config: DataConfig, split: str) -> DataSet:
    """List the clips of a split from `lrs3_train.txt`, `lrs3_valid.txt` or `lrs3_test.txt`."""
    names = read_names(list_folder(config) / f"lrs3_{split}.txt")
    excluded, notes = read_excluded(config, usual=())
    items = [Item(name, config.root / f"{name}{SUFFIX}") for name in names - excluded]
    fixed = read_fixed(config, "fixed_offsets_lrs3")
    return gathered(f"LRS3 ({split})", config, items, fixed, notes)


def _open_vggsound(
    config: DataConfig,
    split: str,
    *,
    name: str = "VGGSound",
    unusable: tuple[str, ...] = (_UNUSABLE,),
    is_sparse: bool = False,
    only: Mapping[str, FixedOffset] | None = None,
) -> DataSet:
    """List the clips of a split in both `vggsound.csv` and the split's list.

    Args:
        config: Files of the data set.
        split: Names the list: `vggsound_train.txt`, `vggsound_valid.txt` or `vggsound_test.txt`.
        name: Name to show.
        unusable: Names of the folders with lists of clips to leave out.
        is_sparse: Take the classes marked with y in `picked_sparse_classes.csv`.
        only: Take these clips with these windows.
    """
    lists = list_folder(config)
    labels = _vggsound_labels(config.meta or lists / "vggsound.csv")
    names = read_names(lists / f"vggsound_{split}.txt")
    excluded, notes = read_excluded(config, unusable)
    used = names.intersection(labels) - excluded
    if is_sparse:
        classes = _sparse_classes(config)
        used = {key for key in used if labels[key] in classes}
    if only is not None:
        used &= only.keys()
    items = [Item(key, config.root / f"{key}{SUFFIX}", labels[key]) for key in used]
    fixed = read_fixed(config, "fixed_offsets_vggsound") if only is None else only
    return gathered(f"{name} ({split})", config, items, fixed, notes)


def _open_sparse_fixed(config: DataConfig, split: str) -> DataSet:
    """List the clips of VGGSound-Sparse in sync by human review, and their windows.

    These are the rows of `vggsound_sparse_clean_fixed_offsets.csv` with is_sync = 1.
    """
    path = config.fixed_offsets or (list_folder(config) / "vggsound_sparse_clean_fixed_offsets.csv")
    fixed: dict[str, FixedOffset] = {}
    for number, row in read_table(path, ("video_id", "vstart_sec", "offset_sec", "is_sync")):
        key, start, offset, is_sync = row
        if key in fixed:
            raise malformed(path, number, f"the only line about {key}")
        if is_sync == "1":
            fixed[key] = as_fixed_offset(path, number, offset, start)
    return _open_vggsound(
        replace(config, fixed_offsets=None),
        split,
        name="VGGSound-Sparse, clean and fixed",
        is_sparse=True,
        only=fixed,
    )


def _vggsound_labels(path: Path) -> dict[str, str]:
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


def _open_audioset(config: DataConfig, split: str) -> DataSet:
    """List the clips of a split in `audioset.csv`, or another table of its form.

    Names of clips have the form `eval/<video>_<start in ms>_<end in ms>`, as in the tables of
    offsets.
    """
    lists = list_folder(config)
    table = config.meta or lists / "audioset.csv"
    labels = _audioset_labels(lists / "audioset_labels.csv")
    excluded, notes = read_excluded(config, ("filtered_examples_audioset",))
    items = []
    for number, row in read_rows(table, "folder/video, start, end, label ids, phase", least=4):
        short, _, video = row[0].partition("/")
        if short not in _FOLDERS:
            raise malformed(table, number, f"of one of the folders {', '.join(_FOLDERS)}")
        if short != _SHORT[split]:
            continue
        try:
            start_ms, end_ms = (int(1000 * float(text)) for text in row[1:3])
        except ValueError as error:
            raise malformed(table, number, "a video with start and end in seconds") from error
        name = f"{video}_{start_ms}_{end_ms}"
        place = f"{_FOLDERS[short]}/{name}"
        if excluded.isdisjoint((name, place, f"{short}/{name}")):
            label = ", ".join(labels.get(one, one) for one in row[3].replace(" ", "").split(","))
            items.append(Item(f"{short}/{name}", config.root / f"{place}{SUFFIX}", label))
    fixed = read_fixed(config, "fixed_offsets_audioset")
    return gathered(f"AudioSet ({split})", config, items, fixed, notes)


def _audioset_labels(path: Path) -> dict[str, str]:
    """Names of the labels by their numbers; empty without the file."""
    if not path.is_file():
        return {}
    return {row[0]: row[2] for _, row in read_rows(path, "index, machine id, name")}


_READERS: Mapping[str, Callable[[DataConfig, str], DataSet]] = {
    "folder": open_folder,
    "lrs3": _open_lrs3,
    "vggsound": _open_vggsound,
    "vggsound-sparse": partial(_open_vggsound, name="VGGSound-Sparse", is_sparse=True),
    # Human reviewers saw the source of the sound.
    "vggsound-sparse-clean": partial(
        _open_vggsound,
        name="VGGSound-Sparse, clean",
        unusable=(_UNUSABLE, _UNCLEAN),
        is_sparse=True,
    ),
    "vggsound-sparse-fixed": _open_sparse_fixed,
    "audioset": _open_audioset,
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
    if split not in SPLITS:
        raise DataSetError(f"There is no split {split!r}; the splits are {', '.join(SPLITS)}.")
    data_set = _READERS[kind](config, split)
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
