"""Named bytes in one SQLite file of limited size; the longest unused are dropped first."""

import logging
import shutil
import sqlite3
import tempfile
import weakref
from collections.abc import Callable, Mapping, Sequence
from contextlib import closing
from dataclasses import dataclass
from pathlib import Path
from typing import TypeVar

from core.errors import SyncError

log = logging.getLogger(__name__)

BUSY_S = 10.0
"""Longest wait for another process to finish writing, in seconds."""

TEMPORARY_BYTES = 2_000_000_000
"""Size limit of a temporary store."""

_DAMAGE = (sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB)
_SCHEMA = (
    "CREATE TABLE IF NOT EXISTS items"
    " (name TEXT PRIMARY KEY, used INTEGER NOT NULL, n_bytes INTEGER NOT NULL)",
    "CREATE INDEX IF NOT EXISTS items_by_use ON items (used)",
    "CREATE TABLE IF NOT EXISTS parts"
    " (name TEXT NOT NULL, part TEXT NOT NULL, value BLOB NOT NULL, PRIMARY KEY (name, part))",
)
# A count of uses, not a time: a clock may be set back.
_NEWEST = "(SELECT COALESCE(MAX(used), 0) + 1 FROM items)"
_T = TypeVar("_T")


@dataclass(frozen=True, slots=True)
class Usage:
    """Content of a store.

    Attributes:
        n_items: Number of items.
        n_bytes: Size of its files.
    """

    n_items: int
    n_bytes: int


