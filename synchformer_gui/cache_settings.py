"""The cache of this user, and how large it may become: for window and command line alike."""

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
    """Return the cache of this user, or one that neither finds nor keeps anything."""
    limits = read_limits() if is_wanted else CacheLimits(0, 0)
    return Cache(cache_dir(), __version__, limits)


def read_limits() -> CacheLimits:
    """Return what `write_limits` wrote, the defaults if that is nothing or unusable."""
    path = _limits_path()
    try:
        return CacheLimits(**json.loads(path.read_text(encoding="utf-8")))
    except FileNotFoundError:
        pass
    except (OSError, TypeError, ValueError) as error:
        log.warning("%s is left out of account: %s", path, error)
    return CacheLimits()


def write_limits(limits: CacheLimits) -> None:
    """Remember how large the cache may become.

    Raises:
        SyncError: It cannot be written.
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
