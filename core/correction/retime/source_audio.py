"""Audio of a stream at its own sample rate: decoded frames, and these joined without gaps."""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, islice, pairwise
from pathlib import Path
from statistics import median, median_low
from typing import NamedTuple

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from core.errors import ExportError
from core.media.reader import StreamReader, cut_off, time_of
from core.progress import Monitor

_STEP_S = Fraction(3, 4000)
"""Steady timestamps with a larger difference from the sample count are followed. More than rounding
to a millisecond, less than the accepted error of retimed audio."""

_ROUNDING = Fraction(3, 4)
"""The same in ticks, for files with a coarser time base."""

_START_S = Fraction(5, 4000)
"""Larger than the difference of two steady timestamps, each rounded to a millisecond."""

_SMOOTH_S = Fraction(2, 1000)
"""Largest step due to clocks running apart rather than to missing audio. Such steps are made by
stretching; silence or a cut would click."""

_SAMPLES_PER_STRETCHED = 100
"""A frame is stretched by at most one sample per this number."""

_N_AROUND = 7
"""Frames on either side used to check that a timestamp is steady."""

_N_AHEAD = 50
"""Frames read ahead; their timestamps together are finer than the ticks of one."""

_START_PARTS = 1000
"""Resolution of the start, in parts of a sample."""


class DecodedFrame(NamedTuple):
    """Samples decoded together.

    Attributes:
        n_before: Number of samples of the stream before them.
        delay: Timestamp minus `n_before`, in samples: time 0 of the stream on the container's own
            timeline. None without a timestamp.
        samples: (n_channels, n) float32, full scale 1.
    """

    n_before: int
    delay: float | None
    samples: NDArray[np.float32]


