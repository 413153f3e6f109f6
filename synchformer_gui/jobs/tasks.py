"""Tasks of the window for a worker: frozen values in, a frozen value out."""

import logging
from collections.abc import Callable
from dataclasses import dataclass, replace
from itertools import product
from pathlib import Path

from core.detection.config import DetectionConfig
from core.detection.engines.base import Engine
from core.detection.engines.open import EngineChoice, open_engine
from core.detection.evidence import OffsetEvidence
from core.detection.result import Detection
from core.detection.schedule.scope import read_scope
from core.errors import CheckpointError
from core.model.store.store import ModelStore
from core.paths import models_dir
from core.progress import Monitor
from synchformer_gui.cache_settings import open_cache

log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class DetectRequest:
    """Clip to analyze.

    Attributes:
        path: The file.
        config: Options of the detection.
        choice: The engine.
    """

    path: Path
    config: DetectionConfig
    choice: EngineChoice


class Detector:
    """Detects the offsets of clips one by one and keeps the last engine loaded.

    A detector belongs to one worker; its methods are never called at the same time.
    """

    def __init__(self) -> None:
        self._loaded_for: object = None
        self._engine: Engine | None = None

    def detect(
        self,
        request: DetectRequest,
        monitor: Monitor,
        on_evidence: Callable[[OffsetEvidence], None],
    ) -> Detection:
        """Detect the offset of a clip.

        Raises:
            MediaError: The file cannot be read.
            CheckpointError: The model is missing or damaged.
            DetectionError: The clip does not allow detection.
            Cancelled: The monitor asked to stop.
        """
        # A wrong file need not wait for the engine, whose loading takes seconds.
        scope = read_scope(request.path, request.config)
        engine = self._engine_for(request, monitor)
        cached_detector = open_cache().cached_detector(request.choice, monitor)
        return cached_detector.detect(scope, engine, monitor, on_evidence)

    def _engine_for(self, request: DetectRequest, monitor: Monitor) -> Engine:
        choice = request.choice
        # "auto" may choose another engine after a model was installed or removed.
        wanted = (choice, ModelStore(models_dir()).installed())
        if self._engine is None or wanted != self._loaded_for:
            # Drop the old network first, so two are never in memory.
            self._engine = None
            self._engine = open_engine(choice, monitor)
            self._loaded_for = wanted
        return self._engine


def earlier_detection(request: DetectRequest, monitor: Monitor) -> Detection | None:
    """Earlier answer to a request, also one of a command; None if there is none.

    Raises:
        Cancelled: The monitor asked to stop.
    """
    asked = request.config
    try:
        cached_detector = open_cache().cached_detector(request.choice, monitor)
    except CheckpointError as error:
        log.info("No earlier answer: %s", error.message)
        return None
    for index, stops_early in product(
        # A command without an audio stream takes the first one.
        dict.fromkeys((asked.audio_stream_index, None)),
        # A thorough detection answers a request for a quick one, too.
        dict.fromkeys((asked.stops_early, False)),
    ):
        config = replace(asked, audio_stream_index=index, stops_early=stops_early)
        found = cached_detector.earlier(request.path, config)
        if found and asked.audio_stream_index in (index, found.audio_stream_index):
            return found
    return None
