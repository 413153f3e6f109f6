"""Data sets: named clips, and the windows for tests."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SyncError

SPLITS = ("train", "valid", "test")


class DataSetError(SyncError):
    """The lists or clips of a data set are missing, malformed or unusable."""


@dataclass(frozen=True, slots=True)
class DataConfig:
    """Kind and files of a data set.

    A folder of clips needs only `root`, all other kinds need `root` and `lists`. All else is found
    in `lists` under the names of the published files.

    Attributes:
        kind: One of `training.data.sets.opening.KINDS`.
        root: Folder of the clips.
        lists: Folder of the split lists and tables: `data` of the published repository.
        meta: Table of all clips, if not under its usual name in `lists`.
        classes: Table of the sparse classes, if not under its usual name in `lists`.
        exclude: Additional lists of clips to leave out, or folders of such lists.
        fixed_offsets: Table of test windows, or folder of such tables, if not under its usual name
            in `lists`.
        n_most: Largest number of clips, taken evenly from the whole list; 0 for all.
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
        key: Name in the lists.
        path: File of the clip.
        label: Class of the content, if known.
    """

    key: str
    path: Path
    label: str = ""


@dataclass(frozen=True, slots=True)
class FixedOffset:
    """Given window of a clip for tests.

    Attributes:
        offset_s: Offset of the audio.
        start_s: Start of the crop of 5 s.
    """

    offset_s: float
    start_s: float


@dataclass(frozen=True, slots=True)
class DataSet:
    """One split of a data set.

    Attributes:
        name: Name to show.
        items: The clips in a fixed order.
        fixed: Given windows by key of the clip.
        notes: Sentences about clips left out or missing.
        window_notes: Sentences about missing given windows, for stage 2.
    """

    name: str
    items: tuple[Item, ...]
    fixed: Mapping[str, FixedOffset] = field(default_factory=dict)
    notes: tuple[str, ...] = ()
    window_notes: tuple[str, ...] = ()
