"""How `correct` writes and checks a file once it is known what is to be done."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Annotated

import typer

from core.correction.correction import Correction
from core.correction.plan.destination import check_destination, taken_sentence
from core.correction.plan.file_name import DEFAULT_TEMPLATE, default_target
from core.correction.plan.plan import CorrectionPlan, plan_correction
from core.correction.write.ffmpeg_command import equivalent_command
from core.correction.write.write import check_correction
from core.detection.result import Detection, Verdict
from core.errors import ExportError
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.workflow.export import (
    Exported,
    ExportRequest,
    certified,
    detected_again,
    taken_file,
    write_export,
)
from synchformer_gui.cli import shared_options
from synchformer_gui.cli.exit_codes import ExitCode, worst
from synchformer_gui.cli.terminal import watched
from synchformer_gui.wording.export import correction_text, exported_lines, other_container_sentence

TemplateOption = Annotated[
    str,
    typer.Option(
        "--name-template",
        metavar="NAME",
        help="Name of the new file, with {name} (but for a delay stated there) and {ext} of the "
        "old one, {delay_ms}, and {stream}, the audio streams moved.",
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace a file that has the name of the new one, or of its certificate.",
    ),
]
LayoutOption = Annotated[
    Layout | None,
    typer.Option("--layout", help="Where MP4 and MOV get their index; at the end by default."),
]
KeepTimesOption = Annotated[
    bool,
    typer.Option("--keep-times", help="Give the new file the times and permissions of the old."),
]
VerifyOption = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Measure the new file afterwards.")
]
CertificateOption = Annotated[
    bool,
    typer.Option(
        "--certificate", help="Write what was done and measured to NAME.certificate.json beside it."
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Write nothing; say what would be done, and the ffmpeg command that moves the same.",
    ),
]
DetectAgainOption = Annotated[
    bool,
    typer.Option(
        "--detect-again",
        help="Judge the new file as well, with the same model and options, and say what offset is "
        "left.",
    ),
]

DetectAgain = Callable[[Exported], Detection]
"""Judges a file that was written."""


@dataclass(frozen=True, slots=True)
class Writing:
    """What the user wants of the file to be written, beside the correction itself.

    Raises:
        typer.BadParameter: That does not go together.
    """

    template: TemplateOption = DEFAULT_TEMPLATE
    overwrite: OverwriteOption = False
    layout: LayoutOption = None
    keeps_times: KeepTimesOption = False
    verifies: VerifyOption = True
    certifies: CertificateOption = False
    output: Path | None = None
    is_dry: bool = False

    def __post_init__(self) -> None:
        if self.certifies and not self.verifies:
            raise typer.BadParameter("needs the verification", param_hint="--certificate")
        if self.output is not None and self.template != DEFAULT_TEMPLATE:
            raise typer.BadParameter("--output names the file", param_hint="--name-template")

    @property
    def is_named(self) -> bool:
        """Whether the name of the file is known before the delay is."""
        depends = any(field in self.template for field in ("{delay_ms", "{stream"))
        return self.output is not None or not depends

    def request(
        self, info: MediaInfo, correction: Correction, target: Path, layout: Layout | None
    ) -> ExportRequest:
        """Return the request for a file."""
        return ExportRequest(
            info,
            target,
            correction,
            overwrite=self.overwrite,
            layout=layout,
            keeps_times=self.keeps_times,
            verifies=self.verifies,
            certifies=self.certifies,
        )


def target_of(info: MediaInfo, correction: Correction, writing: Writing) -> Path:
    """Return the file to be written.

    Raises:
        typer.BadParameter: Its name is of no use.
    """
    try:
        usual = default_target(info, correction.inexact, writing.template, correction)
    except ValueError as error:
        raise typer.BadParameter(str(error), param_hint="--name-template") from error
    target = writing.output or usual
    shared_options.check_target(target, "--output")
    return target


def check_early(info: MediaInfo, unmoved: Correction, writing: Writing) -> None:
    """Check before a detection that a file could be written, whatever the delay.

    Args:
        info: The probed source.
        unmoved: The correction, with a delay of 0 in place of the one to be found.
        writing: What is wanted of the file.

    Raises:
        typer.BadParameter: The name of the file is of no use.
        ExportError: It cannot be written.
    """
    free = replace(writing, overwrite=writing.overwrite or not writing.is_named)
    request = free.request(info, unmoved, target_of(info, unmoved, writing), writing.layout)
    plan, problems = _look_at(request)
    # How the sound can be moved exactly depends on the delay.
    _refuse(problems[: len(problems) - bool(plan.choices)], info)


def coding_words(info: MediaInfo, correction: Correction, writing: Writing) -> str:
    """Return how the sound would be encoded again, or an empty text if nothing can be written.

    Raises:
        typer.BadParameter: The name of the file is of no use.
        ExportError: The container cannot be written from this source.
    """
    moves = plan_correction(info, correction, target_of(info, correction, writing)).moves
    return ", ".join(dict.fromkeys(move.coding.words for move in moves if move.coding))


def write(
    info: MediaInfo, correction: Correction, writing: Writing, again: DetectAgain | None = None
) -> ExitCode:
    """Write and check a file, telling what happens.

    Args:
        info: The probed source.
        correction: What is moved.
        writing: What is wanted of the file.
        again: Judges the new file; None does not.

    Raises:
        typer.BadParameter: Its name is of no use.
        ExportError: It cannot be written, or is not what was asked for.
        Cancelled: The user pressed Ctrl-C.
    """
    target = target_of(info, correction, writing)
    if target.suffix != info.path.suffix and writing.output is None:
        typer.echo(other_container_sentence(info.path, target))
    request = writing.request(info, correction, target, writing.layout)
    plan, problems = _look_at(request)
    for sentence in plan.notes:
        typer.echo(f"Note: {sentence}")
    if writing.is_dry:
        return _tell_dry(request, plan, problems)
    _refuse(problems, info)
    with watched() as monitor:
        exported = write_export(request, monitor)
    said = exported_lines(exported, str(target)) if again is not None else []
    for line in said:
        typer.echo(line)
    if again is not None:
        exported = _detected_again(request, exported, again)
    exported = certified(request, exported)
    for line in exported_lines(exported, str(target)):
        if line not in said:
            typer.echo(line)
    return _code(exported, is_judged=again is None or exported.detected is not None)


def refusals(plan: CorrectionPlan, or_else: str = "") -> list[str]:
    """Return why nothing can be written, and how to choose where there is a choice.

    Args:
        plan: What is refused.
        or_else: Another way to choose, with a comma in front.
    """
    chosen = [choice.inexact for choice in plan.choices if choice.inexact is not None]
    choices = " or ".join(f"--inexact {inexact}" for inexact in chosen)
    hint = f" Choose with {choices}{or_else}." if choices else ""
    return [f"{sentence}{hint}" for sentence in plan.refused]


def _detected_again(request: ExportRequest, exported: Exported, again: DetectAgain) -> Exported:
    """Judge the new file; where that is broken off, say what there is and what there is not."""
    try:
        return detected_again(exported, again)
    except BaseException:
        missing = " and has no certificate" if request.certifies else ""
        typer.echo(f"{exported.path} is complete; it was not judged again{missing}.")
        raise


def _look_at(request: ExportRequest) -> tuple[CorrectionPlan, list[str]]:
    """Return what a file would be, and why it cannot be written.

    Raises:
        ExportError: The correction does not fit the source, or there is no such container.
    """
    info, target, correction = request.info, request.target, request.correction
    check_correction(info, correction)
    plan = plan_correction(info, correction, target)
    problems = refusals(plan, or_else=", or -o")
    try:
        if not request.overwrite and (taken := taken_file(request)):
            problems.insert(0, taken_sentence(taken, " with -o or add --overwrite"))
        check_destination(info, target, overwrite=True, layout=request.layout)
    except ExportError as error:
        problems.insert(0, error.message)
    return plan, problems


def _refuse(problems: list[str], info: MediaInfo) -> None:
    if problems:
        raise ExportError(problems[0], path=info.path, details="\n".join(problems))


def _tell_dry(request: ExportRequest, plan: CorrectionPlan, problems: list[str]) -> ExitCode:
    for sentence in problems:
        typer.echo(f"Not possible: {sentence}")
    if problems:
        return ExitCode.FAILED
    info, target, correction = request.info, request.target, request.correction
    typer.echo(f"{target} would be written: audio {correction_text(correction, plan)}.")
    command = equivalent_command(info, target, correction, plan, request.layout)
    typer.echo(command or "The ffmpeg program has no command for this.")
    return ExitCode.DONE


def _code(exported: Exported, *, is_judged: bool) -> ExitCode:
    """Return the code for a written file: what was wanted with it may be missing."""
    detected = exported.detected
    is_out = detected is not None and detected.estimate.verdict is Verdict.OUT_OF_SYNC
    is_whole = is_judged and not exported.certificate_problem
    return worst(
        [
            ExitCode.OUT_OF_SYNC if is_out else ExitCode.DONE,
            ExitCode.DONE if is_whole else ExitCode.PARTLY_DONE,
        ]
    )
