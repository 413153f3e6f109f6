"""Detection of every clip of a folder with one loaded engine; a bad file never stops the run."""

import logging
import os
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction
from pathlib import Path

from core.detection.cached_detector import CachedDetector
from core.detection.config import DetectionConfig
from core.detection.engines.base import Engine
from core.detection.result import Detection
from core.detection.schedule.budget import SubProgress
from core.detection.schedule.scope import read_scope
from core.errors import Cancelled, ExportError, MediaError, SyncError
from core.progress import SILENT, Monitor, Progress

log = logging.getLogger(__name__)

# fmt: off
CLIP_SUFFIXES = frozenset({
    ".3g2", ".3gp", ".asf", ".avi", ".dv", ".f4v", ".flv", ".gxf", ".m2t", ".m2ts", ".m4v", ".mkv",
    ".mov", ".mp4", ".mpeg", ".mpg", ".mts", ".mxf", ".nut", ".ogm", ".ogv", ".ts", ".vob",
    ".webm", ".wmv",
})
# fmt: on
"""Containers of video; audio files are not clips."""


class Outcome(StrEnum):
    """Outcome of a correction."""

    WRITTEN = "written"
    WOULD_BE_WRITTEN = "would be written"
    ALREADY_THERE = "already there"
    """An earlier run wrote the same file."""
    NOT_NEEDED = "not needed"
    LEFT_ALONE = "left alone"
    """The verdict is "cannot tell", or the correction needs an option that was not given."""
    FAILED = "failed"


@dataclass(frozen=True, slots=True)
class FileCorrection:
    """Correction of one file.

    Attributes:
        outcome: Its outcome.
        target: The corrected file, written, found or planned; None if there is none.
        moved_s: Applied delay of the audio in seconds; None without a single delay.
        sentences: Report for the user, or reasons against the correction.
        is_certified: False if a wanted certificate could not be written.
    """

    outcome: Outcome
    target: Path | None = None
    moved_s: Fraction | None = None
    sentences: tuple[str, ...] = ()
    is_certified: bool = True


@dataclass(frozen=True, slots=True, eq=False)
class FileResult:
    """Result of one file.

    Attributes:
        path: The file.
        detection: Its detection; None if it failed.
        error: Cause of the failure, as one sentence; empty otherwise.
        is_earlier: The detection comes from the cache.
        correction: Its correction; None if none was asked for.
    """

    path: Path
    detection: Detection | None
    error: str = ""
    is_earlier: bool = False
    correction: FileCorrection | None = None


def find_clips(folder: Path, recursive: bool, left_out: Path | None = None) -> tuple[Path, ...]:
    """List the clips of a folder by their suffix, sorted by path.

    Hidden files and folders are left out: systems keep notes about clips there under the clip's
    own name (`._clip.mov`). Links to folders are not followed. A sub-folder without read permission
    is listed itself, so it fails in sight instead of looking checked.

    Args:
        folder: Folder to search.
        recursive: Search sub-folders as well.
        left_out: Sub-folder to skip; need not exist.

    Raises:
        MediaError: The folder is missing or cannot be read, or there is no clip in it.
    """
    clips: list[Path] = []
    has_sub_folders = False

    def on_error(error: OSError) -> None:
        unread = Path(error.filename)
        if unread == folder:
            raise MediaError(
                f"{folder} cannot be read as a folder ({error.strerror}); check its name and "
                "permissions.",
                path=folder,
            ) from error
        clips.append(unread)

    for parent, folders, files in os.walk(folder, onerror=on_error):
        visible = [
            name
            for name in folders
            if not name.startswith(".") and not _is_same(Path(parent, name), left_out)
        ]
        has_sub_folders = has_sub_folders or bool(visible)
        folders[:] = visible if recursive else []
        clips += [
            Path(parent, name)
            for name in files
            if not name.startswith(".") and Path(name).suffix.lower() in CLIP_SUFFIXES
        ]
    if not clips:
        hint = "choose another folder"
        if has_sub_folders and not recursive:
            hint = "look into its sub-folders as well with --recursive"
        raise MediaError(f"{folder} holds no video files; {hint}.", path=folder)
    return tuple(sorted(clips))


def _is_same(folder: Path, other: Path | None) -> bool:
    return other is not None and folder.resolve() == other.resolve()


def check_clips(
    paths: Sequence[Path],
    open_engine: Callable[[], Engine],
    cached_detector: CachedDetector,
    config: DetectionConfig,
    monitor: Monitor = SILENT,
) -> Iterator[FileResult]:
    """Detect the offsets of files one by one, yielding each result at once.

    Args:
        paths: The files.
        open_engine: Called once, for the first file without an earlier answer; its errors end the
            run.
        cached_detector: Recalls earlier answers and keeps new ones.
        config: Options of the detections.
        monitor: Receives the progress; may cancel.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    engine: Engine | None = None
    for index, path in enumerate(paths):
        stage = f"{path.name} ({index + 1} of {len(paths)})"
        part = SubProgress(monitor, index, len(paths), stage=stage)
        part.report(Progress(path.name, 0.0))
        monitor.check()
        earlier = cached_detector.earlier(path, config)
        if earlier is not None:
            yield FileResult(path, earlier, is_earlier=True)
            continue
        engine = engine or open_engine()
        yield _check_clip(path, engine, cached_detector, config, part)


def _check_clip(
    path: Path,
    engine: Engine,
    cached_detector: CachedDetector,
    config: DetectionConfig,
    monitor: Monitor,
) -> FileResult:
    try:
        scope = read_scope(path, config)
        return FileResult(path, cached_detector.detect(scope, engine, monitor))
    except Cancelled:
        raise
    except SyncError as error:
        log.info("%s: %s", path, error.message)
        return FileResult(path, None, error.message)
    except Exception as error:  # One file must not end the run over all the others.
        log.exception("%s could not be analyzed", path)
        return FileResult(path, None, f"{path} could not be analyzed: {error!r}; see the log.")


class CorrectedNames:
    """Names of the corrected clips of a folder: no clip is replaced, and no name is used twice.

    Args:
        folder: Folder of the clips.
        sources: All clips.
    """

    def __init__(self, folder: Path, sources: Sequence[Path]) -> None:
        self._folder = folder
        self._sources = {_inode(path) for path in sources} - {None}
        self._claimed: dict[Path, Path] = {}

    def check(self, target: Path) -> None:
        """Check that a file replaces no clip and no file of this run.

        Raises:
            ExportError: It does.
        """
        inode = _inode(target)
        if inode is not None and inode in self._sources:
            raise ExportError(
                f"{target} is one of the clips of {self._folder}, which are never changed; choose "
                "another name with --name-template.",
                path=target,
            )
        for claimed, source in self._claimed.items():
            if claimed == target or (inode is not None and _inode(claimed) == inode):
                raise ExportError(
                    f"{target} is the name of the corrected {source.name} already; choose names "
                    "that differ with --name-template.",
                    path=target,
                )

    def claim(self, target: Path, source: Path) -> None:
        """Keep a name for the corrected file of a clip."""
        self._claimed[target] = source


def _inode(path: Path) -> tuple[int, int] | None:
    """Device and inode of a file; None if there is none."""
    try:
        status = path.stat()
    except OSError:
        return None
    return status.st_dev, status.st_ino
