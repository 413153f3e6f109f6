"""Export of the corrected clips of a folder into another one, for `check`."""

import logging
from dataclasses import dataclass, field, replace
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from core.correction.correction import Correction
from core.correction.plan.file_name import default_target
from core.detection.result import Detection, Verdict
from core.errors import Cancelled, ExportError, SyncError
from core.media.formats.output_format import output_format
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import Monitor
from core.workflow import export
from core.workflow.folder import CorrectedNames, FileCorrection, FileResult, Outcome
from synchformer_gui.cli.correct_options import CorrectOptions
from synchformer_gui.cli.export_options import ExportOptions, problem_sentences
from synchformer_gui.cli.shared_options import wrong_usage
from synchformer_gui.wording.export import correction_text, exported_lines

log = logging.getLogger(__name__)

CorrectToOption = Annotated[
    Path | None,
    typer.Option(
        "--correct-to",
        metavar="DIR",
        help="Write a corrected copy of every clip that is out of sync into DIR, under the same "
        "sub-folders. Clips in sync, or with the verdict cannot tell, are left alone.",
    ),
]
MoveAllOption = Annotated[
    bool,
    typer.Option("--move-all", help="Move all audio streams of a clip, not only the analyzed one."),
]
DryRunOption = Annotated[bool, typer.Option("--dry-run", help="Write no clip; print the plan.")]

_REPLACE_ADVICE = " with --name-template or add --overwrite"
_CANNOT_TELL = "Not corrected: whether it is in sync cannot be told."
_CHANGING = (
    "Not corrected: its offset changes over the clip; --retime corrects that, and encodes the "
    "audio again."
)


@dataclass(frozen=True, slots=True)
class FolderExportOptions:
    """Options of the corrected clips.

    Attributes:
        export: Options of each file; without an `output`.
        correct: Options of the corrections.
        moves_all: Whether all audio streams are moved, or the analyzed one only.
    """

    export: ExportOptions = field(default_factory=ExportOptions)
    correct: CorrectOptions = field(default_factory=CorrectOptions)
    moves_all: bool = False

    def __post_init__(self) -> None:
        if self.correct.keeps_pitch and not self.correct.retimes:
            raise typer.BadParameter("needs --retime", param_hint="--keep-pitch")
        unknown = MediaInfo(Path("clip.mkv"), "matroska,webm", 0.0, 0, (), (), ())
        with wrong_usage("--name-template"):
            default_target(unknown, None, self.export.template, Correction((0,), Fraction(0)))


class FolderExport:
    """Exports corrected clips, one by one; the failure of one does not stop the others.

    Args:
        folder: Folder of the clips.
        goal: Folder of the corrected ones; made if it is missing.
        options: Options of the corrected clips.
        sources: All clips; none of them is ever replaced.
    """

    def __init__(
        self, folder: Path, goal: Path, options: FolderExportOptions, sources: tuple[Path, ...]
    ) -> None:
        self._folder, self._goal, self._options = folder, goal, options
        self._names = CorrectedNames(folder, sources)

    def correct(self, result: FileResult, monitor: Monitor) -> FileCorrection:
        """Correct a clip that is out of sync.

        Raises:
            Cancelled: The monitor asked to stop; only complete files stay.
        """
        detection = result.detection
        if detection is None:
            return FileCorrection(Outcome.LEFT_ALONE)
        if detection.estimate.verdict is Verdict.IN_SYNC:
            return FileCorrection(Outcome.NOT_NEEDED)
        if not self._options.correct.applies_to(detection):
            is_out = detection.estimate.verdict is Verdict.OUT_OF_SYNC
            why = _CHANGING if is_out else _CANNOT_TELL
            return FileCorrection(Outcome.LEFT_ALONE, sentences=(why,))
        try:
            return self._export(probe(result.path), detection, monitor)
        except Cancelled:
            raise
        except SyncError as error:
            log.info("%s: %s", result.path, error.message)
            why = error.message
        except Exception as error:  # One file must not end the run over all the others.
            log.exception("%s could not be corrected", result.path)
            why = f"{result.path} could not be corrected: {error!r}; see the log."
        return FileCorrection(Outcome.FAILED, sentences=(f"Not corrected: {why}",))

    def _export(self, info: MediaInfo, detection: Detection, monitor: Monitor) -> FileCorrection:
        options = self._options
        all_streams = tuple(audio.index for audio in info.audios)
        streams = all_streams if options.moves_all else (detection.audio_stream_index,)
        correction = options.correct.correction(detection, streams)
        target = self._target(info, correction)
        layout = options.export.layout if output_format(target, info.container).is_mp4 else None
        request = options.export.request(info, correction, target, layout)
        planned = export.preview(replace(request, makes_folder=True), monitor)
        if planned.plan is None:
            raise ExportError(planned.plan_problem, path=info.path)
        self._names.check(target)
        moved = correction_text(correction, planned.plan)
        moved_s = planned.plan.moved_s if correction.retiming is None else None
        if export.is_exported(planned, monitor):
            self._names.claim(target, info.path)
            found = f"{target} is there already and up to date: audio {moved}."
            return FileCorrection(Outcome.ALREADY_THERE, target, moved_s, (found,))
        if problems := problem_sentences(planned, _REPLACE_ADVICE):
            raise ExportError(problems[0], path=info.path, details="\n".join(problems))
        notes = [f"Note: {sentence}" for sentence in planned.plan.notes]
        if options.export.is_dry:
            self._names.claim(target, info.path)
            said = (*notes, f"Would write {target}: audio {moved}.")
            return FileCorrection(Outcome.WOULD_BE_WRITTEN, target, moved_s, said)
        exported = export.export(planned, monitor)
        self._names.claim(target, info.path)
        said = (*notes, *exported_lines(exported, str(target)))
        is_certified = not exported.certificate_problem
        return FileCorrection(Outcome.WRITTEN, target, moved_s, said, is_certified)

    def _target(self, info: MediaInfo, correction: Correction) -> Path:
        usual = default_target(info, correction.inexact, self._options.export.template, correction)
        return self._goal / info.path.relative_to(self._folder).with_name(usual.name)


def check_goal(goal: Path, folder: Path) -> None:
    """Check that corrected clips go into a folder of their own.

    Raises:
        typer.BadParameter: They would not.
    """
    if goal.exists() and not goal.is_dir():
        raise typer.BadParameter(f"{goal} is a file; name a folder", param_hint="--correct-to")
    if goal.resolve() == folder.resolve():
        raise typer.BadParameter(
            f"{goal} holds the clips themselves; name a folder for the corrected ones",
            param_hint="--correct-to",
        )
