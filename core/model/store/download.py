"""Download of one file from one address: resumable, verified, complete or absent.

`store` chooses the addresses and installs the file.
"""

import json
import logging
import re
import shutil
from dataclasses import dataclass
from http import HTTPStatus
from pathlib import Path

import requests

from core.errors import CheckpointError
from core.model.hashing import FileHash, hash_file
from core.model.store.catalog import Source, is_trusted
from core.progress import SILENT, Monitor, Progress

log = logging.getLogger(__name__)

TIMEOUTS_S = (10.0, 30.0)
"""Timeouts of the connection and of the next bytes."""

_CHUNK_BYTES = 1 << 16
_BYTES_PER_MB = 1_000_000


class SourceError(CheckpointError):
    """An address could not deliver the file; another may."""


@dataclass(frozen=True, slots=True)
class Download:
    """Partial file of a download, with the data needed to resume it.

    Attributes:
        path: The partial file.
        validator: ETag or date that identifies the version on the server; may be empty.
        n_total: Size of the complete file; None if the server does not state it.
    """

    path: Path
    validator: str = ""
    n_total: int | None = None

    @property
    def n_bytes(self) -> int:
        return self.path.stat().st_size if self.path.exists() else 0

    @property
    def is_complete(self) -> bool:
        return self.n_total is not None and self.n_bytes == self.n_total

    def discard(self) -> None:
        """Delete the partial file and its notes."""
        self.path.unlink(missing_ok=True)
        _notes_of(self.path).unlink(missing_ok=True)


def fetch(
    source: Source, folder: Path, name: str, monitor: Monitor = SILENT
) -> tuple[Download, FileHash]:
    """Download a file and verify it, resuming an earlier attempt.

    The partial file stays in the folder, also after `Cancelled`. The caller discards it after use.

    Args:
        source: Address and MD5 prefix of the file.
        folder: Folder of downloads; created if missing.
        name: Stem of the partial file.
        monitor: Receives the progress in bytes; can cancel between chunks.

    Returns:
        The complete download and its hashes.

    Raises:
        SourceError: The address cannot deliver the file.
        CheckpointError: The file cannot be kept, for instance because the disk is full.
        Cancelled: The monitor cancelled the work.
    """
    # Two addresses may have different files; the hash in the name keeps them apart.
    path = folder / f"{name}.{source.md5_prefix[:7]}.partial~"
    try:
        folder.mkdir(parents=True, exist_ok=True)
        _transfer_all(source, path, monitor)
        download = _download_at(path)
        hashes = hash_file(path, monitor)
        if not hashes.md5.startswith(source.md5_prefix):
            download.discard()
            raise _failure(
                source,
                "the downloaded file is not the published one",
                f"MD5 {hashes.md5} instead of {source.md5_prefix}",
            )
    except OSError as error:
        raise CheckpointError(
            f"The download cannot be kept in {folder} ({error.strerror}); check that the disk has "
            "room and that you may write there.",
            path=folder,
            details=str(error),
        ) from error
    return download, hashes


def _transfer_all(source: Source, path: Path, monitor: Monitor) -> None:
    """Transfer until the file is complete; reconnect as long as bytes arrive."""
    while not (download := _download_at(path)).is_complete:
        n_before = download.n_bytes
        try:
            _transfer(source, download, monitor)
        except (
            requests.ConnectionError,
            requests.Timeout,
            requests.exceptions.ChunkedEncodingError,
        ) as error:
            if _download_at(path).n_bytes <= n_before:
                raise _failure(source, "the connection failed", str(error)) from error
            log.info("Renewing the connection to %s after: %s", source.url, error)
        except requests.RequestException as error:
            raise _failure(source, "the request failed", str(error)) from error
        else:
            return


