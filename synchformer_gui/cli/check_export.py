"""How `check` writes the corrected clips of a folder into another one."""

import logging
from dataclasses import dataclass, field
from fractions import Fraction
from pathlib import Path
from typing import Annotated

import typer

from core.correction.correction import Correction
from core.correction.plan.destination import check_destination, not_written, taken_sentence
from core.correction.plan.file_name import default_target
from core.correction.plan.plan import CorrectionPlan, plan_correction
from core.correction.verify.certificate import certificate_beside, is_certificate
from core.correction.verify.verify import verify_corrected
from core.correction.write.write import check_correction
from core.detection.result import Detection, Verdict
from core.errors import Cancelled, ExportError, SyncError
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import Monitor
from core.workflow.export import ExportRequest, export_clip, taken_file
from core.workflow.folder import FileResult
from core.workflow.folder_result import FileCorrection, Outcome
from synchformer_gui.cli.correct_options import Repair
from synchformer_gui.cli.export_options import Writing, refusals
from synchformer_gui.wording.export import correction_text, exported_lines

log = logging.getLogger(__name__)

CorrectToOption = Annotated[
    Path | None,
    typer.Option(
        "--correct-to",
        metavar="DIR",
        help="Write a corrected copy of every clip that is out of sync into DIR, under the same "
        "sub-folders; clips that are in sync, or where that cannot be told, are left alone.",
    ),
]
MoveAllOption = Annotated[
    bool,
    typer.Option("--move-all", help="Move all audio streams of a clip, not the judged one only."),
]
DryRunOption = Annotated[
    bool, typer.Option("--dry-run", help="Write no clip; say what would be written.")
]

_UNTOLD = "Not corrected: whether it is in sync cannot be told."
_CHANGING = (
    "Not corrected: its offset changes over the clip; --retime repairs that, and encodes the sound "
    "again."
)


@dataclass(frozen=True, slots=True)
class FolderWishes:
    """What the user wants of the corrected clips.

    Attributes:
        writing: How each is written and called; there is no `output`.
        repair: How what was found is repaired.
        moves_all: Whether all audio streams are moved, or the judged one.
    """

    writing: Writing = field(default_factory=Writing)
    repair: Repair = field(default_factory=Repair)
    moves_all: bool = False

    def __post_init__(self) -> None:
        if self.repair.keeps_pitch and not self.repair.retimes:
            raise typer.BadParameter("needs --retime", param_hint="--keep-pitch")
        unknown = MediaInfo(Path("clip.mkv"), "matroska,webm", 0.0, 0, (), (), ())
        try:
            default_target(unknown, None, self.writing.template, Correction((0,), Fraction(0)))
        except ValueError as error:
            raise typer.BadParameter(str(error), param_hint="--name-template") from error


