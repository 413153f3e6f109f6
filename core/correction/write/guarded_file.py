"""The file of a muxer, failing once and no more."""

from io import SEEK_SET
from typing import BinaryIO


class TargetFile:
    """A file object writing until the drive refuses, and keeping its failure.

    Muxers go on after a failure, even while they are closed. PyAV prints failures after an
    unraised one with their traceback, so none may follow. It also loses failures where a muxer
    ignores the result of a write: call `raise_failure` at the end.

    Attributes:
        name: Path of the file; FFmpeg opens it again by name to move the index of MP4.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.name = file.name
        self._file = file
        self._failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write at the current position, or nothing after a failure.

        Raises:
            OSError: The drive refuses, for the first time.
        """
        if self._failure is not None:
            return len(data)
        try:
            return self._file.write(data)
        except OSError as error:
            self._failure = error
            raise

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        """Write buffered data and go to a position.

        Raises:
            OSError: The drive refuses, for the first time.
        """
        if self._failure is not None:
            return offset
        try:
            return self._file.seek(offset, whence)
        except OSError as error:
            self._failure = error
            raise

    def tell(self) -> int:
        """Current position."""
        return 0 if self._failure is not None else self._file.tell()

    def raise_failure(self) -> None:
        """Raise the failure of the drive, if there was one.

        Raises:
            OSError: The drive refused a write.
        """
        if self._failure is not None:
            raise self._failure
