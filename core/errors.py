"""Failures that a user can meet, each with one sentence saying what is wrong and what to do."""

from pathlib import Path
from typing import Self


class SyncError(Exception):
    """An expected failure.

    Args:
        message: One sentence for the user: what is wrong and what to do. Where a file is concerned
            it names the file.
        path: The file concerned, if there is one.
        details: Technical text that helps whoever looks into it; shown on request only.
    """

    def __init__(self, message: str, *, path: Path | None = None, details: str = "") -> None:
        super().__init__(message)
        self.message = message
        self.path = path
        self.details = details


class MediaError(SyncError):
    """A media file cannot be opened, read or used."""


class CheckpointError(SyncError):
    """Model weights are missing, damaged, refused or of the wrong kind."""

    @classmethod
    def unreadable(cls, path: Path, error: OSError) -> Self:
        """Return the failure to read a file of weights at all."""
        return cls(
            f"{path.name} cannot be read ({error.strerror}); check that it is there and that you "
            "may open it.",
            path=path,
            details=str(error),
        )


class DetectionError(SyncError):
    """A readable clip does not allow detection, for instance because it is too short."""


class ExportError(SyncError):
    """A corrected file or a report cannot be written."""


class Cancelled(Exception):
    """The user asked to stop. Not a failure: it passes through every handler of SyncError."""
