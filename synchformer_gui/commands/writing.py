"""How `correct` writes and checks a file once it is known what is to be done."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from core.errors import ExportError
from core.media.certificate import write_certificate
from core.media.containers import Layout
from core.media.correction import Correction
from core.media.ffmpeg_command import equivalent_command
from core.media.info import MediaInfo
from core.media.naming import DEFAULT_TEMPLATE, default_target
from core.media.plan import CorrectionPlan, plan_correction
from core.media.remux import check_correction, check_streams
from synchformer_gui import __version__, wording
from synchformer_gui.commands import options
from synchformer_gui.commands.exit_codes import ExitCode
from synchformer_gui.console import watched
from synchformer_gui.map_wording import retiming_text
from synchformer_gui.verifying import write_checked

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


def checked_target(info: MediaInfo, correction: Correction, writing: Writing) -> Path:
    """Return the file to be written, having checked that it can be; the writer looks again.

    Raises:
        typer.BadParameter: The name is of no use.
        ExportError: The container cannot be written from this source, or the file exists.
    """
    try:
        usual = default_target(info, correction.inexact, writing.template, correction)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name-template") from error
    target = writing.output or usual
    options.check_target(target, "--output")
    check_streams(info, target)
    if target.exists() and not writing.overwrite and not writing.is_dry:
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
    target = checked_target(info, correction, replace(writing, is_dry=True))
    moves = plan_correction(info, correction, target).moves
    return ", ".join(dict.fromkeys(move.coding.words for move in moves if move.coding))


def write(info: MediaInfo, correction: Correction, writing: Writing) -> ExitCode:
    """Write and check a file, telling what happens.

    Raises:
        typer.BadParameter: Its name is of no use.
        ExportError: It cannot be written, or is not what was asked for.
    """
    target = checked_target(info, correction, writing)
    if target.suffix != info.path.suffix and writing.output is None:
        typer.echo(wording.other_container_sentence(info.path, target))
    check_correction(info, correction)
    plan = plan_correction(info, correction, target)
    for sentence in plan.notes:
        typer.echo(f"Note: {sentence}")
    if writing.is_dry:
        for sentence in plan.refused:
            typer.echo(f"Not possible: {sentence}{_choice_hint(plan)}")
        if plan.refused:
            return ExitCode.FAILED
        typer.echo(f"The audio would be {retiming_text(correction)}.")
        command = equivalent_command(info, target, correction, plan)
        typer.echo(command or "The ffmpeg program has no command for this.")
        return ExitCode.DONE
    if plan.refused:
        raise ExportError(f"{plan.refused[0]}{_choice_hint(plan)}", path=info.path)
    with watched() as monitor:
        found = write_checked(
            info,
            target,
            correction,
            monitor,
            verifies=writing.verifies,
            overwrite=writing.overwrite,
            layout=writing.layout,
            keeps_times=writing.keeps_times,
        )
    typer.echo(f"Wrote {target}: audio {retiming_text(correction)}.")
    if found is None:
        return ExitCode.DONE
    if found.changed_metadata:
        typer.echo(f"Note: these texts differ: {', '.join(found.changed_metadata)}.")
    typer.echo(wording.verification_sentence(found))
    if writing.certifies:
        tool = f"synchformer-gui {__version__}"
        certificate = write_certificate(info, target, correction, plan, found, tool)
        typer.echo(f"Wrote {certificate}.")
    return ExitCode.DONE


def _choice_hint(plan: CorrectionPlan) -> str:
    """Say how to choose, where there is a choice."""
    chosen = [choice.inexact for choice in plan.choices if choice.inexact is not None]
    options = " or ".join(f"--inexact {inexact}" for inexact in chosen)
    return f" Choose with {options}, or -o." if options else ""
