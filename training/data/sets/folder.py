"""Any folder of clips as a data set, split in a way that stays the same."""

from pathlib import Path

import numpy as np

from training.data.sets.data_set import SPLITS, DataConfig, DataSet, DataSetError, Item
from training.data.sets.lists import gathered, read_excluded, read_fixed, read_split

CLIP_SUFFIXES = frozenset({".avi", ".m4v", ".mkv", ".mov", ".mp4", ".mpg", ".ts", ".webm"})

_SHARES = {"train": 8, "valid": 1, "test": 1}
_SEED = 1337


def open_folder(config: DataConfig, split: str) -> DataSet:
    """List the clips of a split; a clip is named like its path below the root.

    The lists `train.txt` and so on in `config.lists` are the splits, with a name in each line. If
    no lists are given, folders `train`, `valid` and `test` in the root are; otherwise eight tenths
    of the folders of the root, or of its clips if they lie in it directly, are for training, and
    one tenth each for validation and test.

    Raises:
        DataSetError: There are no clips, or a list cannot be read.
    """
    root = config.root
    if not root.is_dir():
        raise DataSetError(
            f"{root} is no folder; name the folder of the clips with data.root.", path=root
        )
    if config.lists is not None:
        names = read_split(config.lists / f"{split}.txt")
    else:
        names = {path.relative_to(root).as_posix() for path in _clips_of(root, split)}
    if not names:
        raise DataSetError(
            f"There are no clips for {split} in {root}; put some there, or give lists with "
            "data.lists.",
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
    """Return all files below a folder that are named like clips, in order."""
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
    # Those of one folder, mostly of one film, stay together.
    group_of = {path: path.relative_to(root).parts[0] for path in clips}
    groups = sorted(set(group_of.values()))
    order = np.random.default_rng(_SEED).permutation(len(groups))
    ends = np.cumsum([_SHARES[one] for one in SPLITS]) * len(groups) // sum(_SHARES.values())
    position = SPLITS.index(split)
    begin = 0 if position == 0 else int(ends[position - 1])
    kept = {groups[index] for index in order[begin : int(ends[position])]}
    return [path for path in clips if group_of[path] in kept]
