"""A folder of clips as a data set; the split depends on names, so added clips change it little."""

import hashlib
from collections.abc import Collection
from pathlib import Path

from training.data.sets.data_set import SPLITS, DataConfig, DataSet, DataSetError, Item
from training.data.sets.lists import gathered, read_excluded, read_fixed, read_names

CLIP_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm"})

_TRAIN_END, _VALID_END = 0.8, 0.9
"""Ends of the shares of training and validation; the rest is for tests."""


def open_folder(config: DataConfig, split: str) -> DataSet:
    """List the clips of a split; the name of a clip is its path below the root.

    The splits are, in this order of preference, the lists `train.txt`, `valid.txt` and `test.txt`
    in `config.lists`, with a name in each line; the folders `train`, `valid` and `test` in the
    root; or about 80 % of the root's folders (of its clips, if these are in the root itself) for
    training and 10 % each for validation and test.

    Raises:
        DataSetError: There are no clips, or a list cannot be read.
    """
    root = config.root
    if not root.is_dir():
        raise DataSetError(
            f"{root} is not a folder; name the folder of the clips with data.root.", path=root
        )
    if config.lists is not None:
        names = read_names(config.lists / f"{split}.txt")
    else:
        names = {path.relative_to(root).as_posix() for path in _clips_of(root, split)}
    if not names:
        raise DataSetError(
            f"There are no clips for {split} in {root}; add some, or name lists with data.lists.",
            path=root,
        )
    excluded, notes = read_excluded(config, usual=())
    items = [
        Item(name, root / name)
        for name in names
        if excluded.isdisjoint((name, str(Path(name).with_suffix(""))))
    ]
    fixed = read_fixed(config, "") if config.fixed_offsets else {}
    return gathered(f"{root.name} ({split})", config, items, fixed, notes)


def clips_below(folder: Path) -> list[Path]:
    """All files below a folder with the suffix of a clip, in order."""
    return sorted(
        path
        for path in folder.rglob("*")
        if path.suffix.lower() in CLIP_SUFFIXES
        and path.is_file()
        and not any(part.startswith(".") for part in path.relative_to(folder).parts)
    )


def _clips_of(root: Path, split: str) -> list[Path]:
    if any((root / one).is_dir() for one in SPLITS):
        return clips_below(root / split)
    clips = clips_below(root)
    # Clips of one folder, mostly of one film, stay together.
    group_of = {path: path.relative_to(root).parts[0] for path in clips}
    split_of = _splits(set(group_of.values()))
    return [path for path in clips if split_of[group_of[path]] == split]


def _splits(groups: Collection[str]) -> dict[str, str]:
    """Divide groups by their names, almost independently of other groups.

    An empty validation or test split gets the training group closest to it. After more groups are
    added, such a group may return to training, but no training group moves to a test.
    """
    split_of = {group: _split_at(_place(group)) for group in groups}
    training = sorted((one for one in groups if split_of[one] == "train"), key=_place)
    empty = [split for split in SPLITS[1:] if split not in split_of.values()]
    if len(training) > len(empty):
        for split in empty:
            split_of[training.pop()] = split
    return split_of


def _place(group: str) -> float:
    """Number from 0 to 1, a function of the name alone."""
    digest = hashlib.sha256(group.encode("utf-8", "surrogateescape")).digest()
    return int.from_bytes(digest[:6], "big") / 2**48


def _split_at(place: float) -> str:
    if place < _TRAIN_END:
        return "train"
    return "valid" if place < _VALID_END else "test"
