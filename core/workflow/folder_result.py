"""Result of the correction of one file of a folder."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path


class Outcome(StrEnum):
    """Outcome of a correction."""

    WRITTEN = "written"
    WOULD_BE_WRITTEN = "would be written"
    ALREADY_THERE = "already there"
    """An earlier run wrote the same file."""
    NOT_NEEDED = "not needed"
    LEFT_ALONE = "left alone"
    """The verdict is "cannot tell", or the correction needs an option that was not given."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileCorrection:
    """Correction of one file.

    Attributes:
        outcome: Its outcome.
        target: The corrected file, written, found or planned; None if there is none.
        moved_s: Applied delay of the audio in seconds; None without a single delay.
        sentences: Report for the user, or reasons against the correction.
        is_certified: False if a wanted certificate could not be written.
    """

    outcome: Outcome
    target: Path | None = None
    moved_s: Fraction | None = None
    sentences: tuple[str, ...] = ()
    is_certified: bool = True