def _transfer(source: Source, download: Download, monitor: Monitor) -> None:
    """Request the missing bytes and append them to the partial file."""
    n_before = download.n_bytes
    # Byte ranges are meaningless in a compressed transfer.
    headers = {"Accept-Encoding": "identity"}
    if n_before:
        headers["Range"] = f"bytes={n_before}-"
        if download.validator:
            headers["If-Range"] = download.validator
    monitor.check()
    monitor.report(Progress("Connecting"))
    with requests.get(source.url, headers=headers, stream=True, timeout=TIMEOUTS_S) as response:
        for step in (*response.history, response):
            if not is_trusted(step.url):
                raise _failure(source, "it leads to an address that is not https", step.url)
        is_beyond_end = response.status_code == HTTPStatus.REQUESTED_RANGE_NOT_SATISFIABLE
        if not response.ok and not (n_before and is_beyond_end):
            answer = f"{response.status_code} {response.reason}"
            raise _failure(source, f"the server answered {answer}", response.url)
        if n_before and not _continues(response, download):
            log.info("Starting %s anew: the server does not go on with this file", source.url)
            download.discard()
            if response.status_code != HTTPStatus.OK:
                _transfer(source, Download(download.path), monitor)
                return
        _receive(response, source, download.path, monitor)


def _continues(response: requests.Response, download: Download) -> bool:
    """Check that a response holds exactly the missing bytes of the same file."""
    if response.status_code != HTTPStatus.PARTIAL_CONTENT:
        return False
    first, n_total = _content_range(response)
    return (
        first == download.n_bytes
        and n_total == download.n_total
        and _validator(response) == download.validator
    )


def _receive(response: requests.Response, source: Source, path: Path, monitor: Monitor) -> None:
    n_done = Download(path).n_bytes
    if response.status_code == HTTPStatus.PARTIAL_CONTENT:
        _, n_total = _content_range(response)
    else:
        length = response.headers.get("Content-Length", "")
        n_total = int(length) if length.isdigit() else None
    _require_room(path.parent, n_done, n_total or source.size_hint)
    notes = {"validator": _validator(response), "n_total": n_total}
    _notes_of(path).write_text(json.dumps(notes), encoding="utf-8")
    with path.open("ab") as target:
        for chunk in response.iter_content(_CHUNK_BYTES):
            monitor.check()
            target.write(chunk)
            n_done += len(chunk)
            monitor.report(_progress(n_done, n_total))


def _progress(n_done: int, n_total: int | None) -> Progress:
    done = f"{n_done / _BYTES_PER_MB:.0f}"
    if not n_total:
        return Progress(f"Downloading ({done} MB)")
    return Progress(f"Downloading ({done} of {n_total / _BYTES_PER_MB:.0f} MB)", n_done / n_total)


def _content_range(response: requests.Response) -> tuple[int | None, int | None]:
    """Parse first position and total size from Content-Range; None if absent."""
    found = re.fullmatch(r"bytes (\d+)-\d+/(\d+)", response.headers.get("Content-Range", ""))
    return (int(found[1]), int(found[2])) if found else (None, None)


def _validator(response: requests.Response) -> str:
    """Validator for If-Range; excludes weak ETags (W/...), see RFC 9110, 13.1.5."""
    etag = response.headers.get("ETag", "")
    return etag if etag.startswith('"') else response.headers.get("Last-Modified", "")


def _require_room(folder: Path, n_done: int, n_total: int) -> None:
    """Require space for the rest of the file and for the converted copy of the same size."""
    n_needed = 2 * n_total - n_done
    n_free = shutil.disk_usage(folder).free
    if n_free < n_needed:
        raise CheckpointError(
            f"The download needs {n_needed / _BYTES_PER_MB:.0f} MB in {folder}, where "
            f"{n_free / _BYTES_PER_MB:.0f} MB are free; make room and try again.",
            path=folder,
        )


def _download_at(path: Path) -> Download:
    """Resume an earlier download; without readable notes, start anew."""
    download = Download(path)
    if not download.n_bytes:
        return download
    try:
        notes = json.loads(_notes_of(path).read_text(encoding="utf-8"))
        n_total = notes["n_total"]
        return Download(path, str(notes["validator"]), None if n_total is None else int(n_total))
    except (FileNotFoundError, ValueError, KeyError, TypeError) as error:
        log.warning("Starting the download %s anew: its notes are unreadable (%s)", path, error)
        download.discard()
        return download


def _notes_of(path: Path) -> Path:
    return path.with_name(f"{path.name}.json")


def _failure(source: Source, reason: str, details: str) -> SourceError:
    return SourceError(
        f"{source.url} could not be downloaded: {reason}; try again later, or fetch the file "
        "yourself and import it.",
        details=details,
    )
