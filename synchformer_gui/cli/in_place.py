"""Corrections in place and their undoing, for `correct`."""

from pathlib import Path

import typer

from core.correction.correction import Correction
from core.correction.verify.sentences import verification_sentence
from core.media.info import MediaInfo
from core.workflow import in_place
from synchformer_gui.cli.exit_codes import ExitCode
from synchformer_gui.cli.terminal import watched
from synchformer_gui.wording.export import correction_text, in_place_question


def correct_file(info: MediaInfo, correction: Correction, *, is_dry: bool, asks: bool) -> ExitCode:
    """Correct a file in place and print the outcome.

    Args:
        info: The probed file.
        correction: The correction.
        is_dry: Whether nothing is written.
        asks: Whether the user is asked before.

    Raises:
        ExportError: The file allows no patch in place, or cannot be written.
        typer.Abort: The user said no, or there is nobody to ask.
        Cancelled: The user pressed Ctrl-C.
    """
    with watched() as monitor:
        plan = in_place.plan_in_place(info, correction, monitor)
    for sentence in plan.notes:
        typer.echo(f"Note: {sentence}")
    moved = correction_text(correction, plan)
    if is_dry:
        typer.echo(f"{in_place_question(plan)[:-1]}: audio {moved}. Nothing was written.")
        return ExitCode.DONE
    if asks:
        typer.confirm(in_place_question(plan), abort=True)
    with watched() as monitor:
        done = in_place.correct_in_place(plan, monitor)
    typer.echo(f"Corrected {info.path} in place: audio {moved}.")
    typer.echo(verification_sentence(done.verification, plan))
    typer.echo(f"Undo it with: synchformer-gui correct --undo {info.path} ({done.record.name})")
    return ExitCode.DONE


def undo_file(file: Path, target: Path | None, *, overwrite: bool) -> ExitCode:
    """Restore the source of a corrected file and print the outcome.

    Raises:
        ExportError: There is no record, or the file cannot be restored.
        Cancelled: The user pressed Ctrl-C.
    """
    with watched() as monitor:
        restored = in_place.undo(file, target, overwrite=overwrite, monitor=monitor)
    typer.echo(f"Restored {restored}, bit by bit as before the correction.")
    return ExitCode.DONE
