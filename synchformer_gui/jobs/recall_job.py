"""Answers that take no engine: one that was given earlier, or one judged by another tolerance."""

from PySide6.QtCore import QObject, Signal

from core.detection.answer.verdict import with_tolerance
from core.detection.result import Detection
from core.timing import Tolerance
from synchformer_gui.jobs import tasks
from synchformer_gui.jobs.jobs import Job, JobQueue


class RecallJob(QObject):
    """Looks for one answer at a time; a newer wish takes its place.

    Args:
        queue: Does the looking.
    """

    recalled = Signal(object)
    """Carries a Detection that was kept; nothing is emitted where there is none."""
    verdict_changed = Signal(object)
    """Carries a Detection with another tolerance."""
    failed = Signal(object)
    """Carries a SyncError."""

    def __init__(self, queue: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._job: Job | None = None

    def recall(self, request: tasks.DetectRequest) -> None:
        """Look whether a clip was judged before in the same way."""
        self._job = Job(lambda job: tasks.earlier_detection(request, job))
        self._job.succeeded.connect(self._on_recalled)
        self._submit(self._job)

    def with_tolerance(self, detection: Detection, tolerance: Tolerance) -> None:
        """Judge an answer by another tolerance."""
        self._job = Job(lambda _: with_tolerance(detection, tolerance))
        self._job.succeeded.connect(self._on_verdict)
        self._submit(self._job)

    def forget(self) -> None:
        """Look no further; what still comes is ignored."""
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
