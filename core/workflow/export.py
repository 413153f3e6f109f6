"""Export of a corrected file: preview, write, verify, name, certify.

`preview` plans the file and collects all reasons against it. `export` writes the plan to a partial
file and names it only after its verification. Both read files: work for a job.
"""

import logging
import os
import shutil
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from av.error import FFmpegError

from core import __version__
from core.correction.correction import Correction
from core.correction.plan.destination import (
    check_destination,
    check_room,
    check_target,
    not_written,
    taken_sentence,
)
from core.correction.plan.file_name import named_target
from core.correction.plan.plan import CorrectionPlan, plan
from core.correction.verify.certificate import (
    certificate_beside,
    is_certificate,
    remove_certificate,
    write_certificate,
)
from core.correction.verify.sentences import failed_verification_sentence
from core.correction.verify.verify import Verification, verify
from core.correction.write.ffmpeg_command import equivalent_command
from core.correction.write.write import write
from core.detection.result import Detection
from core.errors import ExportError, SyncError
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.media.probe import probe
from core.paths import complete_or_absent, remove_left_over, sync_folder
from core.progress import SILENT, Monitor

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A corrected file to write.

    Attributes:
        info: The probed source.
        target: The new file.
        correction: The correction.
        overwrite: Whether the user agreed to replace an existing target.
        layout: Place of the index of MP4 and MOV; None as in `core.correction.plan.plan.plan`.
        keeps_times: Whether the file gets the times and permissions of the source.
        verifies: Whether it is verified before it gets its name.
        certifies: Whether a certificate is written beside it; needs `verifies`.
        makes_folder: Whether its folder is made if it is missing.
    """

    info: MediaInfo
    target: Path
    correction: Correction
    overwrite: bool = False
    layout: Layout | None = None
    keeps_times: bool = False
    verifies: bool = True
    certifies: bool = False
    makes_folder: bool = False

    def __post_init__(self) -> None:
        if self.certifies and not self.verifies:
            raise ValueError("expected verifies with certifies, got certifies alone")


@dataclass(frozen=True, slots=True)
class ExportPreview:
    """A planned export, and all reasons against it.

    Attributes:
        request: The request.
        plan: The plan; None if the source or the target's container allow none.
        place_problem: Sentence on an unwritable place; empty if it is fine.
        plan_problem: Sentence on the failure to plan; empty if there is a plan.
        taken: File to be replaced: one of the target's name, other than the source, or of
            the name of its certificate.
        command: Equivalent ffmpeg command; None without one, or if nothing can be written.
    """

    request: ExportRequest
    plan: CorrectionPlan | None = None
    place_problem: str = ""
    plan_problem: str = ""
    taken: Path | None = None
    command: str | None = None

    @property
    def needs_choice(self) -> bool:
        """Whether the container cannot carry the exact shift and a way out is to be chosen."""
        return self.plan is not None and bool(self.plan.choice_refusal)

    def problems(self, advice: str = "") -> list[str]:
        """Sentences on why nothing can be written, apart from a choice to make.

        Args:
            advice: How the front end lets a taken name be replaced, for the end of that sentence.
        """
        taken = ""
        if self.taken is not None and not self.request.overwrite:
            taken = taken_sentence(self.taken, advice)
        refused = self.plan.refused if self.plan is not None else (self.plan_problem,)
        return [sentence for sentence in (self.place_problem, taken, *refused) if sentence]

    def possible_plan(self) -> CorrectionPlan:
        """The plan of an export without problems.

        Raises:
            ExportError: There is a problem.
        """
        sentences = self.problems(" or allow replacing it")
        if self.plan is not None and self.needs_choice:
            sentences.append(self.plan.choice_refusal)
        if self.plan is None or sentences:
            path, details = self.request.info.path, "\n".join(sentences)
            raise ExportError(sentences[0], path=path, details=details)
        return self.plan


@dataclass(frozen=True, slots=True)
class Exported:
    """A corrected file that has its name.

    Attributes:
        plan: The written plan.
        verification: Result of the passed verification; None without one.
        notes: Sentences on losses although the file is complete.
        detected: Detection of the file, if there was one.
        certificate: Path of the certificate, if there is one.
        certificate_problem: Sentence on the failure to write it, if it was wanted.
    """

    plan: CorrectionPlan
    verification: Verification | None
    notes: tuple[str, ...] = ()
    detected: Detection | None = None
    certificate: Path | None = None
    certificate_problem: str = ""

    @property
    def path(self) -> Path:
        """The file."""
        return self.plan.target

    @property
    def correction(self) -> Correction:
        """The correction asked for."""
        return self.plan.correction


def proposed_target(info: MediaInfo, suffix: str, template: str, correction: Correction) -> Path:
    """File named by a template, with the suffix of the chosen container.

    Raises:
        ValueError: The template is invalid, or names a folder.
    """
    # The container stays as chosen; the preview shows whether it can carry a shift.
    return named_target(info.path, suffix, template, correction)


def preview(request: ExportRequest, monitor: Monitor = SILENT) -> ExportPreview:
    """Plan an export and look for reasons against it; nothing is written.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    monitor.check()
    info, target = request.info, request.target
    found: CorrectionPlan | None = None
    plan_problem = place_problem = ""
    taken: Path | None = None
    try:
        found = plan(info, request.correction, target, request.layout, monitor=monitor)
    except SyncError as error:
        plan_problem = error.message
    monitor.check()
    try:
        taken = _taken_file(request)
        check_destination(
            info,
            target,
            overwrite=True,
            makes_folder=request.makes_folder,
            n_more_bytes=found.n_more_bytes if found else 0,
        )
    except ExportError as error:
        place_problem = error.message
    except OSError as error:
        place_problem = not_written(info, target, error).message
    command = equivalent_command(found) if found is not None and found.is_possible else None
    return ExportPreview(request, found, place_problem, plan_problem, taken, command)


