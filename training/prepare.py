"""Bringing clips into the form that training reads fast, many at once."""

import csv
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from core.errors import SyncError
from core.paths import complete_or_absent
from core.progress import SILENT, Monitor, Progress
from training.data.clip_file import MIN_LENGTH_S, ClipFileError, write_prepared
from training.data.sets.folder import clips_below
from training.terminal import TerminalMonitor
from training.workers import calm_worker

REPORT = "prepare.csv"


class PrepareError(SyncError):
    """A folder of clips cannot be prepared."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """What became of a folder of clips.

    Attributes:
        n_written: Clips written now.
        n_kept: Clips that were there already.
        skipped: Sources that cannot be learned from, and why.
    """

    n_written: int
    n_kept: int
    skipped: tuple[tuple[Path, str], ...]


def prepare(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Clips, also in its folders.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Made if it is missing.")],
    n_workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Processes that encode.")
    ] = 2,
    least_s: Annotated[
        float, typer.Option("--shortest", metavar="S", min=0, help="Skip shorter clips (seconds).")
    ] = MIN_LENGTH_S,
) -> None:
    """Write clips as 25 fps H.264 of 256 px and 16 kHz AAC, going on where it was stopped."""
    with TerminalMonitor() as monitor:
        prepared = prepare_folder(folder, target, n_workers, least_s, monitor)
    typer.echo(f"Written: {prepared.n_written}, there already: {prepared.n_kept}")
    if prepared.skipped:
        typer.echo(f"Skipped: {len(prepared.skipped)}; {target / REPORT} says why")


def prepare_folder(
    folder: Path,
    target: Path,
    n_workers: int = 2,
    least_s: float = MIN_LENGTH_S,
    monitor: Monitor = SILENT,
) -> Prepared:
    """Write what is missing of the clips of a folder, under the same names with .mp4.

    Args:
        folder: Where the clips are, also in folders.
        target: Gets the clips, and a table of those that were skipped.
        n_workers: Processes.
        least_s: Clips that are shorter are skipped.
        monitor: Told how far it is, and asked after each clip whether to go on.

    Raises:
        PrepareError: The folder is missing or empty, or is the target, or the target cannot be
            written to.
        Cancelled: The monitor asked to stop; what is written is complete.
    """
    sources = _sources(folder, target)
    skipped: list[tuple[Path, str]] = []
    waiting: dict[Path, Path] = {}
    n_kept = 0
    by_goal: dict[Path, Path] = {}
    for source in sources:
        goal = target / source.relative_to(folder).with_suffix(".mp4")
        if goal in by_goal:
            skipped.append((source, f"would get the same name as {by_goal[goal].name}"))
            continue
        by_goal[goal] = source
        if goal.exists():
            n_kept += 1
        else:
            waiting[source] = goal
    try:
        target.mkdir(parents=True, exist_ok=True)
        failures = dict(_encoded(waiting, least_s, n_workers, monitor))
        skipped += [(source, failures[source]) for source in waiting if failures[source]]
        skipped.sort()
        _write_report(target / REPORT, folder, skipped)
    except OSError as error:
        raise PrepareError(
            f"{target} cannot be written to ({error.strerror}); make room there or choose another "
            "folder. What is written stays, and the same command goes on from there.",
            path=target,
            details=str(error),
        ) from error
    n_written = sum(not failure for failure in failures.values())
    return Prepared(n_written, n_kept, tuple(skipped))


def _sources(folder: Path, target: Path) -> list[Path]:
    if not folder.is_dir():
        raise PrepareError(f"{folder} is no folder; name the folder of the clips.", path=folder)
    out = target.resolve()
    if out == folder.resolve():
        raise PrepareError(
            f"{folder} cannot get its own clips; name another folder for what is written.",
            path=folder,
        )
    sources = [path for path in clips_below(folder) if out not in path.resolve().parents]
    if not sources:
        raise PrepareError(f"There are no clips in {folder}; name another folder.", path=folder)
    return sources


def _encoded(
    waiting: dict[Path, Path], least_s: float, n_workers: int, monitor: Monitor
) -> Iterator[tuple[Path, str]]:
    """Yield each source and why it was skipped; nothing if it was written."""
    if not waiting:
        return
    with ProcessPoolExecutor(
        n_workers, multiprocessing.get_context("spawn"), initializer=calm_worker
    ) as pool:
        tasks = {
            pool.submit(_encode, source, goal, least_s): source for source, goal in waiting.items()
        }
        try:
            for n_done, task in enumerate(as_completed(tasks), 1):
                yield tasks[task], task.result()
                monitor.report(Progress("Preparing clips", n_done / len(tasks)))
                monitor.check()
        finally:
            pool.shutdown(cancel_futures=True)


def _encode(source: Path, goal: Path, least_s: float) -> str:
    """Write a clip; return why not, if it was not written."""
    goal.parent.mkdir(parents=True, exist_ok=True)
    try:
        write_prepared(source, goal, least_s)
    except ClipFileError as error:
        return error.message
    return ""


def _write_report(path: Path, folder: Path, skipped: list[tuple[Path, str]]) -> None:
    with complete_or_absent(path) as partial, partial.open("w", newline="") as file:
        writer = csv.writer(file)
        writer.writerow(("clip", "why"))
        writer.writerows((source.relative_to(folder).as_posix(), why) for source, why in skipped)
