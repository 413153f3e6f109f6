"""The file that a muxer writes to, which fails once and no more."""

from io import SEEK_SET
from typing import BinaryIO


class TargetFile:
    """Writes until the drive refuses, and keeps that failure.

    Muxers go on after a failure, and so does closing them. PyAV prints the failures that follow
    one that it has not raised yet, with their traceback, so there must be none. It also loses some
    where a muxer does not look at what a write returned, so whoever writes looks again in the end.

    Attributes:
        name: The file; FFmpeg opens it again by that to move the index of MP4.
    """

    def __init__(self, file: BinaryIO) -> None:
        self.name = file.name
        self._file = file
        self._failure: OSError | None = None

    def write(self, data: bytes) -> int:
        """Write at the present place, or nothing at all after a failure.

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
        """Go to a place, having written what is buffered.

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
        """Return the present place."""
        return 0 if self._failure is not None else self._file.tell()

    def raise_failure(self) -> None:
        """Raise what the drive refused with, if it did.

        Raises:
            OSError: It did.
        """
        if self._failure is not None:
            raise self._failure