def export(
    planned: ExportPreview,
    monitor: Monitor = SILENT,
    *,
    on_written: Callable[[Exported], None] | None = None,
    detect: Callable[[Exported], Detection] | None = None,
) -> Exported:
    """Write the planned file, verify, name and certify it.

    Args:
        planned: A preview without problems.
        monitor: Told the progress, and asked whether to go on.
        on_written: Called with the complete file, before it is detected again and certified.
        detect: Detects the offset of the new file. Its failure becomes a note: the file stays.

    Raises:
        ExportError: The file cannot be written, or failed the verification; there is none then.
        MediaError: The source, or the new file, cannot be read.
        Cancelled: The monitor asked to stop. There is no file then, unless `detect` was running.
    """
    made = planned.possible_plan()
    request = planned.request
    exported = _written(made, request, monitor)
    if on_written is not None:
        on_written(exported)
    if detect is not None:
        try:
            exported = replace(exported, detected=detect(exported))
        except SyncError as error:
            problem = f"The new file could not be analyzed again: {error.message}"
            exported = replace(exported, notes=(*exported.notes, problem))
    return _certified(exported) if request.certifies else exported


def is_exported(planned: ExportPreview, monitor: Monitor = SILENT) -> bool:
    """Whether the planned file is there already, found by comparing it with its source.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    request, target = planned.request, planned.request.target
    if planned.plan is None or request.overwrite or not request.verifies or not target.is_file():
        return False
    beside = certificate_beside(target)
    if request.certifies and (beside is None or not is_certificate(beside)):
        return False
    try:
        planned.plan.check_current()
        return verify(planned.plan, target, monitor).passed
    except SyncError:
        # Another file; nothing replaces it unasked.
        return False


def copied_stream(exported: Exported) -> int:
    """Index of the first moved audio stream in the new file.

    Raises:
        MediaError: The new file cannot be read.
    """
    copied = {item.index for item in exported.plan.streams.copied}
    indices = [audio.index for audio in exported.plan.source.audios if audio.index in copied]
    position = indices.index(exported.correction.audio_stream_indices[0])
    return probe(exported.path).audios[position].index


def _written(made: CorrectionPlan, request: ExportRequest, monitor: Monitor) -> Exported:
    """Write, verify and name a file."""
    info, target = made.source, made.target
    verification: Verification | None = None
    try:
        if request.makes_folder:
            target.parent.mkdir(parents=True, exist_ok=True)
        remove_left_over(target.parent)
        check_target(info, target, request.overwrite)
        check_room(info, target, target.parent, made.n_more_bytes)
        with complete_or_absent(target, replaces=request.overwrite) as partial:
            notes = list(write(made, partial, monitor))
            if not made.is_current():
                raise ExportError(
                    f"{info.path.name} changed while it was copied; "
                    "wait until nothing writes to it and export again.",
                    path=info.path,
                )
            if request.verifies:
                verification = verify(made, partial, monitor)
                if not verification.passed:
                    raise ExportError(failed_verification_sentence(target, verification))
            if request.keeps_times:
                notes += _keep_times(info, partial, target)
            monitor.check()
            # The folder may be gone in the meantime, or the name be taken.
            check_target(info, target, request.overwrite)
        sync_folder(target.parent)
    except (FFmpegError, OSError) as error:
        raise not_written(info, target, error) from error
    for sentence in made.notes:
        log.info("%s", sentence)
    for sentence in notes:
        log.warning("%s", sentence)
    return Exported(made, verification, tuple(filter(None, (*notes, remove_certificate(target)))))


def _keep_times(info: MediaInfo, partial: Path, target: Path) -> list[str]:
    """Copy times and permissions, with a note on failures.

    Drives of other systems (FAT, network shares) have no permissions: no reason to lose a
    finished file.
    """
    # `shutil.copystat` would copy the flags of macOS as well, and a locked file cannot be renamed.
    not_taken: list[str] = []
    try:
        status = info.path.stat()
        os.utime(partial, ns=(status.st_atime_ns, status.st_mtime_ns))
    except OSError as error:
        log.warning("%s: %s", target, error)
        not_taken.append("times")
    try:
        shutil.copymode(info.path, partial)
    except OSError as error:
        log.warning("%s: %s", target, error)
        not_taken.append("permissions")
    if not not_taken:
        return []
    return [
        f"{target.name} could not be given the {' and '.join(not_taken)} of {info.path.name}, "
        "which its drive does not take; the file itself is complete."
    ]


def _certified(exported: Exported) -> Exported:
    """Write the certificate of a file; the file is complete even if that fails."""
    if exported.verification is None:
        return exported
    tool = f"synchformer-gui {__version__}"
    detected, notes = exported.detected, exported.notes
    residual = None if detected is None else _residual(detected)
    try:
        certificate = write_certificate(
            exported.plan, exported.verification, tool, notes=notes, residual=residual
        )
    except ExportError as error:
        return replace(exported, certificate_problem=error.message)
    return replace(exported, certificate=certificate)


def _residual(detected: Detection) -> dict[str, object]:
    """Result of a detection of the new file; no offset where the verdict is "cannot tell"."""
    estimate = detected.estimate
    is_known = estimate.is_confident and detected.changing_map is None
    return {
        "engine": detected.opinion.engine_id,
        "verdict": estimate.verdict,
        "reason": estimate.reason,
        "tolerance": detected.config.tolerance.name,
        "offset_s": estimate.offset_s if is_known else None,
        "interval_s": estimate.interval_s if is_known else None,
        "level": estimate.level,
    }


def _taken_file(request: ExportRequest) -> Path | None:
    """File to be replaced by an export, or the certificate of a missing one.

    The source and folders are never replaced.

    Raises:
        OSError: The drive cannot be read.
    """
    target, source = request.target, request.info.path
    if os.path.lexists(target):
        is_source = target.exists() and source.exists() and target.samefile(source)
        return None if is_source or target.is_dir() else target
    beside = certificate_beside(target)
    if beside is None or not (request.certifies or is_certificate(beside)):
        return None
    return beside
