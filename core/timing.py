"""Time: the sign convention, the analysis clock, exact delays and tolerances.

The sign convention of the whole project is defined here and nowhere else:

* ``offset_s > 0`` means **the audio is early**: an event is heard before it is seen.
* The correction delays the audio by the same amount: ``audio_delay_s == +offset_s``, and
  ``audio_delay_s > 0`` moves audio **later**.

Times are seconds of *clip time* unless a name says otherwise. Clip time 0 is the earliest start of
the chosen video and audio stream, as in players, or up to a frame before it
(`core.media.info.clip_start`).
"""

import math
import re
from dataclasses import dataclass
from fractions import Fraction

VIDEO_FPS = 25
"""Frame rate of the analysis clock; Synchformer was trained at it."""

AUDIO_RATE_HZ = 16000
"""Sample rate of the analysis clock."""

SAMPLES_PER_FRAME = AUDIO_RATE_HZ // VIDEO_FPS
"""Audio samples during one analysis frame (640)."""

_ROUNDING_S = 1e-9
"""Largest rounding error of sums of decimal fractions, in seconds."""

LARGEST_STRETCH = 2
"""Largest factor of a time-stretch, longer or shorter."""

LARGEST_TOLERANCE_MS = 1000
"""Largest limit of a custom tolerance, either way."""

_CUSTOM = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*(?:ms)?", re.ASCII)
_STRETCH = re.compile(r"(\d+(?:\.\d+)?)(?:\s*/\s*(\d+(?:\.\d+)?))?", re.ASCII)
_DELAY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(ms|samples?|sa|s|f)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """Half-open span of clip time, in seconds."""

    start_s: float
    end_s: float

    def __post_init__(self) -> None:
        if not self.start_s <= self.end_s:
            raise ValueError(f"a span ends after it starts, got {self.start_s} to {self.end_s}")

    @property
    def duration_s(self) -> float:
        return self.end_s - self.start_s

    @property
    def centre_s(self) -> float:
        return (self.start_s + self.end_s) / 2


@dataclass(frozen=True, slots=True)
class Tolerance:
    """Offsets accepted by a standard.

    Attributes:
        name: Name typed by the user, e.g. ``bt1359``.
        title: Name shown to the user.
        early_s: Largest accepted lead of the audio, in seconds, positive.
        late_s: Largest accepted lag of the audio, in seconds, positive.
    """

    name: str
    title: str
    early_s: float
    late_s: float

    def accepts(self, offset_s: float) -> bool:
        """Whether an offset lies within the tolerance, limits included."""
        return -self.late_s - _ROUNDING_S <= offset_s <= self.early_s + _ROUNDING_S


TOLERANCES: tuple[Tolerance, ...] = (
    Tolerance("bt1359", "ITU-R BT.1359, detectable", 0.045, 0.125),
    Tolerance("bt1359-accept", "ITU-R BT.1359, acceptable", 0.090, 0.185),
    Tolerance("ebu-r37", "EBU R37, distribution", 0.040, 0.060),
    Tolerance("atsc-is191", "ATSC IS-191, encoder input", 0.015, 0.045),
    Tolerance("film", "Film, ITU-R BS.1204 (1 frame early, 2 frames late)", 1 / 24, 2 / 24),
)
"""The named tolerances; the first is the default."""


def custom_tolerance(early_ms: float, late_ms: float) -> Tolerance:
    """Create a custom tolerance, named "40/60" for 40 ms early to 60 ms late.

    Raises:
        ValueError: A limit is negative or too large, or both are 0.
    """
    largest_ms = max(early_ms, late_ms)
    if min(early_ms, late_ms) < 0 or not 0 < largest_ms <= LARGEST_TOLERANCE_MS:
        raise ValueError(
            f"the limits of a tolerance are 0 to {LARGEST_TOLERANCE_MS} ms, not both 0,"
            f" got {early_ms:g}/{late_ms:g}"
        )
    name = f"{early_ms:g}/{late_ms:g}"
    return Tolerance(name, f"the custom tolerance {name} ms", early_ms / 1000, late_ms / 1000)


def tolerance_named(name: str) -> Tolerance:
    """Tolerance of a name: a known one, or "40/60" (`custom_tolerance`).

    Raises:
        ValueError: Unknown name, with the known ones in the message, or a limit out of range.
    """
    for tolerance in TOLERANCES:
        if tolerance.name == name:
            return tolerance
    custom = _CUSTOM.fullmatch(name.strip())
    if custom:
        return custom_tolerance(float(custom[1]), float(custom[2]))
    known = ", ".join(t.name for t in TOLERANCES)
    raise ValueError(
        f"unknown tolerance {name!r}; known are {known}, or write your own as EARLY/LATE in ms,"
        " such as 40/60"
    )


def delay_for(offset_s: float) -> Fraction:
    """Audio delay in seconds correcting an offset: the offset itself.

    The result is exact to the microsecond, finer than the time base of any container in use.

    Raises:
        ValueError: The offset is not a finite number.
    """
    if not math.isfinite(offset_s):
        raise ValueError(f"an offset is a finite number of seconds, got {offset_s}")
    return Fraction(round(offset_s * 1_000_000), 1_000_000)


def parse_stretch(text: str) -> Fraction:
    """Read the factor of a time-stretch: ``1001/1000`` or ``1.001``.

    Raises:
        ValueError: The text is no ratio, or the ratio is 1 or not between a half and two.
    """
    match = _STRETCH.fullmatch(text.strip())
    if match is None or (match[2] is not None and not Fraction(match[2])):
        raise ValueError(f"{text!r} is not a ratio; write 1001/1000 or 1.001")
    ratio = Fraction(match[1]) / Fraction(match[2] or 1)
    if ratio == 1 or not 1 / LARGEST_STRETCH <= ratio <= LARGEST_STRETCH:
        raise ValueError(f"sound is made a half to {LARGEST_STRETCH} times as long, got {text}")
    return ratio


def parse_delay(
    text: str, frame_rate: Fraction | None = None, sample_rate_hz: int | None = None
) -> Fraction:
    """Read a delay: ``160``, ``160ms``, ``0.16s``, ``4f`` or ``7680sa``.

    Args:
        text: A number, with ``ms`` (the default unit), ``s``, ``f`` for video frames, or ``sa``,
            also written ``samples``, for audio samples.
        frame_rate: Frame rate of the video in frames/s; needed for ``f``.
        sample_rate_hz: Sample rate of the audio in Hz; needed for ``sa``.

    Returns:
        Seconds, exactly.

    Raises:
        ValueError: The text is no delay or ambiguous, or the rate of its unit is missing.
    """
    match = _DELAY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a delay; write 160, 160ms, 0.16s, 4f or 7680sa")
    number, unit = Fraction(match[1]), match[2]
    if unit is None and 0 < abs(number) < 1:
        # 0.16 more often means seconds than a sixth of a millisecond.
        raise ValueError(f"{text!r} could be seconds or milliseconds; write {text}s or {text}ms")
    if unit == "s":
        return number
    if unit in (None, "ms"):
        return number / 1000
    counted, rate = ("frames", frame_rate) if unit == "f" else ("samples", sample_rate_hz)
    if not rate:
        raise ValueError(f"{text!r} counts {counted}, but their rate is not known")
    return number / rate
