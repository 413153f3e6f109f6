"""Delays stated by the name or the timestamps of a file, offered and never applied unasked."""

import re
from dataclasses import dataclass
from fractions import Fraction

from core.media.info import MediaInfo, start_of

_DELAY = r"(?<![^\W_])DELAY[ _]*([+-]?\d+)[ _]?ms(?![^\W_])"
_DELAY_IN_NAME = re.compile(_DELAY, re.IGNORECASE)
"""Delay in a file name, as written by demuxing programs.

To regular expressions an underscore is a letter, without a word boundary beside it.
"""

_STATED = re.compile(rf"[ ._-]*(?:\({_DELAY}\)|\[{_DELAY}\]|{_DELAY})", re.IGNORECASE)
"""The same with brackets and separators."""

_LEAST_START_DIFFERENCE_S = Fraction(50, 1000)
"""Smaller differences come from priming or from reordered frames."""


@dataclass(frozen=True, slots=True)
class DelayHint:
    """A delay stated by a file.

    Attributes:
        sentence: Description for users.
        delay_s: Audio delay to apply, exact seconds; positive moves the audio later.
        audio_stream_index: Audio stream of the container; None if no particular one.
    """

    sentence: str
    delay_s: Fraction
    audio_stream_index: int | None = None


def without_delay(stem: str) -> str:
    """Remove the delay from a file name; it is wrong for a corrected file.

    A name with nothing else becomes "clip".

    >>> without_delay("talk DELAY -33ms")
    'talk'
    """
    rest, n_stated = _STATED.subn("", stem)
    return (rest.lstrip(" ._-") or "clip") if n_stated else stem


def delay_hints(info: MediaInfo) -> tuple[DelayHint, ...]:
    """Delays stated by the name of a file or by its start times.

    The delay for different start times makes audio and video start together.
    """
    hints: list[DelayHint] = []
    name = info.path.name
    match = _DELAY_IN_NAME.search(info.path.stem)
    # Demuxing programs state a delay of 0 as well.
    if match and int(match[1]):
        sentence = f"The name of {name} states a delay of {match[1]} ms; it is not applied."
        hints.append(DelayHint(sentence, Fraction(int(match[1]), 1000)))
    if info.video is None:
        return tuple(hints)
    for audio in info.audios:
        later_s = start_of(audio) - start_of(info.video)
        if abs(later_s) < _LEAST_START_DIFFERENCE_S:
            continue
        sentence = (
            f"In {name} audio stream {audio.index} starts {1000 * abs(float(later_s)):.0f} ms "
            f"{'after' if later_s > 0 else 'before'} the picture; players honour that, and so does "
            "the analysis."
        )
        hints.append(DelayHint(sentence, -later_s, audio.index))
    return tuple(hints)
