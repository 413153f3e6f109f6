"""Reading the lists and tables of data sets."""

import csv
import math
from collections.abc import Iterable, Iterator, Mapping
from pathlib import Path

from training.data.sets.data_set import DataConfig, DataSet, DataSetError, FixedOffset, Item

SUFFIX = ".mp4"
"""Suffix of the clips of the published data sets."""

_TABLES = "*_size21_crop5_min-2.00_max2.00.csv"
"""Tables of offsets for 21 classes from -2 s to 2 s in crops of 5 s."""


def list_folder(config: DataConfig) -> Path:
    """Folder of the lists.

    Raises:
        DataSetError: The folder is not given or does not exist.
    """
    if config.lists is None:
        raise DataSetError(
            f"The data set {config.kind} needs lists; name their folder with data.lists."
        )
    if not config.lists.is_dir():
        raise DataSetError(
            f"{config.lists} is not a folder; name the folder of the lists of {config.kind} with "
            "data.lists.",
            path=config.lists,
        )
    return config.lists


def read_names(path: Path) -> set[str]:
    """Read the names in a list, one on each non-empty line.

    Raises:
        DataSetError: The file cannot be read.
    """
    return {line.strip() for line in _text(path).splitlines() if line.strip()}


def read_rows(
    path: Path, columns: str, *, delimiter: str = ",", least: int | None = None
) -> Iterator[tuple[int, list[str]]]:
    """Yield the line numbers and cells of a table.

    Args:
        path: File of the table.
        columns: Names of the columns for messages, separated by ", ".
        delimiter: Delimiter of cells.
        least: Least number of cells in a row; None for the number of columns.

    Raises:
        DataSetError: The file cannot be read, or a row has too few cells.
    """
    n_least = len(columns.split(", ")) if least is None else least
    reader = csv.reader(_text(path).splitlines(), delimiter=delimiter)
    try:
        for row in reader:
            if not row:
                continue
            if len(row) < n_least:
                raise malformed(path, reader.line_num, f"a row of {columns}")
            yield reader.line_num, row
    except csv.Error as error:
        raise malformed(path, reader.line_num, f"a row of {columns}") from error


def read_table(path: Path, columns: tuple[str, ...]) -> Iterator[tuple[int, list[str]]]:
    """Yield the line numbers and some cells of a table with column names in its first line.

    Raises:
        DataSetError: The file cannot be read, a column is missing, or a row has too few cells.
    """
    rows = read_rows(path, ", ".join(columns))
    _, names = next(rows, (1, []))
    missing = [column for column in columns if column not in names]
    if missing:
        raise malformed(path, 1, f"a line of column names with {' and '.join(missing)}")
    places = [names.index(column) for column in columns]
    for number, row in rows:
        if len(row) <= max(places):
            raise malformed(path, number, f"a row of {', '.join(names)}")
        yield number, [row[place] for place in places]


def read_excluded(config: DataConfig, usual: Iterable[str]) -> tuple[set[str], list[str]]:
    """Read the names of clips to leave out.

    Args:
        config: Files of the data set.
        usual: Names of the published folders of such lists.

    Returns:
        Names without suffix, and notes about missing usual lists.

    Raises:
        DataSetError: A list cannot be read, or a list named in the configuration is missing.
    """
    names: set[str] = set()
    notes: list[str] = []
    places = [list_folder(config) / name for name in usual]
    for place in [*places, *config.exclude]:
        paths = sorted(place.glob("*.txt")) if place.is_dir() else [place]
        if place in places and not place.is_dir():
            notes.append(f"{place} is missing, so its clips are not left out.")
            continue
        for path in paths:
            names |= {name.removesuffix(SUFFIX) for name in read_names(path)}
    return names, notes


def read_fixed(config: DataConfig, usual: str) -> Mapping[str, FixedOffset]:
    """Read the given windows of all splits, by name of the clip; empty without tables.

    Raises:
        DataSetError: A table is malformed, two tables contradict each other, or
            `config.fixed_offsets` has no table.
    """
    place = config.fixed_offsets or list_folder(config) / usual
    paths = [place] if place.is_file() else sorted(place.glob(_TABLES))
    if not paths and config.fixed_offsets is not None:
        raise DataSetError(
            f"{place} is neither a table of offsets nor a folder of tables such as "
            f"{_TABLES.replace('*', 'test')}; correct data.fixed_offsets.",
            path=place,
        )
    fixed: dict[str, FixedOffset] = {}
    for path in paths:
        for number, row in read_table(path, ("path", "offset_sec", "vstart_sec")):
            key, offset = row[0], as_fixed_offset(path, number, row[1], row[2])
            if fixed.setdefault(key, offset) != offset:
                raise malformed(path, number, f"the same as another line about {key}")
    return fixed


def as_fixed_offset(path: Path, number: int, offset: str, start: str) -> FixedOffset:
    """Parse the window in a line.

    Raises:
        DataSetError: Offset or start is not a number of seconds, or the start is before the clip.
    """
    try:
        found = FixedOffset(offset_s=float(offset), start_s=float(start))
    except ValueError as error:
        raise malformed(path, number, "a path, an offset and a start in seconds") from error
    if not (math.isfinite(found.offset_s) and 0 <= found.start_s < math.inf):
        raise malformed(path, number, "a path, a finite offset and a start of 0 s or later")
    return found


def malformed(path: Path, number: int, expected: str) -> DataSetError:
    """Error for a malformed line."""
    return DataSetError(
        f"{path}, line {number}, is not {expected}; correct it, or copy the file again.", path=path
    )


def gathered(
    name: str,
    config: DataConfig,
    items: Iterable[Item],
    fixed: Mapping[str, FixedOffset],
    notes: Iterable[str],
) -> DataSet:
    """Make the data set of all existing clips, in order of their paths.

    Raises:
        DataSetError: No clip exists.
    """
    listed = sorted(items, key=lambda item: item.path.as_posix())
    if not listed:
        raise DataSetError(f"The lists of {name} leave no clips; check the lists.")
    # A folder is listed once: a request per file takes minutes for a million on a network drive.
    there = {folder: _names_in(folder) for folder in {item.path.parent for item in listed}}
    found = tuple(item for item in listed if item.path.name in there[item.path.parent])
    missing = [item for item in listed if item.path.name not in there[item.path.parent]]
    if not found:
        raise DataSetError(
            f"All {len(listed)} clips of {name} are missing, such as {listed[0].path}; name the "
            "folder of the clips with data.root.",
            path=config.root,
        )
    if missing:
        text = f"{len(missing)} of {len(listed)} clips are missing, such as {missing[0].path}."
        notes = [*notes, text]
    return DataSet(name, found, fixed, tuple(notes))


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError as error:
        raise DataSetError(
            f"{path} is missing; copy the lists of the data set there, or correct the path.",
            path=path,
        ) from error
    except (OSError, UnicodeDecodeError) as error:
        raise DataSetError(
            f"{path} cannot be read as text; copy the lists of the data set again.",
            path=path,
            details=str(error),
        ) from error


def _names_in(folder: Path) -> frozenset[str]:
    try:
        return frozenset(path.name for path in folder.iterdir())
    except OSError:
        return frozenset()
