"""What is to be done to a file."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction

from core.correction.retiming import Retiming


class Inexact(StrEnum):
    """What to do where a container cannot carry a shift without touching the coded sound."""

    NEAREST = "nearest"
    """Cut off whole packets at the head, or put encoded silence there; a remainder stays."""

    REENCODE = "reencode"
    """Decode the moved sound and store it as PCM, at its exact place."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A shift of audio streams, all by the same, against everything else.

    With a retiming it is more than a shift, and the sound is encoded again.

    Attributes:
        audio_stream_indices: Streams of the container that are moved.
        audio_delay_s: Exact seconds; positive moves the audio later (`core.timing`).
        inexact: What may be done where the container cannot carry the exact shift; None refuses.
        retiming: Where the sound goes before that delay; None leaves it where it is.
    """

    audio_stream_indices: tuple[int, ...]
    audio_delay_s: Fraction
    inexact: Inexact | None = None
    retiming: Retiming | None = None

    def target_of(self, time_s: Fraction) -> Fraction:
        """Return where sound of the source is heard, on the container's own timeline."""
        retimed_s = time_s if self.retiming is None else self.retiming.target_of(time_s)
        return retimed_s + self.audio_delay_s

    def __post_init__(self) -> None:
        if not self.audio_stream_indices:
            raise ValueError("a correction moves one audio stream at least, got none")
        if min(self.audio_stream_indices) < 0:
            raise ValueError(f"a stream index is 0 or more, got {min(self.audio_stream_indices)}")
