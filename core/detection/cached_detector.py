"""What was found out about clips before: answers, and what networks made of pictures.

What is kept is found again by the content of the file, by who answers and by every option.
"""

import hashlib
import json
import logging
import zlib
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass, replace
from pathlib import Path

from core.detection.answer.verdict import with_tolerance
from core.detection.cache.blob_store import BlobStore, Usage, temporary_store
from core.detection.cache.clip_features import ClipFeatures
from core.detection.cache.file_identity import file_identity
from core.detection.config import DetectionConfig
from core.detection.detect import detect
from core.detection.engines.base import Engine
from core.detection.engines.open import EngineChoice, engine_key
from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection, Stop
from core.detection.serialize import VERSION, detection_from_json, detection_to_json
from core.media.probe import probe
from core.progress import SILENT, Monitor
from core.timing import TOLERANCES

log = logging.getLogger(__name__)

MEGABYTE = 1_000_000
LARGEST_MB = 1_000_000
_CORE = Path(__file__).resolve().parents[1]


@dataclass(frozen=True, slots=True)
class CacheLimits:
    """How much is kept.

    Attributes:
        answers_mb: Of answers, in units of 1,000,000 bytes; 0 keeps none.
        features_mb: Likewise, of what networks made of pictures.
    """

    answers_mb: int = 500
    features_mb: int = 2000

    def __post_init__(self) -> None:
        for n_mb in (self.answers_mb, self.features_mb):
            if not 0 <= n_mb <= LARGEST_MB:
                raise ValueError(f"a limit of the cache is 0 to {LARGEST_MB} MB, got {n_mb}")


@dataclass(frozen=True, slots=True)
class CacheUsage:
    """How much there is: answers, and clips with features."""

    answers: Usage
    features: Usage


class Cache:
    """A folder of answers and features.

    Args:
        folder: Made with the first answer.
        app_version: What another version answered is not repeated.
        limits: How much is kept.
    """

    def __init__(self, folder: Path, app_version: str, limits: CacheLimits) -> None:
        self.folder, self.limits = folder, limits
        self._program = f"{app_version} {_fingerprint_of_code()}"
        self._answers = BlobStore(folder / "answers.sqlite3", limits.answers_mb * MEGABYTE)
        self._features = BlobStore(folder / "features.sqlite3", limits.features_mb * MEGABYTE)

    def cached_detector(
        self, choice: EngineChoice, config: DetectionConfig, monitor: Monitor = SILENT
    ) -> "CachedDetector":
        """Return what asks one engine, with one set of options, about any number of clips.

        Raises:
            CheckpointError: There is no such model.
            Cancelled: The work is no longer wanted.
        """
        by = {"program": self._program, "engine": engine_key(choice, monitor), **asdict(choice)}
        return CachedDetector(self._answers, self._features, by, config)

    def usage(self) -> CacheUsage:
        """Return how much there is."""
        return CacheUsage(self._answers.usage(), self._features.usage())

    def clear(self) -> None:
        """Forget everything.

        Raises:
            SyncError: Not everything can be deleted.
        """
        self._answers.clear()
        self._features.clear()

    def shrink(self) -> None:
        """Forget what exceeds the limits, what was not used for longest first."""
        self._answers.shrink()
        self._features.shrink()


class CachedDetector:
    """Asks one engine, with one set of options, about clips, and nothing twice.

    Args:
        answers: Where answers lie.
        features: Where features lie.
        by: Who answers, as JSON; a change of it makes answers and features void.
        config: The options.
    """

    def __init__(
        self,
        answers: BlobStore,
        features: BlobStore,
        by: dict[str, object],
        config: DetectionConfig,
    ) -> None:
        self._answers, self._features, self._by = answers, features, by
        self.config = config

    def earlier(self, path: Path) -> Detection | None:
        """Return what was answered about the file as it is now, None if nothing was."""
        key = self._key_of_answer(path)
        packed = self._answers.read(key, ("",)).get("") if key else None
        if key is None or packed is None:
            return None
        try:
            detection = detection_from_json(json.loads(zlib.decompress(packed)))
        except (ValueError, zlib.error) as error:
            log.warning("An earlier answer about %s is damaged and dropped: %s", path, error)
            self._answers.forget(key)
            return None
        log.info("%s was judged earlier", path)
        detection = replace(detection, info=replace(detection.info, path=path))
        return with_tolerance(detection, self.config.tolerance)

    def per_stream(self, path: Path) -> tuple["CachedDetector", ...]:
        """Return an inquiry about each audio stream of a file, in the order of the container.

        What a network makes of the picture serves all of them, also where nothing is kept for good.
        The first stream is asked for as it is where none is named, so that answers are shared.

        Raises:
            MediaError: The file cannot be read.
        """
        features = self._features if self._features.limit_bytes else temporary_store()
        named = [audio.index for audio in probe(path).audios[1:]]
        return tuple(
            CachedDetector(
                self._answers, features, self._by, replace(self.config, audio_stream_index=one)
            )
            for one in (None, *named)
        )

    def detect(
        self,
        path: Path,
        engine: Engine,
        monitor: Monitor = SILENT,
        on_evidence: Callable[[OffsetEvidence], None] | None = None,
    ) -> Detection:
        """Judge a file anew; keep the answer if time was not short and the file did not change.

        Args:
            path: The file.
            engine: What was asked for, opened.
            monitor: As `core.detection.detect.detect` takes it, which also says what is raised.
            on_evidence: Likewise.
        """
        key = self._key_of_answer(path)
        with ExitStack() as stack:
            features = None
            if key and engine.sees_square and self._features.limit_bytes:
                name = _key(path, self._by)
                features = stack.enter_context(ClipFeatures(self._features, name))
            detection = detect(path, engine, self.config, monitor, on_evidence, features)
        # On a free machine the same time may bring more.
        is_final = detection.coverage.stop is not Stop.BUDGET
        if is_final and key and key == self._key_of_answer(path):
            document = json.dumps(detection_to_json(detection), allow_nan=False)
            self._answers.write(key, {"": zlib.compress(document.encode())})
        return detection

    def _key_of_answer(self, path: Path) -> str | None:
        """Return what an answer is found by, None if the file cannot be read."""
        # By whatever tolerance it was judged, the answer is the same.
        config = replace(self.config, tolerance=TOLERANCES[0])
        asked = {**self._by, "report": VERSION, "config": asdict(config)}
        try:
            return _key(path, asked)
        except OSError as error:
            log.info("%s cannot be told from other files: %s", path, error)
            return None


def _key(path: Path, asked: Mapping[str, object]) -> str:
    text = json.dumps({"file": file_identity(path), **asked}, sort_keys=True)
    return hashlib.blake2b(text.encode(), digest_size=32).hexdigest()


def _fingerprint_of_code() -> str:
    """Return what tells two checkouts of the same version apart; bundles have no source files."""
    digest = hashlib.blake2b(digest_size=16)
    for path in sorted(_CORE.rglob("*.py")):
        digest.update(path.read_bytes())
    return digest.hexdigest()
