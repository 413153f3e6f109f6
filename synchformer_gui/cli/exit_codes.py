"""Exit codes of the command line."""

from collections.abc import Iterable
from enum import IntEnum

from core.detection.result import Verdict


class ExitCode(IntEnum):
    """Exit code of a command; the same for all commands.

    PARTLY_DONE: the corrected file is complete, but its certificate could not be written, or the
    file could not be analyzed again.
    """

    DONE = 0
    OUT_OF_SYNC = 1
    CANNOT_TELL = 2
    FAILED = 3
    PARTLY_DONE = 4
    USAGE = 64
    CANCELLED = 130


def exit_code(verdict: Verdict) -> ExitCode:
    """Exit code for the verdict on one clip."""
    match verdict:
        case Verdict.IN_SYNC:
            return ExitCode.DONE
        case Verdict.OUT_OF_SYNC:
            return ExitCode.OUT_OF_SYNC
        case Verdict.CANNOT_TELL:
            return ExitCode.CANNOT_TELL


def worst(codes: Iterable[ExitCode]) -> ExitCode:
    """Exit code for many clips: the most serious of their codes.

    From most to least serious: failed, partly done, out of sync, cannot tell, done.
    """
    order = (
        ExitCode.FAILED,
        ExitCode.PARTLY_DONE,
        ExitCode.OUT_OF_SYNC,
        ExitCode.CANNOT_TELL,
    )
    found = set(codes)
    return next((code for code in order if code in found), ExitCode.DONE)
