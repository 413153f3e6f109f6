"""Time: the sign convention, the analysis clock, exact delays and tolerances.

The sign convention of the whole project is defined here and nowhere else:

* ``offset_s > 0`` means **the audio is early**: it is heard before it is seen.
* The correction delays the audio by the same amount: ``audio_delay_s == +offset_s``, and
  ``audio_delay_s > 0`` moves audio **later**.

Times are seconds of *clip time* unless a name says otherwise: 0 is the earliest start of the chosen
video and audio stream, which is where a player's clock starts, or up to a frame before it
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
"""Sums of decimal fractions miss a border by less than this."""

LARGEST_STRETCH = 2
"""Sound becomes at most so many times as long or as short."""

LARGEST_TOLERANCE_MS = 1000
"""Of a custom tolerance, either way."""

_CUSTOM = re.compile(r"(\d+(?:\.\d+)?)\s*/\s*(\d+(?:\.\d+)?)\s*(?:ms)?", re.ASCII)
_STRETCH = re.compile(r"(\d+(?:\.\d+)?)(?:\s*/\s*(\d+(?:\.\d+)?))?", re.ASCII)
_DELAY = re.compile(r"([+-]?(?:\d+(?:\.\d*)?|\.\d+))\s*(ms|samples?|sa|s|f)?", re.ASCII)


@dataclass(frozen=True, slots=True)
class TimeSpan:
    """A half-open piece of clip time, in seconds."""

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
    """How much offset a standard accepts.

    Attributes:
        name: What the user types, e.g. ``bt1359``.
        title: What the user reads.
        early_s: Largest accepted lead of the audio, in seconds, positive.
        late_s: Largest accepted lag of the audio, in seconds, positive.
    """

    name: str
    title: str
    early_s: float
    late_s: float

    def accepts(self, offset_s: float) -> bool:
        """Tell whether an offset lies within the tolerance, borders included."""
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
    """Return a tolerance of the user's own; its name is "40/60" for 40 ms early to 60 ms late.

    Raises:
        ValueError: A limit is negative or too large, or none is above 0, which nothing can meet.
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
    """Return the tolerance that a user named: a known one, or "40/60" (`custom_tolerance`).

    Raises:
        ValueError: No such name; the message lists the known ones. Or limits that are not allowed.
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
    """Return the audio delay, in seconds, that repairs an offset: the offset itself.

    The result is exact to the microsecond, which is finer than any container's time base in use.

    Raises:
        ValueError: The offset is not a finite number.
    """
    if not math.isfinite(offset_s):
        raise ValueError(f"an offset is a finite number of seconds, got {offset_s}")
    return Fraction(round(offset_s * 1_000_000), 1_000_000)


def parse_stretch(text: str) -> Fraction:
    """Read how many times as long sound is to become: ``1001/1000`` or ``1.001``.

    Raises:
        ValueError: The text is not a ratio, or not one between a half and two, or 1.
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
    """Read a delay as people write it: ``160``, ``160ms``, ``0.16s``, ``4f`` or ``7680sa``.

    Args:
        text: A number, with ``ms`` (the default unit), ``s``, ``f`` for frames of the picture, or
            ``sa``, also written ``samples``, for samples of the sound.
        frame_rate: Frames per second of the clip; needed for ``f``.
        sample_rate_hz: Samples per second of the sound that is meant; needed for ``sa``.

    Returns:
        Seconds, exactly.

    Raises:
        ValueError: The text is not a delay, could be read in two ways, or gives frames or samples
            without their rate.
    """
    match = _DELAY.fullmatch(text.strip())
    if match is None:
        raise ValueError(f"{text!r} is not a delay; write 160, 160ms, 0.16s, 4f or 7680sa")
    number, unit = Fraction(match[1]), match[2]
    if unit is None and 0 < abs(number) < 1:
        # Whoever writes 0.16 means seconds more often than a sixth of a millisecond.
        raise ValueError(f"{text!r} could be seconds or milliseconds; write {text}s or {text}ms")
    if unit == "s":
        return number
    if unit in (None, "ms"):
        return number / 1000
    counted, rate = ("frames", frame_rate) if unit == "f" else ("samples", sample_rate_hz)
    if not rate:
        raise ValueError(f"{text!r} counts {counted}, but their rate is not known")
    return number / rate
