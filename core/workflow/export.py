"""Exporting a corrected file: what would come of it, then writing, measuring and certifying it.

Files are opened here, so all of it is work for a job.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import NamedTuple

from core import __version__
from core.correction.correction import Correction, Inexact
from core.correction.plan.destination import check_destination, taken_sentence
from core.correction.plan.file_name import default_target
from core.correction.plan.plan import Choice, CorrectionPlan, plan_correction
from core.correction.verify.certificate import (
    Residual,
    certificate_beside,
    is_certificate,
    remove_certificate,
    write_certificate,
)
from core.correction.verify.sentences import failed_verification_sentence
from core.correction.verify.verify import Verification, verify_corrected
from core.correction.write.ffmpeg_command import equivalent_command
from core.correction.write.write import check_correction, write_corrected
from core.detection.result import Detection
from core.errors import ExportError, SyncError
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.media.probe import probe
from core.progress import Monitor


@dataclass(frozen=True, slots=True)
class ExportRequest:
    """A corrected file to write.

    Attributes:
        info: The probed source.
        target: The new file.
        correction: What is moved, and by how much.
        overwrite: Whether the user agreed to replace an existing target.
        layout: Where MP4 and MOV get their index; at the end if None.
        keeps_times: Whether the file gets the times and permissions of the source.
        verifies: Whether it is measured afterwards.
        certifies: Whether what was done and measured is written beside it; needs `verifies`.
    """

    info: MediaInfo
    target: Path
    correction: Correction
    overwrite: bool = False
    layout: Layout | None = None
    keeps_times: bool = False
    verifies: bool = True
    certifies: bool = False

    def __post_init__(self) -> None:
        if self.certifies and not self.verifies:
            raise ValueError("expected verifies with certifies, got certifies alone")


@dataclass(frozen=True, slots=True)
class ExportPreview:
    """What would come of an export.

    Attributes:
        problem: Sentences that say why it cannot be written; empty if it can.
        target_exists: Whether a file would be replaced: one of that name, other than the source, or
            of the name of its certificate.
        plan: What the file would be; None where that cannot be told.
        choices: What can be done where the container cannot carry the exact shift, whatever the
            request chooses.
        command: What the ffmpeg program would be told; None if it has no way, or nothing can be
            written.
    """

    problem: str
    target_exists: bool = False
    plan: CorrectionPlan | None = None
    choices: tuple[Choice, ...] = ()
    command: str | None = None


@dataclass(frozen=True, slots=True)
class Exported:
    """A corrected file that was written.

    Attributes:
        path: The file.
        correction: What was asked for.
        plan: What was announced.
        verification: What was measured, and passed; None if that was not wanted.
        notes: Sentences on what could not be kept although the file is complete.
        detected: What a detection says about the file, if there was one.
        certificate: Where that was written down, if it was.
        certificate_problem: A sentence that says why it was not, although it was wanted.
    """

    path: Path
    correction: Correction
    plan: CorrectionPlan
    verification: Verification | None
    notes: tuple[str, ...] = ()
    detected: Detection | None = None
    certificate: Path | None = None
    certificate_problem: str = ""


def proposed_target(info: MediaInfo, suffix: str, template: str, correction: Correction) -> Path:
    """Return the file that a template names, with the suffix of the chosen container.

    Raises:
        ValueError: The template is not one, or names a folder.
    """
    source = replace(info, path=info.path.with_suffix(suffix))
    # The container stays as chosen; where it cannot carry a shift is told by the outlook.
    return default_target(source, Inexact.NEAREST, template, correction)


def taken_file(request: ExportRequest) -> Path | None:
    """Return the file that an export would replace, or that would tell of a file that is gone.

    That is the target, unless it is the source, or its certificate.

    Raises:
        OSError: The drive does not tell.
    """
    target = request.target
    if target.exists():
        return None if target.is_dir() or _is_source(request) else target
    beside = certificate_beside(target)
    if beside is None or not (request.certifies or is_certificate(beside)):
        return None
    return beside


def preview_export(request: ExportRequest, monitor: Monitor) -> ExportPreview:
    """Tell what would come of an export; nothing is written.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    monitor.check()
    info, target, correction = request.info, request.target, request.correction
    try:
        problem = _target_problem(request)
        exists = taken_file(request) is not None
    except OSError as error:
        why = f"{target.name} cannot be written there ({error.strerror})"
        return ExportPreview(f"{why}; choose another name or folder.")
    try:
        plan = plan_correction(info, replace(correction, inexact=None), target)
        choices = plan.choices
        monitor.check()
        if choices and correction.inexact is not None:
            plan = plan_correction(info, correction, target)
    except SyncError as error:
        return ExportPreview(problem or error.message, exists)
    refused = plan.streams.refused if plan.choices else plan.refused
    if plan.choices:
        refused = (*refused, "Choose how the sound is to be moved.")
    command = None
    if not plan.refused:
        command = equivalent_command(info, target, correction, plan, request.layout)
    return ExportPreview(problem or "\n".join(refused), exists, plan, choices, command)


