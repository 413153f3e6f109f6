"""The cache of this user and its size limits, for the window and the command line."""

import json
import logging
from dataclasses import asdict
from pathlib import Path

from core import __version__
from core.detection.cached_detector import Cache, CacheLimits
from core.errors import SyncError
from core.paths import cache_dir, complete_or_absent, data_dir

log = logging.getLogger(__name__)


def open_cache(*, is_wanted: bool = True) -> Cache:
    """Cache of this user; if it is not wanted, an empty cache that keeps nothing."""
    limits = read_limits() if is_wanted else CacheLimits(0, 0)
    return Cache(cache_dir(), __version__, limits)


def read_limits() -> CacheLimits:
    """Limits from the file of `write_limits`; the defaults if it is missing or unusable."""
    path = _limits_path()
    try:
        return CacheLimits(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        pass
    except (OSError, TypeError, ValueError) as error:
        log.warning("%s is ignored: %s", path, error)
    return CacheLimits()


def write_limits(limits: CacheLimits) -> None:
    """Write the size limits of the cache.

    Raises:
        SyncError: The file cannot be written.
    """
    path = _limits_path()
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        with complete_or_absent(path) as partial:
            partial.write_text(json.dumps(asdict(limits)) + "\n", encoding="utf-8")
    except OSError as error:
        raise SyncError(
            f"{path} cannot be written ({error.strerror}); check that you may write there.",
            path=path,
            details=str(error),
        ) from error


def _limits_path() -> Path:
    return data_dir() / "cache.json"
