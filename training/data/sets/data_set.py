"""What a data set is: clips with names, and where the offsets of its test windows are written."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from core.errors import SyncError

SPLITS = ("train", "valid", "test")

SUFFIX = ".mp4"
"""Of the clips of the published data sets."""


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
        lists: The folder of the split lists and tables.
        meta: The table of all clips, if it has another name or place.
        classes: The table of the classes that count as sparse, likewise.
        exclude: Lists of clips to leave out, or folders of such lists, instead of the usual ones.
        fixed_offsets: The folder of the tables of offsets for validation and test, likewise.
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
    """

    name: str
    items: tuple[Item, ...]
    fixed: Mapping[str, FixedOffset] = field(default_factory=dict)
    notes: tuple[str, ...] = ()


def checked_split(split: str) -> str:
    """Return the split.

    Raises:
        DataSetError: There is none of that name.
    """
    if split not in SPLITS:
        raise DataSetError(f"There is no split {split!r}; the splits are {', '.join(SPLITS)}.")
    return split


def list_folder(config: DataConfig) -> Path:
    """Return the folder of the lists.

    Raises:
        DataSetError: It is not given or not there.
    """
    if config.lists is None:
        raise DataSetError(
            f"The data set {config.kind} needs the folder of its split lists; name it with "
            "data.lists."
        )
    if not config.lists.is_dir():
        raise DataSetError(
            f"{config.lists} is no folder; data.lists names the folder of the split lists of "
            f"{config.kind}.",
            path=config.lists,
        )
    return config.lists


def read_lines(path: Path) -> Iterator[tuple[int, str]]:
    """Yield the numbers, from 1 on, and texts of the lines that are not empty.

    Raises:
        DataSetError: The file cannot be read.
    """
    try:
        text = path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataSetError(
            f"{path} is missing; copy the lists of the data set there, or name another folder "
            "with data.lists.",
            path=path,
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataSetError(
            f"{path} cannot be read as text; copy the list of the data set again.",
            path=path,
            details=str(error),
        ) from error
    for number, line in enumerate(text.splitlines(), 1):
        if line.strip():
            yield number, line.strip()


def malformed(path: Path, number: int, expected: str) -> DataSetError:
    """Return the failure to understand a line."""
    return DataSetError(
        f"{path}, line {number} is not {expected}; correct the line, or copy the list of the data "
        "set again.",
        path=path,
    )


def existing(
    name: str, items: list[Item], root: Path, notes: list[str]
) -> tuple[tuple[Item, ...], tuple[str, ...]]:
    """Leave out the items whose clip is not there.

    Returns:
        The others, and the notes with one about those that are missing.

    Raises:
        DataSetError: None is there.
    """
    found = [item for item in items if item.path.is_file()]
    if not found:
        if not items:
            raise DataSetError(f"{name} lists no clips that are not left out; check its lists.")
        raise DataSetError(
            f"None of the {len(items)} clips of {name} is in {root}, such as {items[0].path}; name "
            "the folder of the clips with data.root.",
            path=root,
        )
    if len(found) < len(items):
        n_missing = len(items) - len(found)
        first = next(item for item in items if not item.path.is_file())
        notes = [
            *notes,
            f"{n_missing} of {len(items)} clips of {name} are missing, such as {first.path}.",
        ]
    return tuple(found), tuple(notes)