class DecodedFrames:
    """Decodes an audio stream in a container of its own; to be closed.

    Attributes:
        rate_hz: Sample rate.
        layout: FFmpeg's name of the channel layout.
        tick_s: Time base of the stream, seconds.
    """

    def __init__(self, path: Path, stream_index: int) -> None:
        """Decode the first frame.

        Raises:
            MediaError: The file cannot be opened.
            ExportError: Nothing can be decoded.
        """
        self._path = path
        self._reader = StreamReader(path, stream_index, AudioFrame, threading.Event())
        frames = self._reader.frames()
        first = next(frames, None)
        if first is None:
            self._reader.close()
            raise ExportError(
                f"The sound of {path.name} (stream {stream_index}) cannot be decoded; "
                "choose another audio stream.",
                path=path,
            )
        self._frames = chain([first], frames)
        self.rate_hz = first.sample_rate
        self.layout = first.layout.name
        self.tick_s = first.time_base or Fraction(0)
        self._key = ("", "", 0)
        self._resampler = AudioResampler("fltp", self.layout, self.rate_hz)

    @property
    def n_damaged(self) -> int:
        """Number of packets that could not be decoded so far."""
        return self._reader.n_damaged

    def close(self) -> None:
        """Close the file."""
        self._reader.close()

    def read(self) -> Iterator[DecodedFrame]:
        """Yield all frames, once.

        Raises:
            ExportError: The file cannot be read to its end.
        """
        n_before = 0
        for frame in self._frames:
            time_s = time_of(frame)
            delay = None if time_s is None else float(time_s * self.rate_hz - n_before)
            for samples in self._resampled(frame):
                yield DecodedFrame(n_before, delay, samples)
                n_before += samples.shape[1]
                delay = None
        if self._reader.failure:
            raise cut_off(self._path, self._reader.failure)

    def _resampled(self, frame: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """Convert a frame to float samples of the first frame's rate and layout."""
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key != self._key:
            self._key = key
            # With equal rate and layout, no samples stay behind in the old one.
            self._resampler = AudioResampler("fltp", self.layout, self.rate_hz)
        frame.pts = None
        for piece in filter(None, self._resampler.resample(frame)):
            samples = piece.to_ndarray().astype(np.float32, copy=False)
            is_audio = np.isfinite(samples)
            yield samples if is_audio.all() else np.where(is_audio, samples, np.float32(0))


def _unsteadiness(delays: Sequence[float]) -> float:
    """Jitter of timestamps against the sample count, from the delays of consecutive frames.

    It is twice the median change from one frame to the next, in samples; a few large steps do not
    count.
    """
    steps = [abs(after - before) for before, after in pairwise(delays)]
    return 2 * median_low(steps) if steps else 0.0


class AudioBlock(NamedTuple):
    """Consecutive samples.

    Attributes:
        position: Number of the first sample on its timeline.
        samples: (n_channels, n) float32, full scale 1.
    """

    position: int
    samples: NDArray[np.float32]

    @property
    def end(self) -> int:
        """Number of the sample after the last one."""
        return self.position + int(self.samples.shape[1])


class SourceAudio(DecodedFrames):
    """Decodes an audio stream and joins its frames.

    Missing and damaged parts become silence. If timestamps go back, the earlier audio counts.
    Timestamps are followed only if several in a row agree.

    Attributes:
        start_s: Time of the first sample on the container's own timeline, seconds.
    """

    def __init__(self, path: Path, stream_index: int) -> None:
        super().__init__(path, stream_index)
        self._following = self.read()
        try:
            self._ahead = deque(islice(self._following, _N_AHEAD))
        except BaseException:
            self.close()
            raise
        self._start = _start(self._delays_ahead(), self.rate_hz)
        self.start_s = Fraction(self._start).limit_denominator(_START_PARTS) / self.rate_hz

    def blocks(self, monitor: Monitor) -> Iterator[AudioBlock]:
        """Yield all audio, once.

        Raises:
            ExportError: The file cannot be read to its end.
            Cancelled: The monitor was cancelled.
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
        """Yield all frames at their steady times, with gaps and overlaps."""
        line = self._start
        behind: deque[float] = deque(maxlen=_N_AHEAD)
        while self._ahead:
            line = self._line(line, behind)
            n_before, delay, samples = self._ahead.popleft()
            self._ahead.extend(islice(self._following, 1))
            yield AudioBlock(n_before + round(line - self._start), samples)
            if delay is not None:
                behind.append(delay)

    def _line(self, line: float, behind: Sequence[float]) -> float:
        """Delay of the next frame: that of the frame before, or a new steady one."""
        ahead = self._delays_ahead()
        n_around = min(len(behind), len(ahead) - 1, _N_AROUND)
        if n_around < 0 or self._ahead[0].delay is None:
            return line
        around = [*list(behind)[len(behind) - n_around :], *ahead[: n_around + 1]]
        middle = median(around)
        step = float(max(_STEP_S, _ROUNDING * self.tick_s) * self.rate_hz)
        if abs(middle - line) <= step:
            return line
        step = max(step, _unsteadiness([*behind, *ahead]))
        if abs(middle - line) <= step:
            return line
        return median(delay for delay in ahead if abs(delay - middle) <= step)

    def _delays_ahead(self) -> list[float]:
        return [frame.delay for frame in self._ahead if frame.delay is not None]


def _start(delays: Sequence[float], rate_hz: int) -> float:
    """Delay of the first frame: median of the rounded delays that agree with it."""
    if not delays:
        return 0.0
    step = max(float(_START_S * rate_hz), _unsteadiness(delays))
    return median(delay for delay in delays if abs(delay - delays[0]) <= step)


def _stretched(samples: NDArray[np.float32], n_more: int) -> NDArray[np.float32]:
    """Stretch a frame by some samples, up to an inaudible number."""
    n = samples.shape[1]
    n_max = max(n // _SAMPLES_PER_STRETCHED, 1)
    n_out = n + min(max(n_more, -n_max), n_max)
    if n_out == n:
        return samples
    places = np.arange(n_out) * (n / n_out)
    return np.stack([np.interp(places, np.arange(n), row) for row in samples]).astype(np.float32)
