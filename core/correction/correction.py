"""A correction: the audio streams to move, and their delay or retiming."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from core.correction.retiming import Retiming


class Inexact(StrEnum):
    """Way out where a container cannot carry a shift of coded audio."""

    NEAREST = "nearest"
    """Cut off whole packets at the head, or put encoded silence there; a remainder stays."""

    REENCODE = "reencode"
    """Decode the moved audio and store it as PCM, at its exact place."""


@dataclass(frozen=True, slots=True)
class Correction:
    """One delay of some audio streams against everything else, after a retiming if there is one.

    Retimed audio is encoded again.

    Attributes:
        audio_stream_indices: Streams of the container to move.
        audio_delay_s: Exact delay in seconds; positive moves the audio later (`core.timing`).
        inexact: Fallback where the container cannot carry the exact shift; None refuses.
        retiming: Retiming before the delay; None for a plain shift.
    """

    audio_stream_indices: tuple[int, ...]
    audio_delay_s: Fraction
    inexact: Inexact | None = None
    retiming: Retiming | None = None

    def target_of(self, time_s: Fraction) -> Fraction:
        """Time in the target of a moment of the source, on the container's timeline."""
        retimed_s = time_s if self.retiming is None else self.retiming.target_of(time_s)
        return retimed_s + self.audio_delay_s

    def __post_init__(self) -> None:
        if not self.audio_stream_indices:
            raise ValueError("a correction moves one audio stream at least, got none")
        if min(self.audio_stream_indices) < 0:
            raise ValueError(f"a stream index is 0 or more, got {min(self.audio_stream_indices)}")
