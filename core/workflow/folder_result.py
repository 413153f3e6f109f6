"""What became of the correction of one file of many."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path


class Outcome(StrEnum):
    """What was done to correct a file."""

    WRITTEN = "written"
    WOULD_BE_WRITTEN = "would be written"
    ALREADY_THERE = "already there"
    """An earlier run wrote what this one would."""
    NOT_NEEDED = "not needed"
    LEFT_ALONE = "left alone"
    """It is not known what to do, or that was not wanted."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileCorrection:
    """What became of the correction of one file.

    Attributes:
        outcome: What was done.
        target: The corrected file, written, found or planned; None if there is none.
        moved_s: By how much its sound is later, in seconds; None if no one delay was applied.
        sentences: What was done and found, or why not.
        is_certified: False if a certificate was wanted and could not be written.
    """

    outcome: Outcome
    target: Path | None = None
    moved_s: Fraction | None = None
    sentences: tuple[str, ...] = ()
    is_certified: bool = True
