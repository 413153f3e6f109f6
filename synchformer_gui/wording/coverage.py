"""How much of a clip was analyzed, in words."""

from core.detection.config import DetectionConfig
from core.detection.result import Coverage, Detection, Stop
from core.units import clock_text, duration_text
from synchformer_gui.wording.offset import margin_text


def region_text(start_s: float, end_s: float) -> str:
    """Part of a clip: "00:10.000 to 01:05.040"."""
    return f"{clock_text(start_s)} to {clock_text(end_s)}"


def coverage_sentence(detection: Detection) -> str:
    """Analyzed part of the clip, and the reason for the early stop; empty if all was analyzed."""
    config, coverage = detection.config, detection.coverage
    end_s = asked_end_s(config, detection.info.duration_s)
    part = ""
    if config.is_region:
        part = f" from {region_text(config.start_s, end_s)}"
    if coverage.stop is Stop.COMPLETE:
        return f"Analyzed only the part{part}." if part else ""
    whole = duration_text(end_s - config.start_s)
    analyzed = f"Analyzed {duration_text(coverage.analyzed_s)} of {whole}{part}"
    return f"{analyzed}; {_stop_text(coverage, detection)}"


def part_sentence(detection: Detection) -> str:
    """Warning that a correction rests on a part of the clip only; empty if it does not."""
    config = detection.config
    if not config.is_region:
        return ""
    end_s = asked_end_s(config, detection.info.duration_s)
    part = region_text(config.start_s, end_s)
    return f"The delay was measured on the part from {part} only; it moves all of the audio."


def asked_end_s(config: DetectionConfig, duration_s: float) -> float:
    """End of the requested part in seconds of clip time."""
    return duration_s if config.end_s is None else min(config.end_s, duration_s)


def _stop_text(coverage: Coverage, detection: Detection) -> str:
    if coverage.stop is Stop.BUDGET:
        return "stopped at the time limit."
    if detection.changing_map:
        return "stopped because the answer is clear."
    estimate, until_s = detection.estimate, detection.config.until_s
    low, high = estimate.interval_s
    margin_s = max(high - estimate.offset_s, estimate.offset_s - low)
    # A margin below the resolution of the engine ends the detection near that resolution.
    is_limit = until_s is not None and margin_s > until_s + 1e-6
    limit = ", about as narrow as it can get" if is_limit else ""
    return f"stopped because the margin is {margin_text(estimate)}{limit}."
