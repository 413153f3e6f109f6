"""The open clip, its answer and its running job; no widgets."""

from enum import Enum, auto
from pathlib import Path

from PySide6.QtCore import QObject, Signal

from core.detection.answer.verdict import with_tolerance
from core.detection.config import DetectionConfig
from core.detection.engines.open import EngineChoice
from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection
from core.errors import SyncError
from core.media.info import MediaInfo
from core.media.probe import probe
from core.timing import TOLERANCES, TimeSpan, tolerance_named
from core.workflow.export import Exported, ExportPreview
from synchformer_gui.jobs.export_job import Export
from synchformer_gui.jobs.jobs import Job, JobQueue
from synchformer_gui.jobs.tasks import Detector, DetectRequest, earlier_detection
from synchformer_gui.settings import Preferences
from synchformer_gui.wording.verdict import detection_obstacle

N_PROBERS = 2


class Activity(Enum):
    """Present work on the open clip."""

    NONE = auto()
    OPENING = auto()
    DETECTING = auto()
    EXPORTING = auto()
    DETECTING_COPY = auto()
    """The corrected file is complete and is analyzed again."""


class Session(QObject):
    """Opens, analyzes and exports one clip at a time.

    Opening another clip cancels the jobs of the clip before. Late results of a cancelled job are
    ignored, except complete files.
    """

    activity_changed = Signal(object)
    """Carries an Activity."""
    opening = Signal(object)
    """Carries the Path to be read. If reading fails, the previous clip stays open."""
    opened = Signal(object)
    """Carries a MediaInfo."""
    progressed = Signal(object)
    """Carries a JobProgress."""
    detection_dropped = Signal()
    """The answer does not fit the present choices, or a new detection starts."""
    evidence_added = Signal(object)
    """Carries a tuple of OffsetEvidence."""
    detected = Signal(object)
    """Carries a Detection; emitted again if another tolerance changes the verdict."""
    exported = Signal(object)
    """Carries an Exported; emitted again after its second detection ended in any way."""
    exported_before = Signal(object)
    """Carries an Exported of an earlier clip."""
    abandoned = Signal(object)
    """Carries the Path of an export cancelled by the opening of another clip."""
    stopped = Signal()
    """The user cancelled."""
    failed = Signal(object)
    """Carries a SyncError."""

    def __init__(self, parent: QObject | None = None) -> None:
        super().__init__(parent)
        self.worker = JobQueue(1, self)
        self.probers = JobQueue(N_PROBERS, self)
        self._detector = Detector()
        self._job: Job | Export | None = None
        self._opening: Job | None = None
        self._recalling: Job | None = None
        self._is_earlier = False
        self._tolerance = TOLERANCES[0]
        self._activity = Activity.NONE
        self._announced = Activity.NONE
        self._info: MediaInfo | None = None
        self._audio_stream_index: int | None = None
        self._region: TimeSpan | None = None
        self._detection: Detection | None = None

    @property
    def activity(self) -> Activity:
        if self._activity is Activity.NONE and self._opening is not None:
            return Activity.OPENING
        return self._activity

    @property
    def info(self) -> MediaInfo | None:
        return self._info

    @property
    def detection(self) -> Detection | None:
        return self._detection

    @property
    def is_earlier(self) -> bool:
        """True if the answer comes from the cache."""
        return self._is_earlier

    @property
    def can_detect(self) -> bool:
        info = self._info
        return self.activity is Activity.NONE and info is not None and not detection_obstacle(info)

    @property
    def can_export(self) -> bool:
        """True if the clip can be exported; an answer is not needed."""
        return self.can_detect

    @property
    def audio_stream_index(self) -> int | None:
        """Chosen stream of the container; None if there is no audio."""
        return self._audio_stream_index

    def open(self, path: Path) -> None:
        """Read a file. On success it replaces the open clip and cancels its jobs."""
        if self._opening is not None:
            self._opening.cancel()
        self.opening.emit(path)
        self._opening = Job(lambda _: probe(path))
        self._opening.succeeded.connect(self._on_probed)
        self._opening.failed.connect(self._on_not_probed)
        self._announce()
        self.probers.submit(self._opening)

    def choose_audio(self, stream_index: int) -> None:
        """Choose the stream of the container to analyze and move."""
        if stream_index != self._audio_stream_index:
            self._audio_stream_index = stream_index
            self._drop_detection()

    def choose_region(self, span: TimeSpan | None) -> None:
        """Choose the part of the clip to analyze; None for the whole clip."""
        self._region = span
        self._drop_detection()

    def choose_tolerance(self, name: str) -> None:
        """Choose the tolerance of the verdict, also for the present answer."""
        self._tolerance = tolerance_named(name)
        self._recalling = None
        detection = self._detection
        if detection is not None and detection.config.tolerance != self._tolerance:
            tolerance = self._tolerance
            job = Job(lambda _: with_tolerance(detection, tolerance))
            job.succeeded.connect(self._on_verdict)
            self._begin_recalling(job)

    def recall(self, preferences: Preferences) -> None:
        """Show the cached answer of the open clip, if there is one for the same options."""
        if self._info is None or not self.can_detect or self._detection is not None:
            return
        request = self._request(self._info, preferences)
        job = Job(lambda job: earlier_detection(request, job))
        job.succeeded.connect(self._on_recalled)
        self._begin_recalling(job)

    def detect(self, preferences: Preferences) -> None:
        """Find the offset of the open clip, whether or not there is a cached answer."""
        if self._info is None or not self.can_detect:
            return
        request = self._request(self._info, preferences)
        self._drop_detection()
        job = Job(lambda job: self._detector.detect(request, job, job.publish))
        job.published.connect(self._on_published)
        job.succeeded.connect(self._on_detected)
        self._begin(job, Activity.DETECTING)
        self.worker.submit(job)

    def export(self, planned: ExportPreview, recheck_with: Preferences | None = None) -> None:
        """Export a corrected copy of the open clip; ignored for another clip.

        Args:
            planned: The preview of the export.
            recheck_with: Preferences for a detection of the new file; None for no detection.
        """
        info = planned.request.info
        if not self.can_export or info is not self._info:
            return
        again = self._request(info, recheck_with) if recheck_with else None
        export = Export(planned, self._detector, again, self)
        export.written.connect(self._on_written)
        export.done.connect(self._on_exported)
        export.abandoned.connect(self._on_abandoned)
        self._begin(export, Activity.EXPORTING)
        self.worker.submit(export.job)

    def cancel(self) -> None:
        """Cancel the present work. For the user it ends at once."""
        if self._opening is not None:
            self._opening.cancel()
            self._opening = None
            if self._job is None:
                self._announce()
                self.stopped.emit()
        self._stop()

    def close(self) -> None:
        """Cancel everything and wait for the workers."""
        self._opening = self._job = self._recalling = None
        self.probers.close()
        self.worker.close()

    def _request(self, info: MediaInfo, preferences: Preferences) -> DetectRequest:
        self._tolerance = tolerance_named(preferences.tolerance)
        region = self._region
        config = DetectionConfig(
            tolerance=self._tolerance,
            audio_stream_index=self._audio_stream_index,
            start_s=region.start_s if region else 0.0,
            end_s=region.end_s if region else None,
            stops_early=preferences.extent == "auto",
        )
        choice = EngineChoice(preferences.model, preferences.device, preferences.precision)
        return DetectRequest(info.path, config, choice)

    def _begin_recalling(self, job: Job) -> None:
        """Start an answer without an engine; a newer one replaces it."""
        job.failed.connect(self.failed)
        self._recalling = job
        self.probers.submit(job)

    def _begin(self, job: Job | Export, activity: Activity) -> None:
        job.progressed.connect(self._on_progressed)
        job.failed.connect(self._on_failed)
        self._job = job
        self._activity = activity
        self._announce()

    def _stop(self) -> None:
        job = self._job
        if job is not None:
            self._end()
            self.stopped.emit()
            job.cancel()

    def _end(self) -> None:
        self._job = None
        self._activity = Activity.NONE
        self._announce()

    def _announce(self) -> None:
        if self.activity is not self._announced:
            self._announced = self.activity
            self.activity_changed.emit(self._announced)

    def _drop_detection(self) -> None:
        if self._activity is Activity.DETECTING:
            self._stop()
        self._detection = None
        self._is_earlier = False
        self._recalling = None
        self.detection_dropped.emit()

    def _is_stale(self) -> bool:
        return self.sender() is not self._job

    def _on_progressed(self, progress: object) -> None:
        if not self._is_stale():
            self.progressed.emit(progress)

    def _on_published(self, evidence: tuple[OffsetEvidence, ...]) -> None:
        if not self._is_stale():
            self.evidence_added.emit(evidence)

    def _on_probed(self, info: MediaInfo) -> None:
        if self.sender() is not self._opening:
            return
        self._opening = None
        # Set first, so that an export of the previous clip is not taken for one of this clip.
        self._info = info
        self._stop()
        self._region = None
        self._audio_stream_index = info.audios[0].index if info.audios else None
        self._drop_detection()
        self._announce()
        self.opened.emit(info)

    def _on_not_probed(self, error: SyncError) -> None:
        if self.sender() is self._opening:
            self._opening = None
            self._announce()
            self.failed.emit(error)

    def _on_detected(self, detection: Detection) -> None:
        if not self._is_stale():
            self._detection = detection
            self._end()
            self.detected.emit(detection)
            self.choose_tolerance(self._tolerance.name)

    def _on_recalled(self, detection: Detection | None) -> None:
        if self.sender() is not self._recalling or detection is None:
            return
        self._recalling = None
        self._detection = detection
        self._is_earlier = True
        # With an answer, views offer more.
        self.activity_changed.emit(self.activity)
        self.evidence_added.emit(detection.evidence)
        self.detected.emit(detection)
        self.choose_tolerance(self._tolerance.name)

    def _on_verdict(self, detection: Detection) -> None:
        if self.sender() is self._recalling:
            self._recalling = None
            self._detection = detection
            self.detected.emit(detection)

    def _on_written(self, exported: Exported) -> None:
        if not self._is_stale():
            self._activity = Activity.DETECTING_COPY
            self._announce()
            self.exported.emit(exported)

    def _on_exported(self, exported: Exported) -> None:
        if not self._is_stale():
            self._end()
        (self.exported if self._is_of_clip() else self.exported_before).emit(exported)

    def _on_abandoned(self, target: Path) -> None:
        if not self._is_of_clip():
            self.abandoned.emit(target)

    def _is_of_clip(self) -> bool:
        export = self.sender()
        return isinstance(export, Export) and export.request.info is self._info

    def _on_failed(self, error: SyncError) -> None:
        if not self._is_stale():
            self._end()
            self.failed.emit(error)
