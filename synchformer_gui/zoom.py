"""Range of offsets for a close-up of the answer."""

from core.detection.result import Detection
from synchformer_gui.wording.verdict import NO_EVIDENCE, NO_OFFSET

LEAST_MARGIN_S = 0.1
"""Smallest margin shown on either side of the answer."""

WIDEST_WITH_LIMITS_S = 1.0
"""Widest range that is extended to show the limits of the tolerance too."""

LEAST_GAIN = 1.5
"""Smallest enlargement that is worth a close-up."""

_AIR = 0.1


def close_up_s(detection: Detection) -> tuple[float, float] | None:
    """Lowest and highest offset of the close-up, in seconds.

    The close-up holds the interval, or all values of a changing offset, and the limits of the
    tolerance if they are near. None if no offset stands out, or if the answer fills the range.

    Args:
        detection: Answer with its evidence.
    """
    if detection.estimate.reason in NO_OFFSET | NO_EVIDENCE:
        return None
    found = detection.changing_map
    low_s, high_s = detection.estimate.interval_s
    if found:
        offsets_s = [offset_s for _, offset_s in found.corners]
        low_s, high_s = min(offsets_s), max(offsets_s)
    margin_s = max(LEAST_MARGIN_S, high_s - low_s)
    tolerance = detection.config.tolerance
    with_limits = (min(low_s, -tolerance.late_s), max(high_s, tolerance.early_s))
    low_s, high_s = low_s - margin_s, high_s + margin_s
    if with_limits[1] - with_limits[0] <= WIDEST_WITH_LIMITS_S:
        air_s = _AIR * (with_limits[1] - with_limits[0])
        low_s, high_s = min(low_s, with_limits[0] - air_s), max(high_s, with_limits[1] + air_s)
    axis_s = detection.evidence[0].axis_s
    low_s, high_s = max(low_s, float(axis_s[0])), min(high_s, float(axis_s[-1]))
    is_closer = LEAST_GAIN * (high_s - low_s) <= axis_s[-1] - axis_s[0]
    return (low_s, high_s) if is_closer else None
