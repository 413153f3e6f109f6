"""Background jobs on thread pools; the only thread code of the app.

A job wraps a function of frozen values. All its signals are emitted on the GUI thread.
"""

import logging
import threading
import time
import traceback
from collections.abc import Callable
from dataclasses import dataclass

from PySide6.QtCore import QObject, Qt, QThreadPool, QTimer, Signal

from core.errors import Cancelled, SyncError
from core.progress import Progress

log = logging.getLogger(__name__)

TICK_MS = 100
"""Time between two deliveries of progress."""

_ETA_AFTER_S = 0.5
_ETA_FROM_FRACTION = 0.02


@dataclass(frozen=True, slots=True)
class JobProgress:
    """Progress of a job.

    Attributes:
        stage: Present work, in words.
        fraction: Finished share of the stage, 0..1; None while unknown.
        remaining_s: Estimated time to the end of the stage in seconds; None while unknown.
    """

    stage: str
    fraction: float | None
    remaining_s: float | None


@dataclass(frozen=True, slots=True)
class _Success:
    value: object


class Job(QObject):
    """One piece of work, and the Monitor of its progress.

    Exactly one of `succeeded`, `failed` and `cancelled` is emitted, then `finished`. Connect before
    submitting.

    Args:
        work: Function of the job, run on a worker thread; returns a frozen value. It may call
            `report`, `check` and `publish` of the job and nothing else of Qt.
    """

    progressed = Signal(object)
    """Carries a JobProgress."""
    published = Signal(object)
    """Carries a tuple of intermediate values."""
    succeeded = Signal(object)
    """Carries the return value of the work."""
    failed = Signal(object)
    """Carries a SyncError."""
    cancelled = Signal()
    finished = Signal()
    _ended = Signal(object)

    def __init__(self, work: Callable[["Job"], object]) -> None:
        super().__init__()
        self._work = work
        self._cancel = threading.Event()
        self._lock = threading.Lock()
        self._unsent: list[object] = []
        self._progress: Progress | None = None
        self._sent: Progress | None = None
        self._stage_since_s = 0.0
        self._ended.connect(self._on_ended, Qt.ConnectionType.QueuedConnection)

    def report(self, progress: Progress) -> None:
        """Note the progress, for the next delivery."""
        with self._lock:
            if self._progress is None or self._progress.stage != progress.stage:
                self._stage_since_s = time.monotonic()
            self._progress = progress

    def check(self) -> None:
        """Stop the work if it was cancelled.

        Raises:
            Cancelled: The job was cancelled.
        """
        if self._cancel.is_set():
            raise Cancelled

    def publish(self, value: object) -> None:
        """Hand over an intermediate value, for the next delivery."""
        with self._lock:
            self._unsent.append(value)

    def cancel(self) -> None:
        """Ask the work to stop. A job that has not begun never does."""
        self._cancel.set()

    def run(self) -> None:
        """Do the work on the calling worker thread."""
        outcome: object
        try:
            self.check()
            outcome = _Success(self._work(self))
        except Cancelled:
            outcome = None
        except SyncError as error:
            outcome = error
        except Exception:
            log.exception("A job failed unexpectedly")
            outcome = SyncError(
                "Something unexpected went wrong; copy the details and report them.",
                details=traceback.format_exc(),
            )
        self._ended.emit(outcome)

    def deliver(self) -> None:
        """Emit the values and the progress since the last delivery."""
        with self._lock:
            progress, since_s = self._progress, self._stage_since_s
            values, self._unsent = tuple(self._unsent), []
        if values:
            self.published.emit(values)
        if progress is not None and progress != self._sent:
            self._sent = progress
            remaining_s = _remaining_s(progress.fraction, time.monotonic() - since_s)
            self.progressed.emit(JobProgress(progress.stage, progress.fraction, remaining_s))

    def _on_ended(self, outcome: object) -> None:
        self.deliver()
        if isinstance(outcome, _Success):
            self.succeeded.emit(outcome.value)
        elif isinstance(outcome, SyncError):
            self.failed.emit(outcome)
        else:
            self.cancelled.emit()
        self.finished.emit()


class JobQueue(QObject):
    """Queue of jobs; runs at most `n_workers` at a time, in the order of submission."""

    def __init__(self, n_workers: int, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._pool = QThreadPool(self)
        self._pool.setMaxThreadCount(n_workers)
        self._live: set[Job] = set()
        self._timer = QTimer(self)
        self._timer.setInterval(TICK_MS)
        self._timer.timeout.connect(self._on_tick)

    def submit(self, job: Job) -> None:
        """Start the job as soon as a worker is free."""
        job.finished.connect(self._on_finished)
        self._live.add(job)
        self._timer.start()
        self._pool.start(job.run)

    def close(self) -> None:
        """Cancel all jobs and wait until every worker has returned."""
        for job in self._live:
            job.cancel()
        self._pool.waitForDone()

    def _on_tick(self) -> None:
        for job in tuple(self._live):
            job.deliver()

    def _on_finished(self) -> None:
        job = self.sender()
        if isinstance(job, Job):
            self._live.discard(job)
        if not self._live:
            self._timer.stop()


def _remaining_s(fraction: float | None, elapsed_s: float) -> float | None:
    if fraction is None or fraction < _ETA_FROM_FRACTION or elapsed_s < _ETA_AFTER_S:
        return None
    return elapsed_s * (1 - fraction) / fraction
