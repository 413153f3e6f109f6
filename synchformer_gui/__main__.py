"""Entry point: commands run on the command line, everything else opens the window."""

import os
import sys
from collections.abc import Sequence
from pathlib import Path

COMMANDS = ("detect", "correct", "check", "models", "calibrate", "cache")
EXIT_NO_WINDOW = 3
EXIT_USAGE = 64
"""Copy of `synchformer_gui.cli.exit_codes`, because that module is slow to import."""

_QUIET = "qt.multimedia.*.info=false;qt.multimedia.symbolsresolver=false"


def main(argv: Sequence[str] | None = None) -> int:
    """Run `synchformer-gui [CLIP]` or one of its commands.

    Args:
        argv: Arguments without the name of the program; None for those of the process.

    Returns:
        The exit code.
    """
    arguments = list(sys.argv[1:] if argv is None else argv)
    if _is_for_window(arguments):
        clip = Path(arguments[0]) if arguments else None
        if clip is None or clip.is_file():
            return _show_window(clip)
        sys.stderr.write(
            f"There is no command and no file called {arguments[0]}; see synchformer-gui --help\n"
        )
        return EXIT_USAGE
    from synchformer_gui.cli.main import main as run_command

    return run_command(arguments)


def _is_for_window(arguments: Sequence[str]) -> bool:
    if not arguments:
        return True
    first = arguments[0]
    return len(arguments) == 1 and first not in COMMANDS and not first.startswith("-")


def _show_window(clip: Path | None) -> int:
    # Messages of Qt about optional libraries mean nothing to the user.
    os.environ.setdefault("QT_LOGGING_RULES", _QUIET)
    # Loading Qt takes a moment; commands do not need it.
    from synchformer_gui.qt_check import obstacle

    sentence = obstacle()
    if sentence:
        sys.stderr.write(f"{sentence}\n")
        return EXIT_NO_WINDOW
    from synchformer_gui.app import run

    return run(clip)


if __name__ == "__main__":
    sys.exit(main())
