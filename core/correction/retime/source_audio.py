"""The sound of a stream at its own rate, from first sample to last, without gaps or overlaps."""

from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from core.correction.retime.decoded_frames import DecodedFrames, unsteadiness
from core.progress import Monitor

_STEP_S = Fraction(3, 4000)
"""Times are followed that leave the line by more than this, and stay away from it: more than what
rounding to a millisecond does, and less than what is accepted of retimed sound."""

_ROUNDING = Fraction(3, 4)
"""The same where the ticks of the file are coarser, in ticks."""

_START_S = Fraction(5, 4000)
"""Two times of steady sound, each rounded to a millisecond, differ by less."""

_SMOOTH_S = Fraction(2, 1000)
"""Steps up to this come from clocks that run apart, not from sound that is missing. They are made
by stretching, where silence or a cut would click."""

_LARGEST_BEND = 100
"""A frame is stretched by one in so many samples at most."""

_N_AROUND = 7
"""Frames on either side of one that tell whether its time is steady."""

_N_AHEAD = 50
"""Frames whose times, together, tell a place more finely than the ticks of one."""

_FINEST = 1000
"""Parts of a sample that the start is told in."""


class AudioBlock(NamedTuple):
    """Samples in a row.

    Attributes:
        position: Number of the first of them, from the beginning of the line they lie on.
        samples: (n_channels, n) float32, full scale 1.
    """

    position: int
    samples: NDArray[np.float32]

    @property
    def end(self) -> int:
        """Number of the sample that follows."""
        return self.position + int(self.samples.shape[1])


class SourceAudio:
    """Decodes an audio stream in a container of its own and lays it out; to be closed.

    What cannot be decoded, or is not there, is silence; where timestamps lead back, the earlier
    sound counts. Timestamps count where several in a row agree; what a single one says does not.

    Attributes:
        rate_hz: Samples a second.
        layout: FFmpeg's name of the channels.
        start_s: When the first sample is heard, on the container's own timeline.
    """

    def __init__(self, path: Path, stream_index: int) -> None:
        """Decode the first frames.

        Raises:
            MediaError: The file cannot be opened.
            ExportError: Nothing can be decoded.
        """
        self._audio = DecodedFrames(path, stream_index)
        self.rate_hz, self.layout = self._audio.rate_hz, self._audio.layout
        self._frames = self._audio.read()
        try:
            self._ahead = deque(islice(self._frames, _N_AHEAD))
        except BaseException:
            self._audio.close()
            raise
        self._start = _start(self._delays_ahead(), self.rate_hz)
        self.start_s = Fraction(self._start).limit_denominator(_FINEST) / self.rate_hz

    @property
    def n_damaged(self) -> int:
        """Pieces that could not be decoded so far."""
        return self._audio.n_damaged

    def close(self) -> None:
        """Let go of the file."""
        self._audio.close()

    def blocks(self, monitor: Monitor) -> Iterator[AudioBlock]:
        """Yield all of the sound, once.

        Raises:
            ExportError: The file cannot be read to its end.
            Cancelled: The monitor says so.
        """
        position = 0
        for block in self._wanted():
            monitor.check()
            samples = block.samples
            n_late = block.position - position
            if abs(n_late) <= _SMOOTH_S * self.rate_hz:
                samples = _stretched(samples, n_late)
            elif n_late < 0:
                samples = samples[:, -n_late:]
            else:
                for begin in range(position, block.position, self.rate_hz):
                    n_silent = min(block.position - begin, self.rate_hz)
                    silence = np.zeros((samples.shape[0], n_silent), np.float32)
                    yield AudioBlock(begin, silence)
                position = block.position
            if samples.shape[1]:
                yield AudioBlock(position, samples)
                position += samples.shape[1]

    def _wanted(self) -> Iterator[AudioBlock]:
        """Yield all frames where steady times put them; there may be gaps and overlaps."""
        line = self._start
        behind: deque[float] = deque(maxlen=_N_AHEAD)
        while self._ahead:
            line = self._line(line, behind)
            n_before, delay, samples = self._ahead.popleft()
            self._ahead.extend(islice(self._frames, 1))
            yield AudioBlock(n_before + round(line - self._start), samples)
            if delay is not None:
                behind.append(delay)

    def _line(self, line: float, behind: Sequence[float]) -> float:
        """Return the delay of the next frame, which is that of the one before, or a steady one."""
        ahead = self._delays_ahead()
        n_around = min(len(behind), len(ahead) - 1, _N_AROUND)
        if n_around < 0 or self._ahead[0].delay is None:
            return line
        around = [*list(behind)[len(behind) - n_around :], *ahead[: n_around + 1]]
        middle = median(around)
        step = float(max(_STEP_S, _ROUNDING * self._audio.tick_s) * self.rate_hz)
        if abs(middle - line) <= step:
            return line
        step = max(step, unsteadiness([*behind, *ahead]))
        if abs(middle - line) <= step:
            return line
        return median(delay for delay in ahead if abs(delay - middle) <= step)

    def _delays_ahead(self) -> list[float]:
        return [frame.delay for frame in self._ahead if frame.delay is not None]


def _start(delays: Sequence[float], rate_hz: int) -> float:
    """Return the delay of the first frame: as those say that agree, of which each is rounded."""
    if not delays:
        return 0.0
    step = max(float(_START_S * rate_hz), unsteadiness(delays))
    return median(delay for delay in delays if abs(delay - delays[0]) <= step)


def _stretched(samples: NDArray[np.float32], n_more: int) -> NDArray[np.float32]:
    """Make a frame a little longer, by as many samples as are wanted and not heard as a bend."""
    n = samples.shape[1]
    n_most = max(n // _LARGEST_BEND, 1)
    n_out = n + min(max(n_more, -n_most), n_most)
    if n_out == n:
        return samples
    places = np.arange(n_out) * (n / n_out)
    return np.stack([np.interp(places, np.arange(n), row) for row in samples]).astype(np.float32)
