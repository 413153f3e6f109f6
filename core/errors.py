"""Expected failures, each with one sentence for the user: the problem and its remedy."""

from pathlib import Path
from typing import Self


class SyncError(Exception):
    """An expected failure.

    Args:
        message: One sentence for the user: the problem, the file if any, and the remedy.
        path: The file, if any.
        details: Technical text for support; shown on request only.
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
        """Error about a file of weights without read access."""
        return cls(
            f"{path.name} cannot be read ({error.strerror}); check that it is there and that you "
            "may open it.",
            path=path,
            details=str(error),
        )


class DetectionError(SyncError):
    """A readable clip does not allow detection, e.g. because it is too short."""


class ExportError(SyncError):
    """A corrected file or a report cannot be written."""


class Cancelled(Exception):
    """The user asked to stop. Not a failure: handlers of SyncError do not catch it."""