class FolderExport:
    """Writes corrected clips, one by one; what becomes of one does not stop the others.

    Args:
        folder: Where the clips are.
        goal: Where the corrected ones go; made where it is not there.
        wishes: What is wanted of them.
        sources: All clips, none of which is ever replaced.
    """

    def __init__(
        self, folder: Path, goal: Path, wishes: FolderWishes, sources: tuple[Path, ...]
    ) -> None:
        self._folder, self._goal, self._wishes = folder, goal, wishes
        self._sources = {_identity(path) for path in sources} - {None}
        self._taken: dict[Path, Path] = {}

    def correct(self, result: FileResult, monitor: Monitor) -> FileCorrection:
        """Correct a judged clip, if it is known to be out of sync.

        Raises:
            Cancelled: The monitor asked to stop; what was finished stays, and nothing else does.
        """
        detection = result.detection
        if detection is None:
            return FileCorrection(Outcome.LEFT_ALONE)
        if detection.estimate.verdict is Verdict.IN_SYNC:
            return FileCorrection(Outcome.NOT_NEEDED)
        if not self._wishes.repair.applies_to(detection):
            is_out = detection.estimate.verdict is Verdict.OUT_OF_SYNC
            return FileCorrection(Outcome.LEFT_ALONE, sentences=(_CHANGING if is_out else _UNTOLD,))
        try:
            return self._write(probe(result.path), detection, monitor)
        except Cancelled:
            raise
        except SyncError as error:
            log.info("%s: %s", result.path, error.message)
            why = error.message
        except Exception as error:  # One file must not end the run over all the others.
            log.exception("%s could not be corrected", result.path)
            why = f"{result.path} could not be corrected: {error!r}; see the log."
        return FileCorrection(Outcome.FAILED, sentences=(f"Not corrected: {why}",))

    def _write(self, info: MediaInfo, detection: Detection, monitor: Monitor) -> FileCorrection:
        wishes = self._wishes
        all_streams = tuple(audio.index for audio in info.audios)
        streams = all_streams if wishes.moves_all else (detection.audio_stream_index,)
        correction = wishes.repair.correction(detection, streams)
        check_correction(info, correction)
        target = self._target(info, correction)
        plan = plan_correction(info, correction, target)
        layout = wishes.writing.layout if plan.streams.output.is_mp4 else None
        request = wishes.writing.request(info, correction, target, layout)
        self._check_name(target)
        moved = correction_text(correction, plan)
        moved_s = plan.moved_s if correction.retiming is None else None
        if _is_there(request, monitor):
            self._taken[target] = info.path
            found = f"{target} is there already, as it would be written: audio {moved}."
            return FileCorrection(Outcome.ALREADY_THERE, target, moved_s, (found,))
        _check(request, plan)
        notes = [f"Note: {sentence}" for sentence in plan.notes]
        if wishes.writing.is_dry:
            self._taken[target] = info.path
            said = (*notes, f"Would write {target}: audio {moved}.")
            return FileCorrection(Outcome.WOULD_BE_WRITTEN, target, moved_s, said)
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
        except OSError as error:
            raise not_written(info, target, error) from error
        exported = export_clip(request, monitor)
        self._taken[target] = info.path
        said = (*notes, *exported_lines(exported, str(target)))
        is_certified = not exported.certificate_problem
        return FileCorrection(Outcome.WRITTEN, target, moved_s, said, is_certified)

    def _target(self, info: MediaInfo, correction: Correction) -> Path:
        usual = default_target(info, correction.inexact, self._wishes.writing.template, correction)
        return self._goal / info.path.relative_to(self._folder).with_name(usual.name)

    def _check_name(self, target: Path) -> None:
        """Check that a file replaces no clip and none of this run.

        Raises:
            ExportError: It does.
        """
        identity = _identity(target)
        if identity is not None and identity in self._sources:
            raise ExportError(
                f"{target} is one of the clips of {self._folder}, which are never changed; choose "
                "another name with --name-template.",
                path=target,
            )
        for taken, source in self._taken.items():
            if taken == target or (identity is not None and _identity(taken) == identity):
                raise ExportError(
                    f"{target} is the name of the corrected {source.name} already; choose names "
                    "that differ with --name-template.",
                    path=target,
                )


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


def _check(request: ExportRequest, plan: CorrectionPlan) -> None:
    """Check that a file can be written, and replaces none unasked.

    Raises:
        ExportError: It cannot, or would.
    """
    if not request.overwrite and (taken := taken_file(request)):
        advice = " with --name-template or add --overwrite"
        raise ExportError(taken_sentence(taken, advice), path=taken)
    if refused := refusals(plan):
        raise ExportError(refused[0], path=request.info.path)
    check_destination(
        request.info,
        request.target,
        overwrite=request.overwrite,
        layout=request.layout,
        makes_folder=True,
    )


def _is_there(request: ExportRequest, monitor: Monitor) -> bool:
    """Tell whether an earlier run left what this one would write, by comparing it with its source.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    target = request.target
    if request.overwrite or not request.verifies or not target.is_file():
        return False
    beside = certificate_beside(target)
    if request.certifies and (beside is None or not is_certificate(beside)):
        return False
    try:
        return verify_corrected(request.info, target, request.correction, monitor).passed
    except SyncError:
        # It is another file, which is not replaced unasked.
        return False


def _identity(path: Path) -> tuple[int, int] | None:
    """Return what tells a file from all others, whatever it is called; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
