"""Audio of a stream as a player plays it: each frame at its timestamp.

Retimed audio is measured with it, independently of the layout by `retime.source_audio`.
"""

from array import array
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import fmean, median

import numpy as np

from core.correction.retime.decoded_frames import DecodedFrame, DecodedFrames
from core.correction.retime.source_audio import AudioBlock
from core.progress import Monitor

_N_WINDOW = 12
"""Frames around one, whose times place it together."""

_HELD_S = Fraction(6, 10_000)
"""Players ignore smaller differences of timestamps from the sample count."""


class PlayedAudio:
    """Decoder of an audio stream with a container of its own; call `close`.

    Attributes:
        rate_hz: Sample rate.
    """

    def __init__(self, path: Path, stream_index: int) -> None:
        """Decode the first frame.

        Raises:
            MediaError: The file cannot be opened.
            ExportError: Nothing can be decoded.
        """
        self._audio = DecodedFrames(path, stream_index)
        self.rate_hz = self._audio.rate_hz
        self._steps = array("f")

    def close(self) -> None:
        """Close the file."""
        self._audio.close()

    @property
    def unsteady_s(self) -> float:
        """Typical distance of the timestamps from their own line, seconds."""
        return 2 * float(np.median(self._steps)) / self.rate_hz if self._steps else 0.0

    def blocks(self, monitor: Monitor) -> Iterator[AudioBlock]:
        """Yield all audio, once, counted from time 0 of the container.

        Blocks may overlap, or have gaps between them.

        Raises:
            ExportError: The file cannot be read to its end.
            Cancelled: The monitor says so.
        """
        frames = self._audio.read()
        ahead: deque[DecodedFrame] = deque(islice(frames, _N_WINDOW))
        behind: deque[float] = deque(maxlen=_N_WINDOW)
        line: float | None = None
        while ahead:
            monitor.check()
            n_before, delay, samples = ahead[0]
            if delay is not None:
                around = [*behind, *(one.delay for one in ahead if one.delay is not None)]
                steady, unsteady = _steadiest(around, len(behind))
                held = max(float(_HELD_S * self.rate_hz), 2 * unsteady)
                if line is None or abs(steady - line) > held:
                    line = steady
                if behind:
                    self._steps.append(abs(delay - behind[-1]))
                behind.append(delay)
            yield AudioBlock(n_before + round(line or 0.0), samples)
            ahead.popleft()
            ahead.extend(islice(frames, 1))


def _steadiest(delays: Sequence[float], index: int) -> tuple[float, float]:
    """Consensus delay around the frame at `index`, and its spread.

    At a step of the times, the frames agree on one side of it only.
    """
    if min(delays) == max(delays):
        return delays[index], 0.0
    begins = {max(index + 1 - _N_WINDOW, 0), max(index - _N_WINDOW // 2, 0), index}
    found = []
    for begin in begins:
        window = delays[begin : begin + _N_WINDOW]
        middle = median(window)
        found.append((fmean(abs(delay - middle) for delay in window), -len(window), middle))
    unsteady, _, steady = min(found)
    return steady, unsteady
