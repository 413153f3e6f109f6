"""Options of a corrected file, and its export by `correct`."""

from collections.abc import Callable
from contextlib import ExitStack
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Annotated

import typer

from core.correction.correction import Correction
from core.correction.plan.file_name import DEFAULT_TEMPLATE, default_target
from core.correction.plan.plan import plan
from core.detection.result import Detection, Verdict
from core.errors import ExportError, SyncError
from core.media.formats.output_format import Layout
from core.media.info import MediaInfo
from core.workflow import export
from core.workflow.export import Exported, ExportPreview, ExportRequest
from synchformer_gui.cli import shared_options
from synchformer_gui.cli.exit_codes import ExitCode, worst
from synchformer_gui.cli.in_place import correct_file
from synchformer_gui.cli.terminal import watched
from synchformer_gui.wording.export import (
    correction_text,
    exported_lines,
    other_container_sentence,
    way_sentence,
)

TemplateOption = Annotated[
    str,
    typer.Option(
        "--name-template",
        metavar="NAME",
        help="Name of the new file. Fields: {name} (without a delay stated in it) and {ext} of the "
        "source, {delay_ms}, and {stream}, the audio streams moved.",
    ),
]
OverwriteOption = Annotated[
    bool,
    typer.Option(
        "--overwrite",
        help="Replace an existing file of the new name, or of its certificate.",
    ),
]
LayoutOption = Annotated[
    Layout | None,
    typer.Option("--layout", help="Place of the index in MP4 and MOV; as in CLIP by default."),
]
KeepTimesOption = Annotated[
    bool,
    typer.Option("--keep-times", help="Give the new file the times and permissions of the source."),
]
VerifyOption = Annotated[
    bool, typer.Option("--verify/--no-verify", help="Compare the new file with its source.")
]
CertificateOption = Annotated[
    bool,
    typer.Option(
        "--certificate", help="Write changes and measurements to NAME.certificate.json beside it."
    ),
]
DryRunOption = Annotated[
    bool,
    typer.Option(
        "--dry-run",
        help="Write nothing; print the plan, and the equivalent ffmpeg command.",
    ),
]
DetectAgainOption = Annotated[
    bool,
    typer.Option(
        "--detect-again",
        help="Detect the offset of the new file as well, with the same model and options.",
    ),
]

DetectAgain = Callable[[Exported], Detection]
"""Detects the offset of the new file."""

_REPLACE_ADVICE = " with -o or add --overwrite"


@dataclass(frozen=True, slots=True)
class ExportOptions:
    """Options of the file to be written.

    Raises:
        typer.BadParameter: They exclude each other.
    """

    template: TemplateOption = DEFAULT_TEMPLATE
    overwrite: OverwriteOption = False
    layout: LayoutOption = None
    keeps_times: KeepTimesOption = False
    verifies: VerifyOption = True
    certifies: CertificateOption = False
    output: Path | None = None
    is_dry: bool = False
    in_place: bool = False
    asks: bool = True

    def __post_init__(self) -> None:
        if self.in_place:
            self._check_in_place()
        if self.certifies and not self.verifies:
            raise typer.BadParameter("needs the verification", param_hint="--certificate")
        if self.output is not None and self.template != DEFAULT_TEMPLATE:
            raise typer.BadParameter("--output names the file", param_hint="--name-template")

    def _check_in_place(self) -> None:
        unused = {
            "--output": self.output is not None,
            "--name-template": self.template != DEFAULT_TEMPLATE,
            "--overwrite": self.overwrite,
            "--layout": self.layout is not None,
            "--certificate": self.certifies,
            "--keep-times": self.keeps_times,
            "--no-verify": not self.verifies,
        }
        if any(unused.values()):
            names = [name for name, is_given in unused.items() if is_given]
            raise typer.BadParameter("has no use with --in-place", param_hint=names)

    @property
    def is_named(self) -> bool:
        """Whether the name of the file is known before the delay."""
        depends = any(field in self.template for field in ("{delay_ms", "{stream"))
        return self.output is not None or not depends

    def request(
        self, info: MediaInfo, correction: Correction, target: Path, layout: Layout | None
    ) -> ExportRequest:
        """Request for a file."""
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


def target_of(info: MediaInfo, correction: Correction, options: ExportOptions) -> Path:
    """The file to be written.

    Raises:
        typer.BadParameter: Its name is unusable.
    """
    with shared_options.wrong_usage("--name-template"):
        usual = default_target(info, correction.inexact, options.template, correction)
    target = options.output or usual
    shared_options.check_target(target, "--output")
    return target


def check_early(info: MediaInfo, unmoved: Correction, options: ExportOptions) -> None:
    """Check before a detection for problems of the export with any delay.

    Args:
        info: The probed source.
        unmoved: The correction, with a delay of 0 for the unknown one.
        options: Options of the file.

    Raises:
        typer.BadParameter: The name of the file is unusable.
        ExportError: It cannot be written.
    """
    if options.in_place:
        return
    free = replace(options, overwrite=options.overwrite or not options.is_named)
    request = free.request(info, unmoved, target_of(info, unmoved, options), options.layout)
    # The choice of an inexact shift is left out: it depends on the delay.
    _refuse(export.preview(request).problems(_REPLACE_ADVICE), info)


