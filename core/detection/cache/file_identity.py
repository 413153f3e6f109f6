"""Identity of a clip and its present content, wherever it lies."""

import hashlib
import logging
import os
from pathlib import Path

log = logging.getLogger(__name__)

PIECE_BYTES = 1 << 20


def file_identity(path: Path) -> str | None:
    """Text naming the content of a file, not its place; None if the file cannot be read.

    The text is made of the size, the time of the last change to the nanosecond, and a BLAKE2 hash
    of the first, the middle and the last MiB. Clips have many GB, so hashing all of one would take
    as long as copying it. Whatever rewrites a file sets its time, and a program that keeps the time
    on purpose still changes the hash of header and index. Renaming and moving change neither.
    """
    digest = hashlib.blake2b(digest_size=32)
    try:
        with path.open("rb") as file:
            status = os.fstat(file.fileno())
            last = max(0, status.st_size - PIECE_BYTES)
            for start in sorted({0, last // 2, last}):
                file.seek(start)
                digest.update(file.read(PIECE_BYTES))
    except OSError as error:
        log.info("%s has no identity, so its answers are not kept: %s", path, error)
        return None
    return f"{status.st_size}-{status.st_mtime_ns}-{digest.hexdigest()}"