class BlobStore:
    """Items of one or more parts each, safe for several processes and threads at once.

    Reading and writing never fail. A damaged file is set aside and begun anew. A file that cannot
    be used, on a full or read-only disk for instance, counts as empty. Both are logged.

    Args:
        path: The file; created with the first item.
        limit_bytes: Largest sum over the values of all items; 0 keeps and finds nothing.
    """

    def __init__(self, path: Path, limit_bytes: int) -> None:
        self.path, self.limit_bytes = path, limit_bytes

    def read(self, name: str, parts: Sequence[str]) -> dict[str, bytes]:
        """Read parts of an item, as far as they are kept; the item counts as used."""

        def found(base: sqlite3.Connection) -> dict[str, bytes]:
            marks = ", ".join("?" * len(parts))
            rows = base.execute(
                f"SELECT part, value FROM parts WHERE name = ? AND part IN ({marks})",
                (name, *parts),
            ).fetchall()
            if rows:
                base.execute(f"UPDATE items SET used = {_NEWEST} WHERE name = ?", (name,))
            return dict(rows)

        is_any = self.limit_bytes and self.path.exists()
        return self._attempt(found, {}) if is_any else {}

    def write(self, name: str, parts: Mapping[str, bytes]) -> None:
        """Write parts of an item, all or none, and drop items beyond the limit.

        An item larger than the limit keeps its present parts.
        """

        def keep(base: sqlite3.Connection) -> None:
            row = base.execute("SELECT n_bytes FROM items WHERE name = ?", (name,)).fetchone()
            n_bytes = (row[0] if row else 0) + sum(map(len, parts.values()))
            for part in parts:
                replaced = "SELECT LENGTH(value) FROM parts WHERE name = ? AND part = ?"
                (n_before,) = base.execute(replaced, (name, part)).fetchone() or (0,)
                n_bytes -= n_before
            if n_bytes > self.limit_bytes:
                return
            base.executemany(
                "INSERT OR REPLACE INTO parts VALUES (?, ?, ?)",
                [(name, part, value) for part, value in parts.items()],
            )
            base.execute(f"INSERT OR REPLACE INTO items VALUES (?, {_NEWEST}, ?)", (name, n_bytes))
            self._evict(base)

        if self.limit_bytes:
            self._attempt(keep, None)

    def forget(self, name: str) -> None:
        """Drop an item, if kept."""
        self._attempt(lambda base: _drop(base, name), None)

    def clear(self) -> None:
        """Drop everything, including a damaged file set aside, and free the disk space.

        Raises:
            SyncError: Not everything can be dropped.
        """
        try:
            self._damaged_path.unlink(missing_ok=True)
            if self.path.exists():
                self._run(_drop_all)
        except (sqlite3.Error, OSError) as error:
            raise SyncError(
                f"{self.path} cannot be cleared; close the application everywhere else and try"
                " again, or delete this file.",
                path=self.path,
                details=str(error),
            ) from error

    def shrink(self) -> None:
        """Drop items beyond the limit."""
        if self.path.exists():
            self._attempt(self._evict, None)

    def usage(self) -> Usage:
        """Number of items and size of the files."""
        if not self.path.exists():
            n_items = 0
        else:
            count = "SELECT COUNT(*) FROM items"
            n_items = self._attempt(lambda base: int(base.execute(count).fetchone()[0]), 0)
        paths = (self.path, Path(f"{self.path}-wal"), self._damaged_path)
        return Usage(n_items, sum(path.stat().st_size for path in paths if path.exists()))

    @property
    def _damaged_path(self) -> Path:
        return self.path.with_suffix(".damaged")

    def _evict(self, base: sqlite3.Connection) -> None:
        (n_bytes,) = base.execute("SELECT TOTAL(n_bytes) FROM items").fetchone()
        oldest = base.execute("SELECT name, n_bytes FROM items ORDER BY used").fetchall()
        for name, n_its_bytes in oldest:
            if n_bytes <= self.limit_bytes:
                return
            _drop(base, name)
            n_bytes -= n_its_bytes

    def _attempt(self, action: Callable[[sqlite3.Connection], _T], otherwise: _T) -> _T:
        try:
            try:
                return self._run(action)
            except sqlite3.DatabaseError as error:
                if getattr(error, "sqlite_errorcode", 0) & 0xFF not in _DAMAGE:
                    raise
                self._set_aside(error)
                return self._run(action)
        except (sqlite3.Error, OSError) as error:
            log.warning("%s cannot be used: %s", self.path, error)
            return otherwise

    def _run(self, action: Callable[[sqlite3.Connection], _T]) -> _T:
        """Run an action as one transaction."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        with closing(sqlite3.connect(self.path, timeout=BUSY_S, isolation_level=None)) as base:
            # Gives freed pages back at once; has an effect on an empty file only.
            base.execute("PRAGMA auto_vacuum = FULL")
            base.execute("PRAGMA journal_mode = WAL")
            # A power failure may cost the last items, never the whole file.
            base.execute("PRAGMA synchronous = NORMAL")
            with base:
                base.execute("BEGIN IMMEDIATE")
                for statement in _SCHEMA:
                    base.execute(statement)
                return action(base)

    def _set_aside(self, error: sqlite3.DatabaseError) -> None:
        """Move a damaged file out of the way.

        Raises:
            OSError: It cannot be moved.
        """
        log.warning("%s is damaged (%s) and begun anew", self.path, error)
        for suffix in ("-wal", "-shm"):
            Path(f"{self.path}{suffix}").unlink(missing_ok=True)
        self.path.replace(self._damaged_path)


def temporary_store() -> BlobStore:
    """Create a store with a temporary file, deleted with the last reference to the store."""
    try:
        folder = tempfile.mkdtemp(prefix="synchformer-")
    except OSError as error:
        log.warning("Nothing can be kept for a while: %s", error)
        return BlobStore(Path(), 0)
    store = BlobStore(Path(folder, "items.sqlite3"), TEMPORARY_BYTES)
    weakref.finalize(store, shutil.rmtree, folder, ignore_errors=True)
    return store


def _drop(base: sqlite3.Connection, name: str) -> None:
    base.execute("DELETE FROM parts WHERE name = ?", (name,))
    base.execute("DELETE FROM items WHERE name = ?", (name,))


def _drop_all(base: sqlite3.Connection) -> None:
    base.execute("DELETE FROM parts")
    base.execute("DELETE FROM items")
