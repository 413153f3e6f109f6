"""Delays that the name or the container of a file states; none of them is applied unasked."""

import re
from dataclasses import dataclass
from fractions import Fraction

from core.media.info import MediaInfo, start_of

_DELAY = r"(?<![^\W_])DELAY[ _]*([+-]?\d+)[ _]?ms(?![^\W_])"
_DELAY_IN_NAME = re.compile(_DELAY, re.IGNORECASE)
"""As demuxing programs write it into the names of sound files and of what is muxed from them.

To regular expressions an underscore is a letter, and there is no border beside it.
"""

_STATED = re.compile(rf"[ ._-]*(?:\({_DELAY}\)|\[{_DELAY}\]|{_DELAY})", re.IGNORECASE)
"""The same with what sets it off from the rest of the name."""

_LEAST_START_DIFFERENCE_S = Fraction(50, 1000)
"""Less than this is the beginning of the sound's own coding, or the picture's."""


@dataclass(frozen=True, slots=True)
class DelayHint:
    """A delay that a file itself states.

    Attributes:
        sentence: What it says, and that it is not applied.
        delay_s: The delay that would be applied, exact seconds; positive moves the sound later.
        audio_stream_index: Stream of the container that is meant; None if none in particular.
    """

    sentence: str
    delay_s: Fraction
    audio_stream_index: int | None = None


def without_delay(stem: str) -> str:
    """Return a name without the delay that it states, which is wrong once the sound is moved.

    One that states nothing else becomes "clip".

    >>> without_delay("talk DELAY -33ms")
    'talk'
    """
    rest, n_stated = _STATED.subn("", stem)
    return (rest.lstrip(" ._-") or "clip") if n_stated else stem


def delay_hints(info: MediaInfo) -> tuple[DelayHint, ...]:
    """Return the delays that a file states in its name or by its start times.

    That of different start times is the one that lets the sound begin with the picture.
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
            "the measurement."
        )
        hints.append(DelayHint(sentence, -later_s, audio.index))
    return tuple(hints)
