"""What is to be done to a file."""

from dataclasses import dataclass
from enum import StrEnum
from fractions import Fraction


class Inexact(StrEnum):
    """What to do where a container cannot carry a shift without touching the coded sound."""

    NEAREST = "nearest"
    """Cut off whole packets at the head, or put encoded silence there; a remainder stays."""

    REENCODE = "reencode"
    """Decode the moved sound and store it as PCM, at its exact place."""


@dataclass(frozen=True, slots=True)
class Correction:
    """A shift of audio streams, all by the same, against everything else.

    Attributes:
        audio_stream_indices: Streams of the container that are moved.
        audio_delay_s: Exact seconds; positive moves the audio later (`core.timing`).
        inexact: What may be done where the container cannot carry the exact shift; None refuses.
    """

    audio_stream_indices: tuple[int, ...]
    audio_delay_s: Fraction
    inexact: Inexact | None = None

    def __post_init__(self) -> None:
        if not self.audio_stream_indices:
            raise ValueError("a correction moves one audio stream at least, got none")
        if min(self.audio_stream_indices) < 0:
            raise ValueError(f"a stream index is 0 or more, got {min(self.audio_stream_indices)}")
