"""Cache of detections and visual features, and detection through it.

Entries are keyed by the content of the file, the engine and all options.
"""

import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Mapping
from contextlib import closing, nullcontext
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.detection.answer.verdict import with_tolerance
from core.detection.cache.blob_store import BlobStore, Usage, temporary_store
from core.detection.cache.clip_features import ClipFeatures
from core.detection.cache.file_identity import file_identity
from core.detection.config import DetectionConfig
from core.detection.detect import detect_scope
from core.detection.engines.base import Engine
from core.detection.engines.open import EngineChoice, engine_key
from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection, Stop
from core.detection.schedule.scope import Scope
from core.detection.serialize import VERSION, detection_from_json, detection_to_json
from core.progress import SILENT, Monitor
from core.timing import TOLERANCES

log = logging.getLogger(__name__)

MEGABYTE = 1_000_000
LARGEST_MB = 1_000_000
_CORE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """Largest sizes, in units of 1,000,000 bytes; 0 keeps nothing.

    Attributes:
        answers_mb: Size of the detections.
        features_mb: Size of the visual features.
    """

    answers_mb: int = 500
    features_mb: int = 2000

    def __post_init__(self) -> None:
        for n_mb in (self.answers_mb, self.features_mb):
            if not 0 <= n_mb <= LARGEST_MB:
                raise ValueError(f"a limit of the cache is 0 to {LARGEST_MB} MB, got {n_mb}")


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """Number and size of detections, and of clips with visual features."""

    answers: Usage
    features: Usage


class Cache:
    """Folder of detections and visual features.

    Args:
        folder: Created with the first entry.
        app_version: Entries of another version are not used.
        limits: Largest sizes.
    """

    def __init__(self, folder: Path, app_version: str, limits: CacheLimits) -> None:
        self.folder, self.limits = folder, limits
        self._program = f"{app_version} {_fingerprint_of_code()}"
        self._answers = BlobStore(folder / "answers.sqlite3", limits.answers_mb * MEGABYTE)
        self._features = BlobStore(folder / "features.sqlite3", limits.features_mb * MEGABYTE)

    def cached_detector(self, choice: EngineChoice, monitor: Monitor = SILENT) -> "CachedDetector":
        """Create the cached detector of one engine.

        Raises:
            CheckpointError: There is no such model.
            Cancelled: The monitor asked to stop.
        """
        engine = {"program": self._program, "engine": engine_key(choice, monitor), **asdict(choice)}
        return CachedDetector(self._answers, self._features, engine)

    def usage(self) -> CacheUsage:
        """Number and size of the entries."""
        return CacheUsage(self._answers.usage(), self._features.usage())

    def clear(self) -> None:
        """Delete all entries.

        Raises:
            SyncError: Not everything can be deleted.
        """
        self._answers.clear()
        self._features.clear()

    def shrink(self) -> None:
        """Delete entries beyond the limits, the longest unused first."""
        self._answers.shrink()
        self._features.shrink()


class CachedDetector:
    """Detects with one engine and keeps the answers.

    Args:
        answers: Store of the detections.
        features: Store of the visual features.
        engine: Description of program and engine as JSON; another one has its own entries.
    """

    def __init__(
        self, answers: BlobStore, features: BlobStore, engine: Mapping[str, object]
    ) -> None:
        self._answers, self._features, self._engine = answers, features, engine

    def earlier(self, path: Path, config: DetectionConfig) -> Detection | None:
        """Kept detection of a file with its present content; None if there is none."""
        identity = file_identity(path) if self._answers.limit_bytes else None
        if identity is None:
            return None
        key = self._answer_key(identity, config)
        packed = self._answers.read(key, ("",)).get("")
        if packed is None:
            return None
        try:
            detection = detection_from_json(json.loads(zlib.decompress(packed)))
        except (ValueError, zlib.error) as error:
            log.warning("The kept answer about %s is damaged and dropped: %s", path, error)
            self._answers.forget(key)
            return None
        log.info("%s was analyzed earlier", path)
        detection = replace(detection, info=replace(detection.info, path=path))
        return with_tolerance(detection, config.tolerance)

    def sharing_features(self, n_detections: int) -> "CachedDetector":
        """Share visual features between detections of one file even if the cache keeps none.

        Audio streams of a file share its video, so each segment is encoded only once.
        """
        if self._features.limit_bytes or n_detections == 1:
            return self
        return CachedDetector(self._answers, temporary_store(), self._engine)

    def detect(
        self,
        scope: Scope,
        engine: Engine,
        monitor: Monitor = SILENT,
        on_evidence: Callable[[OffsetEvidence], None] | None = None,
    ) -> Detection:
        """Detect anew; keep the answer unless the time was short or the file has changed.

        Args:
            scope: File, streams, part and options, with the identity of the file.
            engine: The opened engine.
            monitor: As in `core.detection.detect.detect_scope`, as are the errors raised.
            on_evidence: As in `detect_scope`.
        """
        identity = scope.identity
        features = None
        if identity and engine.sees_square and self._features.limit_bytes:
            features = ClipFeatures(self._features, _key(identity, self._engine))
        with closing(features) if features else nullcontext():
            detection = detect_scope(scope, engine, monitor, on_evidence, features)
        # On a free machine the same time may be enough for more.
        is_final = detection.coverage.stop is not Stop.BUDGET
        is_kept = is_final and self._answers.limit_bytes
        if is_kept and identity and identity == file_identity(scope.info.path):
            document = json.dumps(detection_to_json(detection), allow_nan=False)
            key = self._answer_key(identity, scope.config)
            self._answers.write(key, {"": zlib.compress(document.encode())})
        return detection

    def _answer_key(self, identity: str, config: DetectionConfig) -> str:
        # The tolerance changes the verdict only, and verdicts are derived again when read.
        config = replace(config, tolerance=TOLERANCES[0])
        return _key(identity, {**self._engine, "report": VERSION, "config": asdict(config)})


def _key(identity: str, facts: Mapping[str, object]) -> str:
    text = json.dumps({"file": identity, **facts}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _fingerprint_of_code() -> str:
    """Hash telling apart two checkouts of the same version; bundles have no source files."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_CORE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
