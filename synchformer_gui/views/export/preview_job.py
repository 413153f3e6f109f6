"""Preview of an export, made a moment after the last change to the request."""

from PySide6.QtCore import QObject, QTimer, Signal

from core.errors import SyncError
from core.workflow.export import ExportPreview, ExportRequest, preview
from synchformer_gui.jobs.jobs import Job, JobQueue

_TYPING_MS = 150
_PATIENCE_MS = 600


class PreviewJob(QObject):
    """Previews one request at a time; a newer one takes its place.

    Args:
        queue: Queue for the preview.
    """

    previewed = Signal(object)
    """Carries an ExportPreview."""
    waiting = Signal()
    """The preview takes noticeably long."""

    def __init__(self, queue: JobQueue, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self._queue = queue
        self._request: ExportRequest | None = None
        self._job: Job | None = None
        self._typing, self._patience = QTimer(self), QTimer(self)
        for timer, slot in (
            (self._typing, self._look),
            (self._patience, self.waiting.emit),
        ):
            timer.setSingleShot(True)
            timer.timeout.connect(slot)

    @property
    def is_looking(self) -> bool:
        return self._request is not None

    def look(self, request: ExportRequest, *, is_typing: bool = True) -> None:
        """Preview a request, after a moment if more may be typed."""
        self.forget()
        self._request = request
        self._typing.start(_TYPING_MS if is_typing else 0)
        self._patience.start(_PATIENCE_MS)

    def forget(self) -> None:
        """Cancel the preview."""
        self._typing.stop()
        self._patience.stop()
        self._request = None
        if self._job is not None:
            self._job.cancel()
            self._job = None

    def _look(self) -> None:
        request = self._request
        if request is None:
            return
        self._job = Job(lambda job: preview(request, job))
        self._job.succeeded.connect(self._on_previewed)
        self._job.failed.connect(self._on_failed)
        self._queue.submit(self._job)

    def _on_previewed(self, planned: ExportPreview) -> None:
        if self.sender() is self._job:
            self.forget()
            self.previewed.emit(planned)

    def _on_failed(self, error: SyncError) -> None:
        if self._request is not None:
            self._on_previewed(ExportPreview(self._request, plan_problem=error.message))