def export_clip(request: ExportRequest, monitor: Monitor) -> Exported:
    """Write a corrected file and do what else is wanted with it.

    Raises:
        ExportError: The file cannot be written, or is not what was asked for; there is none then.
        MediaError: The source, or what was written, cannot be read.
        Cancelled: The monitor asked to stop; there is no file then.
    """
    return certified(request, write_export(request, monitor))


def write_export(request: ExportRequest, monitor: Monitor) -> Exported:
    """Write a corrected file, and measure it if wanted; it is not certified yet.

    Raises:
        ExportError, MediaError, Cancelled: As `export_clip`.
    """
    info, correction, path = request.info, request.correction, request.target
    plan = plan_correction(info, correction, path)
    written = write_checked(
        info,
        path,
        correction,
        monitor,
        verifies=request.verifies,
        overwrite=request.overwrite,
        layout=request.layout,
        keeps_times=request.keeps_times,
    )
    notes = tuple(filter(None, (*written.notes, remove_certificate(path))))
    return Exported(path, correction, plan, written.found, notes)


def detected_again(exported: Exported, detect: Callable[[Exported], Detection]) -> Exported:
    """Have a new file judged; what fails then becomes a note, since the file is complete.

    Args:
        exported: What was written.
        detect: Judges it (`copied_stream` tells its stream).

    Raises:
        Cancelled: The user asked to stop; the file stays.
    """
    try:
        return replace(exported, detected=detect(exported))
    except SyncError as error:
        problem = f"The new file could not be judged again: {error.message}"
        return replace(exported, notes=(*exported.notes, problem))


def copied_stream(info: MediaInfo, exported: Exported) -> int:
    """Return where the first audio stream that was moved is in the new file.

    Raises:
        MediaError: The new file cannot be read.
    """
    copied = {item.index for item in exported.plan.streams.copied}
    indices = [audio.index for audio in info.audios if audio.index in copied]
    position = indices.index(exported.correction.audio_stream_indices[0])
    return probe(exported.path).audios[position].index


def certified(request: ExportRequest, exported: Exported) -> Exported:
    """Write down what was done and measured, if that is wanted; the file is complete anyway."""
    found = exported.verification
    if not request.certifies or found is None:
        return exported
    try:
        certificate = write_certificate(
            request.info,
            exported.path,
            exported.correction,
            exported.plan,
            found,
            f"synchformer-gui {__version__}",
            notes=exported.notes,
            residual=_residual(exported.detected),
        )
    except ExportError as error:
        return replace(exported, certificate_problem=error.message)
    return replace(exported, certificate=certificate)


def _residual(detected: Detection | None) -> Residual | None:
    """Return what a detection of the new file found; no offset where none can be told."""
    if detected is None:
        return None
    estimate = detected.estimate
    is_told = estimate.is_confident and detected.changing_map is None
    return Residual(
        engine=detected.opinion.engine_id,
        verdict=estimate.verdict,
        reason=estimate.reason,
        tolerance=detected.config.tolerance.name,
        offset_s=estimate.offset_s if is_told else None,
        interval_s=estimate.interval_s if is_told else None,
        level=estimate.level,
    )


def _is_source(request: ExportRequest) -> bool:
    source, target = request.info.path, request.target
    return target.exists() and source.exists() and target.samefile(source)


def _target_problem(request: ExportRequest) -> str:
    """Say why nothing can be written under a name; empty if it can, as far as a look tells."""
    target = request.target
    if target.is_dir():
        return "Name the new file."
    if _is_source(request):
        return "The original is never replaced; choose another name."
    folder = target.absolute().parent
    if not folder.is_dir():
        return f"There is no folder {folder}."
    if not request.overwrite and (taken := taken_file(request)):
        return taken_sentence(taken.name, " or agree to replace it")
    try:
        check_correction(request.info, request.correction)
        check_destination(request.info, target, overwrite=request.overwrite, layout=request.layout)
    except ExportError as error:
        return error.message
    return ""


class Written(NamedTuple):
    """A file that got its name.

    Attributes:
        found: What was found when it was read again, which passed; None if that was not wanted.
        notes: Sentences on what could not be kept although the file is complete.
    """

    found: Verification | None
    notes: tuple[str, ...]


def write_checked(
    info: MediaInfo,
    target: Path,
    correction: Correction,
    monitor: Monitor,
    *,
    verifies: bool,
    overwrite: bool,
    layout: Layout | None,
    keeps_times: bool,
) -> Written:
    """Write a corrected file, as `write.write_corrected`, and compare it if wanted.

    Raises:
        ExportError: The file cannot be written, or is not what was asked for; there is none then.
        MediaError: The source, or what was written, cannot be read.
        Cancelled: The monitor asked to stop; there is no file then.
    """
    found: Verification | None = None
    notes: list[str] = []

    def inspect(written: Path) -> None:
        nonlocal found
        found = verify_corrected(info, target, correction, monitor, written)
        if not found.passed:
            raise ExportError(failed_verification_sentence(target, found))

    write_corrected(
        info,
        target,
        correction,
        overwrite=overwrite,
        layout=layout,
        keeps_times=keeps_times,
        monitor=monitor,
        inspect=inspect if verifies else None,
        tell=notes.append,
    )
    return Written(found, tuple(notes))
