"""Short texts about one offset: its size, margin, interval and confidence, and tolerances.

No text carries a sign: audio is *early* or *late*, and is moved *later* or *earlier*. Numbers with
their units come from `core.units`; whole sentences about an answer are in `wording.verdict`.
"""

from fractions import Fraction
from math import ceil

from core.detection.result import OffsetEstimate
from core.timing import Tolerance
from core.units import delay_text, frames_text, milliseconds, rate_text


def short_offset_text(offset_s: float) -> str:
    """Offset without frames: "160 ms early", "40 ms late", "on time"."""
    rounded = milliseconds(offset_s)
    if rounded == 0:
        return "on time"
    return f"{rounded} ms {'early' if offset_s > 0 else 'late'}"


def offset_text(offset_s: float, frame_rate: Fraction | None) -> str:
    """Offset with its length in video frames, if the frame rate is known.

    >>> offset_text(0.16, Fraction(25))
    '160 ms early (4 frames at 25 fps)'
    """
    text = short_offset_text(offset_s)
    if frame_rate is None or milliseconds(offset_s) == 0:
        return text
    return f"{text} ({frames_text(offset_s, frame_rate)} at {rate_text(frame_rate)})"


def margin_text(estimate: OffsetEstimate) -> str:
    """Wider side of the interval: "± 10 ms"."""
    low, high = estimate.interval_s
    wider_ms = 1000 * max(high - estimate.offset_s, estimate.offset_s - low)
    # Rounded up, so that the words never promise more than the numbers; 1e-6 is float dust.
    return f"± {ceil(wider_ms - 1e-6)} ms"


def interval_text(estimate: OffsetEstimate) -> str:
    """Both ends of the interval: "150 to 170 ms early", "20 ms late to 35 ms early"."""
    low, high = estimate.interval_s
    low_ms, high_ms = milliseconds(low), milliseconds(high)
    if low_ms and high_ms and (low > 0) == (high > 0):
        nearer, farther = sorted((low_ms, high_ms))
        return f"{nearer} to {farther} ms {'early' if low > 0 else 'late'}"
    return f"{short_offset_text(low)} to {short_offset_text(high)}"


def confidence_text(estimate: OffsetEstimate) -> str:
    """Confidence in the offset: "87 % that the audio is about 160 ms early".

    The number is never 0 or 100. The verdict needs more than a confident offset.
    """
    percent = round(100 * estimate.confidence)
    shown = "below 1" if percent < 1 else "above 99" if percent > 99 else f"{percent}"
    return f"{shown} % that the audio is about {short_offset_text(estimate.offset_s)}"


def delay_sentence(delay_s: float | Fraction) -> str:
    """Correction by a constant delay; positive seconds move the audio later (`core.timing`)."""
    if delay_s == 0:
        return "Correction: none needed."
    if delay_s > 0:
        return f"Correction: delay audio by {delay_text(delay_s)}."
    return f"Correction: move audio {delay_text(delay_s)} earlier."


def tolerance_name(tolerance: Tolerance) -> str:
    """Title of a tolerance without the explanation in brackets."""
    return tolerance.title.partition(" (")[0]


def tolerance_text(tolerance: Tolerance) -> str:
    """Limits of a tolerance: "45 ms early to 125 ms late"."""
    return f"{milliseconds(tolerance.early_s)} ms early to {milliseconds(tolerance.late_s)} ms late"