def coding_words(info: MediaInfo, correction: Correction, options: ExportOptions) -> str:
    """Coding of audio to encode again, in words; empty if the target takes none.

    Raises:
        typer.BadParameter: The name of the file is unusable.
        ExportError: The container cannot be written from this source.
    """
    moves = plan(info, correction, target_of(info, correction, options)).moves
    return ", ".join(dict.fromkeys(move.coding.words for move in moves if move.coding))


def export_file(
    info: MediaInfo,
    correction: Correction,
    options: ExportOptions,
    again: DetectAgain | None = None,
) -> ExitCode:
    """Export a file and print the outcome.

    Args:
        info: The probed source.
        correction: The correction.
        options: Options of the file.
        again: Detects the offset of the new file, if wanted.

    Raises:
        typer.BadParameter: Its name is unusable.
        ExportError: It cannot be written, or failed the verification.
        Cancelled: The user pressed Ctrl-C.
    """
    if options.in_place:
        return correct_file(info, correction, is_dry=options.is_dry, asks=options.asks)
    target = target_of(info, correction, options)
    planned = export.preview(options.request(info, correction, target, options.layout))
    is_possible = planned.plan is not None and planned.plan.is_possible
    if target.suffix != info.path.suffix and options.output is None and is_possible:
        typer.echo(other_container_sentence(info.path, target))
    problems = problem_sentences(planned, _REPLACE_ADVICE, or_else=", or -o")
    if planned.plan is not None and planned.plan.is_possible:
        typer.echo(way_sentence(planned.plan))
    for sentence in planned.plan.notes if planned.plan is not None else ():
        typer.echo(f"Note: {sentence}")
    if options.is_dry:
        return _print_dry(planned, problems)
    _refuse(problems, info)
    printed: list[str] = []

    def print_new(exported: Exported) -> None:
        for line in exported_lines(exported, str(target)):
            if line not in printed:
                typer.echo(line)
                printed.append(line)

    with ExitStack() as progress:

        def on_written(exported: Exported) -> None:
            # The detection shows a progress of its own.
            progress.close()
            print_new(exported)

        monitor = progress.enter_context(watched())
        detect = partial(_detect_again, again, options) if again is not None else None
        exported = export.export(planned, monitor, on_written=on_written, detect=detect)
    print_new(exported)
    return _code(exported, is_detected=again is None or exported.detected is not None)


def _detect_again(again: DetectAgain, options: ExportOptions, exported: Exported) -> Detection:
    """Detect the offset of the new file; an interruption is reported with the state of the file."""
    try:
        return again(exported)
    except SyncError:
        raise
    except BaseException:
        missing = " and has no certificate" if options.certifies else ""
        typer.echo(f"{exported.path} is complete; it was not analyzed again{missing}.")
        raise


def problem_sentences(planned: ExportPreview, advice: str, or_else: str = "") -> list[str]:
    """Sentences on why nothing can be written, and on the options that choose a way out.

    Args:
        planned: The preview.
        advice: How a taken name can be replaced, for the end of that sentence.
        or_else: Another way to choose, with a comma in front.
    """
    problems = planned.problems(advice)
    if planned.plan is not None and planned.needs_choice:
        chosen = [choice.inexact for choice in planned.plan.choices if choice.inexact is not None]
        choices = " or ".join(f"--inexact {inexact}" for inexact in chosen)
        others = or_else if len(chosen) < len(planned.plan.choices) else ""
        problems.append(f"{planned.plan.choice_refusal} Choose with {choices}{others}.")
    return problems


def _refuse(problems: list[str], info: MediaInfo) -> None:
    if problems:
        raise ExportError(problems[0], path=info.path, details="\n".join(problems))


def _print_dry(planned: ExportPreview, problems: list[str]) -> ExitCode:
    for sentence in problems:
        typer.echo(f"Not possible: {sentence}")
    if planned.plan is None or problems:
        return ExitCode.FAILED
    moved = correction_text(planned.plan.correction, planned.plan)
    typer.echo(f"{planned.plan.target} would be written: audio {moved}.")
    typer.echo(planned.command or "The ffmpeg program has no command for this.")
    return ExitCode.DONE


def _code(exported: Exported, *, is_detected: bool) -> ExitCode:
    """Exit code for a written file, perhaps without its detection or certificate."""
    detected = exported.detected
    is_out = detected is not None and detected.estimate.verdict is Verdict.OUT_OF_SYNC
    is_whole = is_detected and not exported.certificate_problem
    return worst(
        [
            ExitCode.OUT_OF_SYNC if is_out else ExitCode.DONE,
            ExitCode.DONE if is_whole else ExitCode.PARTLY_DONE,
        ]
    )
