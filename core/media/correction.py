"""What is to be done to a file."""

from dataclasses import dataclass
from fractions import Fraction


@dataclass(frozen=True, slots=True)
class Correction:
    """A shift of one audio stream against everything else.

    Attributes:
        audio_stream_index: Stream of the container that is moved.
        audio_delay_s: Exact seconds; positive moves the audio later (`core.timing`).
    """

    audio_stream_index: int
    audio_delay_s: Fraction

    def __post_init__(self) -> None:
        if self.audio_stream_index < 0:
            raise ValueError(f"a stream index is 0 or more, got {self.audio_stream_index}")
