"""`prepare`: transcode the clips of a folder for fast reading in training."""

import csv
import multiprocessing
from collections.abc import Iterator
from concurrent.futures import ProcessPoolExecutor, as_completed
from concurrent.futures.process import BrokenProcessPool
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from core.errors import SyncError
from core.paths import complete_or_absent, remove_left_over
from core.progress import SILENT, Monitor, Progress
from training.data.clip_file import MIN_LENGTH_S, ClipFileError, write_prepared
from training.data.sets.folder import clips_below
from training.data.workers import calm_worker
from training.terminal import TerminalMonitor

REPORT = "prepare.csv"


class PrepareError(SyncError):
    """A folder of clips cannot be prepared."""


@dataclass(frozen=True, slots=True)
class Prepared:
    """Result of preparing a folder of clips.

    Attributes:
        n_written: Number of clips written in this run.
        n_kept: Number of existing clips.
        skipped: Unusable sources, each with a reason.
    """

    n_written: int
    n_kept: int
    skipped: tuple[tuple[Path, str], ...]


def prepare(
    folder: Annotated[Path, typer.Argument(metavar="FOLDER", help="Clips, also in sub-folders.")],
    target: Annotated[Path, typer.Argument(metavar="OUT", help="Created if missing.")],
    n_workers: Annotated[
        int, typer.Option("--workers", metavar="N", min=1, help="Number of encoding processes.")
    ] = 2,
    least_s: Annotated[
        float, typer.Option("--shortest", metavar="S", min=0, help="Skip shorter clips, seconds.")
    ] = MIN_LENGTH_S,
) -> None:
    """Write clips as 25 fps H.264 of 256 px and 16 kHz AAC; existing clips are kept."""
    with TerminalMonitor() as monitor:
        prepared = prepare_folder(folder, target, n_workers, least_s, monitor)
    typer.echo(f"Written: {prepared.n_written}, there already: {prepared.n_kept}")
    if prepared.skipped:
        typer.echo(f"Skipped: {len(prepared.skipped)}; see {target / REPORT} for the reasons")


def prepare_folder(
    folder: Path,
    target: Path,
    n_workers: int = 2,
    least_s: float = MIN_LENGTH_S,
    monitor: Monitor = SILENT,
) -> Prepared:
    """Write the missing clips of a folder under their names with .mp4.

    Also on errors and cancellation, written clips are complete, and the table of skipped clips is
    up to date.

    Args:
        folder: Folder of the clips, also in sub-folders.
        target: Folder for the clips and a table of the skipped ones.
        n_workers: Number of processes.
        least_s: Shortest clip in seconds; shorter ones are skipped.
        monitor: Gets the progress; may cancel after each clip.

    Raises:
        PrepareError: The folder is missing, empty or equal to the target, the target cannot be
            written to, or an encoding process was killed.
        Cancelled: The monitor asked to stop.
    """
    goals, skipped = _goals(_sources(folder, target), folder, target)
    waiting = {source: goal for source, goal in goals.items() if not goal.exists()}
    n_written = 0
    try:
        target.mkdir(parents=True, exist_ok=True)
        for place in {goal.parent for goal in goals.values()}:
            remove_left_over(place)
        try:
            for source, failure in _encoded(waiting, least_s, n_workers, monitor):
                if failure:
                    skipped.append((source, failure))
                else:
                    n_written += 1
        finally:
            _write_report(target / REPORT, folder, sorted(skipped))
    except OSError as error:
        raise PrepareError(
            f"{target} cannot be written to ({error.strerror}); make room there or choose another "
            "folder. Written clips stay, and the same command resumes there.",
            path=target,
            details=str(error),
        ) from error
    return Prepared(n_written, len(goals) - len(waiting), tuple(sorted(skipped)))


def _sources(folder: Path, target: Path) -> list[Path]:
    if not folder.is_dir():
        raise PrepareError(f"{folder} is not a folder; name the folder of the clips.", path=folder)
    out = target.resolve()
    if out == folder.resolve():
        raise PrepareError(
            f"{folder} cannot be both source and target; name another target folder.",
            path=folder,
        )
    sources = [path for path in clips_below(folder) if out not in path.resolve().parents]
    if not sources:
        raise PrepareError(f"There are no clips in {folder}; name another folder.", path=folder)
    return sources


def _goals(
    sources: list[Path], folder: Path, target: Path
) -> tuple[dict[Path, Path], list[tuple[Path, str]]]:
    """Target of each source, and the sources without one because of equal names."""
    source_of: dict[Path, Path] = {}
    skipped = []
    for source in sources:
        goal = target / source.relative_to(folder).with_suffix(".mp4")
        kept = source_of.setdefault(goal, source)
        if kept != source:
            skipped.append((source, f"would get the same name as {kept.name}"))
    return {source: goal for goal, source in source_of.items()}, skipped


def _encoded(
    waiting: dict[Path, Path], least_s: float, n_workers: int, monitor: Monitor
) -> Iterator[tuple[Path, str]]:
    """Yield each source and the reason for skipping it; empty if written."""
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
        except BrokenProcessPool as error:
            raise _killed(waiting) from error
        finally:
            pool.shutdown(cancel_futures=True)


def _killed(waiting: dict[Path, Path]) -> PrepareError:
    """Error for a worker killed by the system, with the clips in progress."""
    partial = [
        path for place in {one.parent for one in waiting.values()} for path in place.glob(".*~")
    ]
    begun = [
        source
        for source, goal in waiting.items()
        if any(
            one.parent == goal.parent and one.name.startswith(f".{goal.name}.") for one in partial
        )
    ]
    clips = f" It was encoding {' or '.join(map(str, begun))}." if begun else ""
    return PrepareError(
        f"An encoding process was killed, probably for lack of memory.{clips} Run the command again"
        " with fewer --workers; written clips stay. If it is always the same clip, move it"
        " elsewhere.",
        path=begun[0] if begun else None,
    )


def _encode(source: Path, goal: Path, least_s: float) -> str:
    """Write a clip; returns the reason for skipping it, or an empty text."""
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
