"""Progress of long runs on the terminal, or in the file that stands for it."""

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from core.progress import Progress

LINE_EVERY_S = 30
"""So often a line is written where there is no terminal to draw a bar on."""

_SPEED_OVER_S = 1800
"""What the time that is left is estimated from; a single step may take minutes."""


class TerminalMonitor:
    """Shows the progress on standard error, a bar for each stage; never asks to stop.

    Where that is no terminal, there is a line for each stage, one every half a minute, and one with
    the last words.
    """

    def __init__(self) -> None:
        self._console = Console(stderr=True)
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=self._console, speed_estimate_period=_SPEED_OVER_S)
        self._tasks: dict[str, TaskID] = {}
        self._last_line_s = 0.0
        self._unwritten: TaskID | None = None

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        if self._console.is_terminal:
            self._bar.stop()
        elif self._unwritten is not None:
            self._write_line(self._unwritten)

    def report(self, progress: Progress) -> None:
        stage = progress.stage.partition(",")[0]
        is_new = stage not in self._tasks
        if is_new:
            self._tasks[stage] = self._bar.add_task(stage, total=1.0)
        task = self._tasks[stage]
        self._bar.update(task, description=progress.stage, completed=progress.fraction or 0.0)
        if self._console.is_terminal:
            return
        if self._unwritten not in (None, task):
            self._write_line(self._unwritten)
        self._unwritten = task
        if is_new or time.monotonic() - self._last_line_s >= LINE_EVERY_S:
            self._write_line(task)

    def check(self) -> None:
        """Go on; Ctrl-C ends the program by itself."""

    def _write_line(self, task_id: TaskID) -> None:
        task = next(task for task in self._bar.tasks if task.id == task_id)
        left_s = task.time_remaining
        left = "" if not left_s else f", {left_s / 60:.0f} minutes left"
        self._console.print(
            f"{time.strftime('%H:%M:%S')} {task.percentage:3.0f} %{left}: {task.description}",
            soft_wrap=True,
            highlight=False,
            markup=False,
        )
        self._last_line_s, self._unwritten = time.monotonic(), None
