"""Answers without an engine: an earlier answer, or a verdict by another tolerance."""

from PySide6.QtCore import QObject, Signal

from core.detection.answer.verdict import with_tolerance
from core.detection.result import Detection
from core.timing import Tolerance
from synchformer_gui.jobs import tasks
from synchformer_gui.jobs.jobs import Job, JobQueue


class RecallJob(QObject):
    """Looks for one answer at a time; a newer request replaces the last one.

    Args:
        queue: Runs the jobs.
    """

    recalled = Signal(object)
    """Carries an earlier Detection; not emitted if there is none."""
    verdict_changed = Signal(object)
    """Carries a Detection with another tolerance."""
    failed = Signal(object)
    """Carries a SyncError."""

    def __init__(self, queue: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._job: Job | None = None

    def recall(self, request: tasks.DetectRequest) -> None:
        """Look for an earlier answer to the request."""
        self._job = Job(lambda job: tasks.earlier_detection(request, job))
        self._job.succeeded.connect(self._on_recalled)
        self._submit(self._job)

    def with_tolerance(self, detection: Detection, tolerance: Tolerance) -> None:
        """Derive the verdict of a detection by another tolerance."""
        self._job = Job(lambda _: with_tolerance(detection, tolerance))
        self._job.succeeded.connect(self._on_verdict)
        self._submit(self._job)

    def forget(self) -> None:
        """Stop looking; later results are ignored."""
        self._job = None

    def _submit(self, job: Job) -> None:
        job.failed.connect(self.failed)
        self._queue.submit(job)

    def _on_recalled(self, detection: Detection | None) -> None:
        if self.sender() is self._job and detection is not None:
            self._job = None
            self.recalled.emit(detection)

    def _on_verdict(self, detection: Detection) -> None:
        if self.sender() is self._job:
            self._job = None
            self.verdict_changed.emit(detection)
