"""Engine corrected by its user calibration: bias subtracted, resolution set."""

from collections.abc import Sequence
from dataclasses import replace

from core.detection.config import DetectionConfig
from core.detection.engines.base import ClipContext, Engine, EngineRun
from core.detection.engines.user_calibration import UserCalibration
from core.detection.evidence import OffsetEvidence, moved
from core.media.decoder import ClipChunk
from core.progress import Monitor


def bias_text(bias_s: float) -> str:
    """Sentence part such as "calibrated: its bias of 12 ms towards early audio is taken off"."""
    bias_ms = round(1000 * bias_s)
    if not bias_ms:
        return "calibrated, without bias"
    side = "early" if bias_ms > 0 else "late"
    return f"calibrated: its bias of {abs(bias_ms)} ms towards {side} audio is taken off"


class CalibratedEngine:
    """Wraps an engine; intervals go down to the measured resolution.

    Attributes:
        engine: The wrapped engine.
    """

    def __init__(self, engine: Engine, calibration: UserCalibration) -> None:
        self.engine, self._calibration = engine, calibration
        self.name = f"{engine.name} ({bias_text(calibration.bias_s)})"
        self.id, self.max_range_s = engine.id, engine.max_range_s
        self.sees_square, self.is_slow = engine.sees_square, engine.is_slow
        self.confidence_rule = engine.confidence_rule

    def start(self, config: DetectionConfig, monitor: Monitor, clip: ClipContext) -> EngineRun:
        return _CalibratedRun(self.engine.start(config, monitor, clip), self._calibration)


class _CalibratedRun:
    def __init__(self, run: EngineRun, calibration: UserCalibration) -> None:
        self._run, self._calibration = run, calibration

    def consume(self, chunk: ClipChunk) -> Sequence[OffsetEvidence]:
        return self._calibrated(self._run.consume(chunk))

    def finish(self) -> Sequence[OffsetEvidence]:
        return self._calibrated(self._run.finish())

    def _calibrated(self, evidence: Sequence[OffsetEvidence]) -> list[OffsetEvidence]:
        bias_s, resolution_s = self._calibration.bias_s, self._calibration.resolution_s
        return [replace(moved(item, bias_s), resolution_s=resolution_s) for item in evidence]
