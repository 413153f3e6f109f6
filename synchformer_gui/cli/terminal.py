"""The terminal: progress on stderr, cancellation by Ctrl-C, and the log file."""

import logging
import signal
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from io import TextIOWrapper
from logging.handlers import RotatingFileHandler
from pathlib import Path
from types import FrameType

import typer

from core.errors import Cancelled
from core.paths import log_dir
from core.progress import Progress

LOG_NAME = "synchformer-gui.log"
LOG_BYTES = 1_000_000


class TerminalMonitor:
    """Monitor with a progress bar and the remaining time; plain lines if stderr is no terminal.

    Use it through `watched`, because that starts and ends the bar.
    """

    def __init__(self) -> None:
        self._interrupted = threading.Event()
        self._stage = ""
        self._bar = _Bar() if sys.stderr.isatty() else None

    def report(self, progress: Progress) -> None:
        if self._bar is not None:
            self._bar.show(progress)
        elif progress.stage != self._stage:
            typer.echo(f"{progress.stage} …", err=True)
        self._stage = progress.stage

    def check(self) -> None:
        if self._interrupted.is_set():
            raise Cancelled

    def interrupt(self) -> None:
        """Make the next `check` raise Cancelled."""
        self._interrupted.set()

    def say(self, line: str, *, err: bool = False) -> None:
        """Write a line to stdout, or stderr, without tearing the bar."""
        self.stop()
        typer.echo(line, err=err)
        self.start()

    def start(self) -> None:
        """Show the bar."""
        if self._bar is not None:
            self._bar.live.start()

    def stop(self) -> None:
        """Remove the bar."""
        if self._bar is not None:
            self._bar.live.stop()


class _Bar:
    """Progress bar of rich with one task, restarted for each kind of work."""

    def __init__(self) -> None:
        # The import of rich takes a tenth of a second; only a bar needs it.
        from rich.console import Console
        from rich.progress import BarColumn, TaskProgressColumn, TextColumn, TimeRemainingColumn
        from rich.progress import Progress as Live

        self.live = Live(
            TextColumn("{task.description}", markup=False),
            BarColumn(),
            TaskProgressColumn(),
            TimeRemainingColumn(),
            console=Console(stderr=True),
            transient=True,
            redirect_stdout=False,
        )
        self._task = self.live.add_task("Starting", total=None)
        self._fraction = 1.0

    def show(self, progress: Progress) -> None:
        fraction = progress.fraction
        if fraction is not None and fraction < self._fraction:
            # Another kind of work, so the speed so far does not predict the remaining time.
            self.live.reset(self._task, total=1.0)
        self.live.update(self._task, description=progress.stage, completed=fraction)
        self._fraction = 1.0 if fraction is None else fraction


@contextmanager
def watched() -> Iterator[TerminalMonitor]:
    """Show progress while the block runs; Ctrl-C cancels the block at its next check.

    A second Ctrl-C raises KeyboardInterrupt at once.
    """
    monitor = TerminalMonitor()

    def on_interrupt(number: int, frame: FrameType | None) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        monitor.interrupt()

    previous = signal.signal(signal.SIGINT, on_interrupt)
    monitor.start()
    try:
        yield monitor
    finally:
        monitor.stop()
        signal.signal(signal.SIGINT, previous)


class LogFile(RotatingFileHandler):
    """Log file, created together with its folder by the first record.

    Attributes:
        is_broken: True if a record could not be written, for instance because the disk is full.
    """

    is_broken = False

    def handleError(self, record: logging.LogRecord) -> None:  # noqa: N802
        self.is_broken = True

    def close(self) -> None:
        try:
            super().close()
        except OSError:
            self.is_broken = True

    def _open(self) -> TextIOWrapper:
        Path(self.baseFilename).parent.mkdir(parents=True, exist_ok=True)
        return super()._open()


@contextmanager
def log_to_file() -> Iterator[LogFile]:
    """Write log records and Python's warnings to a file while the block runs."""
    path = log_dir() / LOG_NAME
    handler = LogFile(path, maxBytes=LOG_BYTES, backupCount=1, encoding="utf-8", delay=True)
    handler.setFormatter(logging.Formatter("%(asctime)s %(levelname)s %(name)s: %(message)s"))
    root = logging.getLogger()
    level = root.level
    root.addHandler(handler)
    root.setLevel(logging.INFO)
    logging.captureWarnings(True)
    try:
        yield handler
    finally:
        logging.captureWarnings(False)
        root.setLevel(level)
        root.removeHandler(handler)
        handler.close()
