"""Progress of long runs on the terminal."""

from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, TaskID, TextColumn, TimeRemainingColumn
from rich.progress import Progress as Bar

from core.progress import Progress


class TerminalMonitor:
    """Shows the progress on standard error, a bar for each stage; never asks to stop."""

    def __init__(self) -> None:
        columns = (TextColumn("{task.description}"), BarColumn(), TimeRemainingColumn())
        self._bar = Bar(*columns, console=Console(stderr=True))
        self._tasks: dict[str, TaskID] = {}

    def __enter__(self) -> Self:
        self._bar.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._bar.stop()

    def report(self, progress: Progress) -> None:
        stage = progress.stage.partition(",")[0]
        if stage not in self._tasks:
            self._tasks[stage] = self._bar.add_task(stage, total=1.0)
        self._bar.update(
            self._tasks[stage], description=progress.stage, completed=progress.fraction or 0.0
        )

    def check(self) -> None:
        """Go on; Ctrl-C ends the program by itself."""
