"""Hashes of large files."""

import hashlib
from dataclasses import dataclass
from pathlib import Path

from core.progress import SILENT, Monitor, Progress

CHUNK_BYTES = 1 << 20


@dataclass(frozen=True, slots=True)
class FileHash:
    """MD5 and SHA-256 of one file as lower-case hexadecimal text.

    Attributes:
        md5: MD5, as published with checkpoints; protects against accidents only.
        sha256: SHA-256, as recorded by this application.
        n_bytes: Size of the file.
    """

    md5: str
    sha256: str
    n_bytes: int


def hash_file(path: Path, monitor: Monitor = SILENT) -> FileHash:
    """Compute both hashes in one pass.

    Raises:
        OSError: The file cannot be read.
        Cancelled: The work is no longer wanted.
    """
    md5 = hashlib.md5(usedforsecurity=False)
    sha256 = hashlib.sha256()
    n_done = 0
    n_bytes = path.stat().st_size
    with path.open("rb") as stream:
        while chunk := stream.read(CHUNK_BYTES):
            monitor.check()
            md5.update(chunk)
            sha256.update(chunk)
            n_done += len(chunk)
            monitor.report(Progress("Checking the file", min(1.0, n_done / n_bytes)))
    return FileHash(md5=md5.hexdigest(), sha256=sha256.hexdigest(), n_bytes=n_done)
