"""Progress of long runs as lines on standard error, on a terminal and in a log file alike."""

import time
from typing import Self

import typer

from core.progress import Progress

LINE_EVERY_S = 30
"""Time between two lines of a stage."""


class TerminalMonitor:
    """Writes progress and the remaining time, estimated from the pace of the stage; never cancels.

    There is a line when a stage begins, one every half a minute, and a last one. A stage is the
    text before the first comma of `Progress.stage`.
    """

    def __init__(self) -> None:
        self._stage = ""
        self._begin_s, self._begin_fraction = 0.0, 0.0
        self._line, self._written_s = "", 0.0

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._write()

    def report(self, progress: Progress) -> None:
        now_s, fraction = time.monotonic(), progress.fraction or 0.0
        stage = progress.stage.partition(",")[0]
        is_new = stage != self._stage
        if is_new:
            self._write()
            self._stage, self._begin_s, self._begin_fraction = stage, now_s, fraction
        left, done = "", fraction - self._begin_fraction
        if done > 0 and fraction < 1:
            left_s = (now_s - self._begin_s) * (1 - fraction) / done
            left = f", {left_s / 60:.0f} minutes left"
        clock = time.strftime("%H:%M:%S")
        self._line = f"{clock} {100 * fraction:3.0f} %{left}: {progress.stage}"
        if is_new or now_s - self._written_s >= LINE_EVERY_S:
            self._write()

    def check(self) -> None:
        """Go on; Ctrl-C raises KeyboardInterrupt by itself."""

    def _write(self) -> None:
        if self._line:
            typer.echo(self._line, err=True)
            self._line, self._written_s = "", time.monotonic()
