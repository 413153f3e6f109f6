"""What the command line returns to whoever called it."""

from collections.abc import Iterable
from enum import IntEnum

from core.detection.result import Verdict


class ExitCode(IntEnum):
    """The same for every command.

    PARTLY_DONE: the corrected file is complete, but its certificate could not be written, or it
    could not be judged again.
    """

    DONE = 0
    OUT_OF_SYNC = 1
    CANNOT_TELL = 2
    FAILED = 3
    PARTLY_DONE = 4
    USAGE = 64
    CANCELLED = 130


def exit_code(verdict: Verdict) -> ExitCode:
    """Return the code for one judged clip."""
    match verdict:
        case Verdict.IN_SYNC:
            return ExitCode.DONE
        case Verdict.OUT_OF_SYNC:
            return ExitCode.OUT_OF_SYNC
        case Verdict.CANNOT_TELL:
            return ExitCode.CANNOT_TELL


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Return the code for many clips: a failure outweighs "out of sync", that "cannot tell".

    What is missing beside a complete file stands between a failure and "out of sync".
    """
    order = (
        ExitCode.FAILED,
        ExitCode.PARTLY_DONE,
        ExitCode.OUT_OF_SYNC,
        ExitCode.CANNOT_TELL,
    )
    found = set(codes)
    return next((code for code in order if code in found), ExitCode.DONE)
