"""The command line: all commands, and their errors as messages and exit codes."""

import json
import logging
import platform
import sys
from collections.abc import Sequence
from io import TextIOWrapper
from pathlib import Path
from typing import Annotated

import typer

from core import __version__
from core.errors import Cancelled, SyncError
from synchformer_gui.cli.cache import clear_cache, limit_cache, show_cache
from synchformer_gui.cli.calibrate import calibrate
from synchformer_gui.cli.check import check
from synchformer_gui.cli.correct import correct
from synchformer_gui.cli.detect import detect
from synchformer_gui.cli.exit_codes import ExitCode
from synchformer_gui.cli.models import (
    download_model,
    import_model,
    list_models,
    remove_model,
    verify_models,
)
from synchformer_gui.cli.terminal import LogFile, log_to_file

PROGRAM = "synchformer-gui"

log = logging.getLogger(__name__)


def main(argv: Sequence[str]) -> int:
    """Run one command.

    Args:
        argv: Arguments without the name of the program.

    Returns:
        The exit code (`ExitCode`).
    """
    for stream in (sys.stdout, sys.stderr):
        if isinstance(stream, TextIOWrapper):
            # A terminal that lacks a character shows a question mark instead of ending the program.
            stream.reconfigure(errors="replace")
    with log_to_file() as log_file:
        return _run(argv, log_file)


def _run(argv: Sequence[str], log_file: LogFile) -> int:
    as_json = "--json" in argv
    try:
        code = _commands()(list(argv), prog_name=PROGRAM, standalone_mode=False)
    except typer.TyperException as error:
        return _fail(error.format_message(), ExitCode.USAGE, as_json)
    except SyncError as error:
        log.error("%s %s", error.message, error.details)  # noqa: TRY400 - expected, no traceback
        return _fail(error.message, ExitCode.FAILED, as_json, error.path)
    except (Cancelled, KeyboardInterrupt, typer.Abort):
        return _fail("Cancelled.", ExitCode.CANCELLED, as_json)
    except Exception as error:
        log.exception("The command failed: %s", argv)
        where = f"see {log_file.baseFilename}"
        if log_file.is_broken:
            where = f"and {log_file.baseFilename} cannot be written"
        message = f"Something unexpected went wrong ({type(error).__name__}: {error}); {where}."
        return _fail(message, ExitCode.FAILED, as_json)
    return int(code or 0)


def _fail(message: str, code: ExitCode, as_json: bool, path: Path | None = None) -> int:
    typer.echo(message, err=True)
    if as_json:
        error = {
            "message": message,
            "path": None if path is None else str(path),
            "exit_code": int(code),
        }
        typer.echo(json.dumps({"error": error}, indent=2))
    return code


def _commands() -> typer.Typer:
    app = typer.Typer(
        add_completion=False,
        no_args_is_help=True,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"]},
        help="Measure the audio offset of a clip, early or late, and write a corrected "
        "copy. Without a command, open the window: synchformer-gui [CLIP]",
    )
    app.callback()(_program)
    app.command("detect")(detect)
    app.command("correct")(correct)
    app.command("check")(check)
    app.command("calibrate")(calibrate)
    models = typer.Typer(no_args_is_help=True, help="Manage models.")
    models.command("list")(list_models)
    models.command("download")(download_model)
    models.command("import")(import_model)
    models.command("verify")(verify_models)
    models.command("remove")(remove_model)
    app.add_typer(models, name="models")
    cache = typer.Typer(no_args_is_help=True, help="Show, limit or clear the cache.")
    cache.command("show")(show_cache)
    cache.command("limit")(limit_cache)
    cache.command("clear")(clear_cache)
    app.add_typer(cache, name="cache")
    return app


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"{PROGRAM} {__version__} (Python {platform.python_version()})")
        raise typer.Exit


def _program(
    version: Annotated[
        bool,
        typer.Option("--version", callback=_print_version, is_eager=True, help="Show the version."),
    ] = False,
) -> None:
    """Options of the program itself."""
