"""Exporting a corrected file: what would come of it, then writing, measuring and certifying it.

Files are opened here, so all of it is work for a job.
"""

from dataclasses import dataclass, replace
from pathlib import Path

from core.errors import ExportError, SyncError
from core.media.certificate import Residual, write_certificate
from core.media.containers import Layout
from core.media.correction import Correction, Inexact
from core.media.ffmpeg_command import equivalent_command
from core.media.info import MediaInfo
from core.media.naming import default_target
from core.media.place import check_place
from core.media.plan import Choice, CorrectionPlan, plan_correction
from core.media.verify import Verification
from core.progress import Monitor
from synchformer_gui import __version__
from synchformer_gui.verifying import write_checked


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
class Outlook:
    """What would come of an export.

    Attributes:
        problem: Sentences that say why it cannot be written; empty if it can.
        target_exists: Whether there is a file of that name, other than the source.
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
        certificate: Where that was written down, if it was.
        certificate_problem: A sentence that says why it was not, although it was wanted.
        problems: Sentences about what else could not be done although the file is complete.
    """

    path: Path
    correction: Correction
    plan: CorrectionPlan
    verification: Verification | None
    certificate: Path | None = None
    certificate_problem: str = ""
    problems: tuple[str, ...] = ()


def proposed_target(info: MediaInfo, suffix: str, template: str, correction: Correction) -> Path:
    """Return the file that a template names, with the suffix of the chosen container.

    Raises:
        ValueError: The template is not one, or names a folder.
    """
    source = replace(info, path=info.path.with_suffix(suffix))
    # The container stays as chosen; where it cannot carry a shift is told by the outlook.
    return default_target(source, Inexact.NEAREST, template, correction)


def foresee(request: ExportRequest, monitor: Monitor) -> Outlook:
    """Tell what would come of an export; nothing is written.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    monitor.check()
    info, target, correction = request.info, request.target, request.correction
    try:
        problem = _target_problem(request)
        exists = target.is_file() and not _is_source(request)
    except OSError as error:
        why = f"{target.name} cannot be written there ({error.strerror})"
        return Outlook(f"{why}; choose another name or folder.")
    try:
        plan = plan_correction(info, replace(correction, inexact=None), target)
        choices = plan.choices
        monitor.check()
        if choices and correction.inexact is not None:
            plan = plan_correction(info, correction, target)
    except SyncError as error:
        return Outlook(problem or error.message, exists)
    refused = plan.streams.refused if plan.choices else plan.refused
    if plan.choices:
        refused = (*refused, "Choose how the sound is to be moved.")
    command = (
        None if plan.refused else equivalent_command(info, target, correction, plan, request.layout)
    )
    return Outlook(problem or "\n".join(refused), exists, plan, choices, command)


def export_clip(request: ExportRequest, monitor: Monitor) -> Exported:
    """Write a corrected file and do what else is wanted with it.

    Raises:
        ExportError: The file cannot be written, or is not what was asked for.
        MediaError: The source, or what was written, cannot be read.
        Cancelled: The monitor asked to stop.
    """
    return certify(request, write_export(request, monitor))


def write_export(request: ExportRequest, monitor: Monitor) -> Exported:
    """Write a corrected file, and measure it if wanted; that is not certified yet.

    Raises:
        ExportError, MediaError, Cancelled: As `export_clip`.
    """
    info, correction, path = request.info, request.correction, request.target
    plan = plan_correction(info, correction, path)
    problems: list[str] = []
    found = write_checked(
        info,
        path,
        correction,
        monitor,
        verifies=request.verifies,
        overwrite=request.overwrite,
        layout=request.layout,
        keeps_times=request.keeps_times,
        tell=problems.append,
    )
    return Exported(path, correction, plan, found, problems=tuple(problems))


def certify(
    request: ExportRequest, exported: Exported, residual: Residual | None = None
) -> Exported:
    """Write down what was done and measured, if that is wanted; the file is complete anyway.

    Args:
        request: What was asked for.
        exported: What was written.
        residual: What a detection of the new file found, if there was one.
    """
    found = exported.verification
    if not request.certifies or found is None:
        return exported
    tool = f"synchformer-gui {__version__}"
    try:
        certificate = write_certificate(
            request.info, exported.path, exported.correction, exported.plan, found, tool, residual
        )
    except ExportError as error:
        return replace(exported, certificate_problem=error.message)
    return replace(exported, certificate=certificate)


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
    if target.exists() and not request.overwrite:
        return f"{target.name} already exists; choose another name or agree to replace it."
    try:
        check_place(request.info, target, overwrite=True, layout=request.layout)
    except ExportError as error:
        return error.message
    return ""
