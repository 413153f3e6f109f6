"""What `check --correct-to` does with each clip once it is judged."""

from collections.abc import Callable
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Annotated

import typer

from core.batch.runner import CorrectedCopy, FileResult
from core.detection.repair import detected_correction
from core.detection.result import Detection, Verdict
from core.errors import ExportError, SyncError
from core.media.correction import Correction, Inexact
from core.media.info import MediaInfo
from core.media.plan import plan_correction
from core.media.remux import check_streams
from core.progress import Monitor, Unreported
from synchformer_gui import map_wording
from synchformer_gui.commands.writing import Writing, named_target, refusal
from synchformer_gui.exporting import export_clip

CorrectToOption = Annotated[
    Path | None,
    typer.Option(
        "--correct-to",
        metavar="DIR",
        help="Write a corrected copy of each clip that is out of sync into this folder, under the "
        "same sub-folders; the clips themselves stay as they are.",
    ),
]
RetimeOption = Annotated[
    bool,
    typer.Option("--retime", help="Where the offset drifts or jumps, encode the audio again."),
]
KeepPitchOption = Annotated[
    bool, typer.Option("--keep-pitch", help="Let stretched audio keep its pitch.")
]
InexactOption = Annotated[
    Inexact | None,
    typer.Option(
        "--inexact", help="What to do where the container cannot carry the exact shift (AVI)."
    ),
]


@dataclass(frozen=True, slots=True)
class FolderCorrection:
    """How the clips of a folder are corrected.

    Attributes:
        source: The folder that was checked.
        target: Where the corrected copies go.
        writing: How each is written.
        retimes: Whether sound may be encoded again where the offset changes.
        keeps_pitch: Whether it keeps its pitch then.
        inexact: What may be done where a container cannot carry the exact shift.
        taken: Files of this run; no other clip may replace them.
    """

    source: Path
    target: Path
    writing: Writing
    retimes: bool = False
    keeps_pitch: bool = False
    inexact: Inexact | None = None
    taken: set[Path] = field(default_factory=set)

    def is_own(self, clip: Path) -> bool:
        """Tell whether a clip lies where the copies go, so that it is none to check."""
        return clip.resolve().is_relative_to(self.target.resolve())

    def correct(
        self, result: FileResult, monitor: Monitor, say: Callable[[str], None]
    ) -> FileResult:
        """Write the copy of a clip if it is out of sync; a failure is part of the result.

        Args:
            result: What became of the clip so far.
            monitor: Asked whether to go on.
            say: Told what was written, or why it was not.

        Returns:
            The result with what was written, or why it was not.

        Raises:
            Cancelled: The monitor asked to stop; there is no half file.
        """
        detection = result.detection
        if detection is None or detection.estimate.verdict is not Verdict.OUT_OF_SYNC:
            return result
        try:
            copy = self._copy(detection, Unreported(monitor))
        except SyncError as error:
            copy = CorrectedCopy(None, why_not=error.message, has_failed=True)
        except OSError as error:
            why = f"{error.filename} cannot be written ({error.strerror}); choose another folder."
            copy = CorrectedCopy(None, why_not=why, has_failed=True)
        if copy.path is None:
            say(f"  not corrected: {copy.why_not}")
        else:
            verb = "would write" if self.writing.is_dry else "wrote"
            say(f"  {verb} {copy.path}: audio {copy.words}")
        for note in copy.notes:
            say(f"  note: {note}")
        return replace(result, copy=copy)

    def _copy(self, detection: Detection, monitor: Monitor) -> CorrectedCopy:
        info = detection.info
        if detection.changing_map is not None and not self.retimes:
            return CorrectedCopy(None, why_not="The offset changes; --retime repairs that.")
        correction = detected_correction(
            detection, (detection.audio_stream_index,), self.inexact, keeps_pitch=self.keeps_pitch
        )
        target = self._target(info, correction)
        if target in self.taken:
            raise ExportError(
                f"{target} is the copy of another clip already; choose names that differ with "
                "--name-template.",
                path=target,
            )
        if target.exists() and not self.writing.overwrite:
            why_not = f"{target} exists already; --overwrite replaces it."
            return CorrectedCopy(None, why_not=why_not)
        check_streams(info, target)
        plan = plan_correction(info, correction, target)
        if plan.refused:
            raise ExportError(refusal(plan), path=info.path)
        self.taken.add(target)
        copy = CorrectedCopy(target, map_wording.retiming_text(correction, plan), plan.notes)
        if self.writing.is_dry:
            return copy
        target.parent.mkdir(parents=True, exist_ok=True)
        is_mp4 = plan.streams.output.is_mp4
        wanted = self.writing if is_mp4 else replace(self.writing, layout=None)
        exported = export_clip(wanted.request(info, correction, target), monitor)
        problems = filter(None, (*exported.notes, exported.certificate_problem))
        return replace(copy, notes=(*copy.notes, *problems), is_written=True)

    def _target(self, info: MediaInfo, correction: Correction) -> Path:
        beside = named_target(info, correction, self.writing)
        return self.target / beside.relative_to(self.source)
