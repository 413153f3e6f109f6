"""Exporting beside the window: what is written is told before it is judged again."""

from dataclasses import dataclass, replace

from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection
from core.progress import Monitor, Progress
from synchformer_gui.exporting import (
    Exported,
    ExportRequest,
    certified,
    copied_stream,
    export_clip,
    judged_again,
    write_export,
)
from synchformer_gui.jobs import Job
from synchformer_gui.tasks import Detector, DetectRequest

_STAGE = "Measuring the new file"
_CANCELLED = "Judging it again was cancelled."
_UNCERTIFIED = "No certificate was written."


@dataclass(frozen=True, slots=True)
class WrittenCopy:
    """A corrected file that is complete and about to be judged again.

    Attributes:
        exported: What there is so far.
        unjudged: What there is if judging it is cancelled.
    """

    exported: Exported
    unjudged: Exported


class _OfCopy:
    """Reports the judging of the new file as one stage, so that nobody takes it for the clip's."""

    def __init__(self, monitor: Monitor) -> None:
        self._monitor = monitor

    def report(self, progress: Progress) -> None:
        """Pass the share on."""
        self._monitor.report(Progress(_STAGE, progress.fraction))

    def check(self) -> None:
        """Ask the monitor behind."""
        self._monitor.check()


def export_job(
    request: ExportRequest, detector: Detector, again: DetectRequest | None = None
) -> Job:
    """Return the job that writes a corrected file; it returns an Exported.

    Args:
        request: What is written.
        detector: Judges the new file, on the same worker as any clip.
        again: How the source was judged or would have been, if the new file is to be judged
            likewise. A WrittenCopy is published then as soon as only that is left to do.
    """

    def work(job: Job) -> Exported:
        def judge_copy(exported: Exported) -> Detection:
            assert again is not None
            job.publish(WrittenCopy(exported, _unjudged(request, exported)))
            index = copied_stream(request.info, exported)
            config = replace(again.config, audio_stream_index=index)
            request_again = replace(again, path=exported.path, config=config)
            return detector.detect(request_again, _OfCopy(job), _ignore)

        if again is None:
            return export_clip(request, job)
        exported = write_export(request, job)
        return certified(request, judged_again(exported, judge_copy))

    return Job(work)


def _unjudged(request: ExportRequest, exported: Exported) -> Exported:
    problem = _UNCERTIFIED if request.certifies else ""
    return replace(exported, notes=(*exported.notes, _CANCELLED), certificate_problem=problem)


def _ignore(_: OffsetEvidence) -> None:
    """Windows of the new file are shown nowhere."""
