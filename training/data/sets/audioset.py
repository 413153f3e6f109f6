"""AudioSet: clips of 10 s from all kinds of videos."""

from pathlib import Path

from training.data.sets.data_set import DataConfig, DataSet, Item
from training.data.sets.lists import (
    SUFFIX,
    gathered,
    list_folder,
    malformed,
    read_excluded,
    read_fixed,
    read_rows,
)

_SHORT = {"train": "unbalanced", "valid": "balanced", "test": "eval"}
_FOLDERS = {
    "unbalanced": "unbalanced_train_segments",
    "balanced": "balanced_train_segments",
    "eval": "eval_segments",
}


def open_audioset(config: DataConfig, split: str) -> DataSet:
    """List the clips of a split in `audioset.csv`, or another table of its form.

    Names of clips have the form `eval/<video>_<start in ms>_<end in ms>`, as in the tables of
    offsets.

    Raises:
        DataSetError: A list is missing or malformed, or no clip is there.
    """
    lists = list_folder(config)
    table = config.meta or lists / "audioset.csv"
    labels = _labels(lists / "audioset_labels.csv")
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


def _labels(path: Path) -> dict[str, str]:
    """Names of the labels by their numbers; empty without the file."""
    if not path.is_file():
        return {}
    return {row[0]: row[2] for _, row in read_rows(path, "index, machine id, name")}
