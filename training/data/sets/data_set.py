"""What a data set is: clips with names, and where the offsets of its test windows are written."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SyncError

SPLITS = ("train", "valid", "test")


class DataSetError(SyncError):
    """The lists of a data set, or its clips, are missing or not what they should be."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Which data set, and where it lies.

    Only `root` has to be given for a folder of clips, `root` and `lists` for the others. The rest
    is found in `lists` under the names of the published files.

    Attributes:
        kind: One of `training.data.sets.opening.KINDS`.
        root: The folder of the clips.
        lists: The folder of the split lists and tables: `data` of the published repository.
        meta: The table of all clips, if it has another name or place.
        classes: The table of the classes that count as sparse, likewise.
        exclude: Lists of clips to leave out, or folders of such lists, besides the usual ones.
        fixed_offsets: The folder of the tables of offsets for validation and test, or the one
            table, if it has another name or place.
        n_most: Keep so many clips, evenly from the whole list; 0 keeps all.
    """

    kind: str = "folder"
    root: Path = Path("clips")
    lists: Path | None = None
    meta: Path | None = None
    classes: Path | None = None
    exclude: tuple[Path, ...] = ()
    fixed_offsets: Path | None = None
    n_most: int = 0

    def __post_init__(self) -> None:
        if self.n_most < 0:
            raise ValueError(f"n_most is to be 0 or more, not {self.n_most}")


@dataclass(frozen=True, slots=True)
class Item:
    """A clip of a data set.

    Attributes:
        key: Its name in the lists.
        path: The file.
        label: What is to be seen and heard, if that is known.
    """

    key: str
    path: Path
    label: str = ""


@dataclass(frozen=True, slots=True)
class FixedOffset:
    """The window of a clip that is judged in a test.

    Attributes:
        offset_s: By how much its sound is made early.
        start_s: Where its crop of 5 s begins.
    """

    offset_s: float
    start_s: float


@dataclass(frozen=True, slots=True)
class DataSet:
    """One split of a data set.

    Attributes:
        name: To show.
        items: The clips, in an order that is always the same.
        fixed: By key, of the clips that have one.
        notes: Sentences about what is left out or missing.
        window_notes: Sentences about missing given windows, for those who ask for offsets.
    """

    name: str
    items: tuple[Item, ...]
    fixed: Mapping[str, FixedOffset] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    window_notes: tuple[str, ...] = ()


def checked_split(split: str) -> str:
    """Return the split.

    Raises:
        DataSetError: There is none of that name.
    """
    if split not in SPLITS:
        raise DataSetError(f"There is no split {split!r}; the splits are {', '.join(SPLITS)}.")
    return split
