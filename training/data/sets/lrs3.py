"""LRS3: speakers in videos of TED, full frames."""

from training.data.sets.data_set import DataConfig, DataSet, Item
from training.data.sets.lists import (
    SUFFIX,
    gathered,
    list_folder,
    read_excluded,
    read_fixed,
    read_split,
)


def open_lrs3(config: DataConfig, split: str) -> DataSet:
    """List the clips of a split from `lrs3_train.txt`, `lrs3_valid.txt` or `lrs3_test.txt`.

    Raises:
        DataSetError: A list is missing or malformed, or no clip is there.
    """
    names = read_split(list_folder(config) / f"lrs3_{split}.txt")
    excluded, notes = read_excluded(config, usual=())
    items = [Item(name, config.root / f"{name}{SUFFIX}") for name in names - excluded]
    fixed = read_fixed(config, "fixed_offsets_lrs3")
    return gathered(f"LRS3 ({split})", config, items, fixed, notes)
