"""Export job of the window: the new file is announced before it is detected again.

A complete file is always announced, even after the job was cancelled.
"""

from dataclasses import replace

from PySide6.QtCore import QObject, Signal

from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection
from core.errors import SyncError
from core.progress import Monitor, Progress
from core.workflow import export
from core.workflow.export import Exported, ExportPreview, copied_stream
from synchformer_gui.jobs.jobs import Job
from synchformer_gui.jobs.tasks import Detector, DetectRequest

_STAGE = "Analyzing the new file"
_CANCELLED = "Analyzing it again was cancelled."
_BROKEN_OFF = "Analyzing it again ended unexpectedly."
_UNCERTIFIED = "No certificate was written."


class Export(QObject):
    """One export; it announces a complete file even after it was cancelled.

    Args:
        planned: The preview of the file.
        detector: Detects the offset of the new file, on the same worker as any clip.
        again: Detection request of the source, to be repeated with the new file; None does not.
        parent: Qt parent, until the export is over.
    """

    progressed = Signal(object)
    """Carries a JobProgress."""
    written = Signal(object)
    """Carries an Exported that is complete and about to be detected again."""
    done = Signal(object)
    """Carries an Exported, a second time if more was done after it was cancelled."""
    failed = Signal(object)
    """Carries a SyncError; `done` follows if the file was complete before."""
    abandoned = Signal(object)
    """Carries the Path of a file that was cancelled."""

    def __init__(
        self,
        planned: ExportPreview,
        detector: Detector,
        again: DetectRequest | None,
        parent: QObject,
    ) -> None:
        super().__init__(parent)
        self.request = planned.request
        self.job = _export_job(planned, detector, again)
        self._detects_again = again is not None
        self._is_cancelled = False
        self._complete: Exported | None = None
        self.job.progressed.connect(self.progressed)
        self.job.published.connect(self._on_published)
        self.job.succeeded.connect(self.done)
        self.job.failed.connect(self._on_failed)
        self.job.cancelled.connect(self._on_cancelled)
        self.job.finished.connect(self.deleteLater)

    def cancel(self) -> None:
        """Ask the work to stop; a complete file stays and is announced at once."""
        self._is_cancelled = True
        self.job.cancel()
        self._end_complete(_CANCELLED)

    def _end_complete(self, note: str) -> None:
        """Announce a complete file if nothing follows, with a note on its detection."""
        exported = self._complete
        if exported is not None:
            notes = (*exported.notes, note) if self._detects_again else exported.notes
            problem = _UNCERTIFIED if self.request.certifies else ""
            self.done.emit(replace(exported, notes=notes, certificate_problem=problem))

    def _on_published(self, values: tuple[Exported, ...]) -> None:
        self._complete = values[-1]
        if self._is_cancelled:
            self._end_complete(_CANCELLED)
        elif self._detects_again:
            self.written.emit(self._complete)

    def _on_failed(self, error: SyncError) -> None:
        if not self._is_cancelled:
            self.failed.emit(error)
            self._end_complete(_BROKEN_OFF)
        elif self._complete is None:
            self._on_cancelled()

    def _on_cancelled(self) -> None:
        if self._complete is None:
            self.abandoned.emit(self.request.target)


class _OfCopy:
    """Reports the detection of the new file as one stage, apart from that of the clip."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def report(self, progress: Progress) -> None:
        """Pass the fraction on."""
        self._monitor.report(Progress(_STAGE, progress.fraction))

    def check(self) -> None:
        """Ask the other monitor."""
        self._monitor.check()


def _export_job(planned: ExportPreview, detector: Detector, again: DetectRequest | None) -> Job:
    """Job that exports a file; it publishes and returns an Exported."""

    def work(job: Job) -> Exported:
        def detect_copy(exported: Exported) -> Detection:
            assert again is not None
            config = replace(again.config, audio_stream_index=copied_stream(exported))
            request_again = replace(again, path=exported.path, config=config)
            return detector.detect(request_again, _OfCopy(job), _ignore)

        detect = detect_copy if again is not None else None
        return export.export(planned, job, on_written=job.publish, detect=detect)

    return Job(work)


def _ignore(_: OffsetEvidence) -> None:
    """Drop the evidence of the new file, shown nowhere."""
