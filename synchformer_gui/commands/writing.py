"""How a corrected file is written and checked once it is known what is to be done."""

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated

import typer

from core.detection.result import Detection, Verdict
from core.errors import ExportError
from core.media.containers import Layout
from core.media.correction import Correction
from core.media.ffmpeg_command import equivalent_command
from core.media.info import MediaInfo
from core.media.naming import DEFAULT_TEMPLATE, default_target
from core.media.plan import CorrectionPlan, plan_correction
from core.media.remux import check_streams, check_writable
from synchformer_gui import wording
from synchformer_gui.commands import options
from synchformer_gui.commands.exit_codes import ExitCode
from synchformer_gui.console import watched
from synchformer_gui.export_wording import exported_lines
from synchformer_gui.exporting import Exported, ExportRequest, export_clip
from synchformer_gui.map_wording import retiming_text

TemplateOption = Annotated[
    str,
    typer.Option(
        "--name-template",
        metavar="NAME",
        help="Name of the new file beside CLIP, with {name} and {ext} of CLIP, {delay_ms}, and "
        "{stream}, the audio streams moved.",
    ),
]
OverwriteOption = Annotated[bool, typer.Option("--overwrite", help="Replace OUT if it exists.")]
LayoutOption = Annotated[
    Layout | None,
    typer.Option("--layout", help="Where MP4 and MOV get their index [at the end]."),
]
KeepTimesOption = Annotated[
    bool, typer.Option("--keep-times", help="Give OUT the file times and permissions of CLIP.")
]
VerifyOption = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Measure the new file afterwards.")
]
CertificateOption = Annotated[
    bool,
    typer.Option("--certificate", help="Write what was done and measured to OUT.certificate.json."),
]
DetectAgainOption = Annotated[
    bool,
    typer.Option(
        "--detect-again", help="Judge OUT like a clip of its own, with the same options as CLIP."
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Write nothing; say what would be done, and the ffmpeg command that moves the same.",
    ),
]


@dataclass(frozen=True, slots=True)
class Writing:
    """What the user wants of the file to be written, beside the correction itself."""

    output: Path | None = None
    template: str = DEFAULT_TEMPLATE
    overwrite: bool = False
    layout: Layout | None = None
    keeps_times: bool = False
    verifies: bool = True
    certifies: bool = False
    is_dry: bool = False

    def __post_init__(self) -> None:
        if self.certifies and not self.verifies:
            raise typer.BadParameter("needs the verification", param_hint="--certificate")

    @property
    def is_named(self) -> bool:
        """Whether the name of the file is known before the delay is."""
        depends = any(field in self.template for field in ("{delay_ms", "{stream"))
        return self.output is not None or not depends

    def request(self, info: MediaInfo, correction: Correction, target: Path) -> ExportRequest:
        """Return the request for a file."""
        return ExportRequest(
            info,
            target,
            correction,
            self.overwrite,
            self.layout,
            self.keeps_times,
            self.verifies,
            self.certifies,
        )


def named_target(info: MediaInfo, correction: Correction, writing: Writing) -> Path:
    """Return the file to be written beside the source, unless it is named.

    Raises:
        typer.BadParameter: The name is of no use.
    """
    try:
        usual = default_target(info, correction.inexact, writing.template, correction)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name-template") from error
    return writing.output or usual


def checked_target(info: MediaInfo, correction: Correction, writing: Writing) -> Path:
    """Return the same, having checked that it can be written; the writer looks again.

    Raises:
        typer.BadParameter: The name is of no use.
        ExportError: The container cannot be written from this source, or the file exists.
    """
    target = named_target(info, correction, writing)
    options.check_target(target, "--output")
    check_streams(info, target)
    if target.exists() and not writing.overwrite:
        raise ExportError(
            f"{target} exists already; choose another name with -o or add --overwrite.", path=target
        )
    return target


def coding_words(info: MediaInfo, correction: Correction, writing: Writing) -> str:
    """Return how the sound would be encoded again, or an empty text if nothing can be written.

    Raises:
        typer.BadParameter: The name of the file is of no use.
        ExportError: The container cannot be written from this source.
    """
    moves = plan_correction(info, correction, named_target(info, correction, writing)).moves
    return ", ".join(dict.fromkeys(move.coding.words for move in moves if move.coding))


def write(
    info: MediaInfo,
    correction: Correction,
    writing: Writing,
    detect_again: Callable[[Exported], Detection] | None = None,
) -> ExitCode:
    """Write and check a file, telling what happens.

    Args:
        info: The probed source.
        correction: What is moved.
        writing: What else is wanted.
        detect_again: Judges the new file.

    Raises:
        typer.BadParameter: Its name is of no use.
        ExportError: It cannot be written, or is not what was asked for.
    """
    target = checked_target(info, correction, writing)
    if target.suffix != info.path.suffix and writing.output is None:
        typer.echo(wording.other_container_sentence(info.path, target))
    check_writable(info, target, correction, overwrite=writing.overwrite, layout=writing.layout)
    plan = plan_correction(info, correction, target)
    for sentence in plan.notes:
        typer.echo(f"Note: {sentence}")
    if writing.is_dry:
        return _foretell(info, target, correction, plan, writing)
    if plan.refused:
        raise ExportError(refusal(plan), path=info.path)
    with watched() as monitor:
        request = writing.request(info, correction, target)
        exported = export_clip(request, monitor, detect_again)
    for line in exported_lines(exported, str(target)):
        typer.echo(line)
    return _code(exported)


def refusal(plan: CorrectionPlan) -> str:
    """Say why a plan cannot be carried out, and how to choose where there is a choice."""
    chosen = [choice.inexact for choice in plan.choices if choice.inexact is not None]
    choices = " or ".join(f"--inexact {inexact}" for inexact in chosen)
    # Where there are choices, they are what is said last.
    return f"{plan.refused[-1]} Choose with {choices}, or -o." if choices else plan.refused[0]


def _foretell(
    info: MediaInfo, target: Path, correction: Correction, plan: CorrectionPlan, writing: Writing
) -> ExitCode:
    """Say what would be done."""
    if plan.refused:
        typer.echo(f"Not possible: {refusal(plan)}")
        return ExitCode.FAILED
    typer.echo(f"{target} would be written: audio {retiming_text(correction, plan)}.")
    command = equivalent_command(info, target, correction, plan, writing.layout)
    typer.echo(command or "The ffmpeg program has no command for this.")
    return ExitCode.DONE


def _code(exported: Exported) -> ExitCode:
    """Return the code for a written file: what was wanted with it may be missing."""
    detected = exported.detected
    if exported.certificate_problem:
        return ExitCode.FAILED
    if detected is not None and detected.estimate.verdict is Verdict.OUT_OF_SYNC:
        return ExitCode.OUT_OF_SYNC
    return ExitCode.DONE
