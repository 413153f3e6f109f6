"""The sound of a stream at its own rate, from first sample to last, without gaps or overlaps."""

import logging
import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import islice
from pathlib import Path
from statistics import median
from types import TracebackType
from typing import NamedTuple, Self

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from core.errors import ExportError
from core.media.reader import StreamReader, time_of
from core.progress import Monitor

log = logging.getLogger(__name__)

_JITTER_S = Fraction(20, 1000)
"""How far timestamps may leave the count of samples before they are taken to mean it."""

_N_FRAMES_TIMED = 50
"""Frames whose timestamps, together, tell the start more finely than the ticks of one."""


class SoundBlock(NamedTuple):
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


class SourceSound:
    """Decodes an audio stream in a container of its own.

    What cannot be decoded, or is not there, is silence; where timestamps lead back, the earlier
    sound counts.

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
        self._path = path
        self._reader = StreamReader(path, stream_index, AudioFrame, threading.Event())
        self._frames = self._reader.frames()
        self._head = list(islice(self._frames, _N_FRAMES_TIMED))
        if not self._head:
            self._reader.__exit__(None, None, None)
            raise ExportError(
                f"The sound of {path.name} (stream {stream_index}) cannot be decoded; "
                "choose another audio stream.",
                path=path,
            )
        self.rate_hz = self._head[0].sample_rate
        self.layout = self._head[0].layout.name
        self.start_s = _start_s(self._head)
        self._key = ("", "", 0)
        self._resampler = AudioResampler("fltp", self.layout, self.rate_hz)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self._reader.__exit__(kind, error, traceback)

    def blocks(self, monitor: Monitor) -> Iterator[SoundBlock]:
        """Yield all of the sound, once.

        Raises:
            ExportError: The file cannot be read to its end.
            Cancelled: The monitor says so.
        """
        position = 0
        for frame in self._frames_in_order():
            monitor.check()
            time = time_of(frame)
            expected_s = self.start_s + Fraction(position, self.rate_hz)
            late_s = Fraction(0) if time is None else time - expected_s
            n_late = round(late_s * self.rate_hz) if abs(late_s) > _JITTER_S else 0
            while n_late > 0:
                n_silent = min(n_late, self.rate_hz)
                yield SoundBlock(position, self._silence(n_silent))
                position += n_silent
                n_late -= n_silent
            for piece in self._resampled(frame):
                samples = piece[:, max(-n_late, 0) :]
                n_late = min(n_late + piece.shape[1], 0)
                if samples.shape[1]:
                    yield SoundBlock(position, samples)
                    position += samples.shape[1]
        if self._reader.failure:
            raise ExportError(
                f"{self._path.name} cannot be read to its end; copy it again from where it came "
                "from.",
                path=self._path,
                details=self._reader.failure,
            )
        if self._reader.n_damaged:
            log.warning("%s: %d damaged pieces", self._path.name, self._reader.n_damaged)

    def _frames_in_order(self) -> Iterator[AudioFrame]:
        while self._head:
            yield self._head.pop(0)
        yield from self._frames

    def _silence(self, n_samples: int) -> NDArray[np.float32]:
        return np.zeros((AudioLayout(self.layout).nb_channels, n_samples), np.float32)

    def _resampled(self, frame: AudioFrame) -> Iterator[NDArray[np.float32]]:
        """Yield a frame as floating point samples of the first frame's rate and layout."""
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key != self._key:
            self._key = key
            # Where neither rate nor layout changes, nothing stays behind in it.
            self._resampler = AudioResampler("fltp", self.layout, self.rate_hz)
        frame.pts = None
        for piece in filter(None, self._resampler.resample(frame)):
            samples = piece.to_ndarray().astype(np.float32, copy=False)
            is_sound = np.isfinite(samples)
            yield samples if is_sound.all() else np.where(is_sound, samples, np.float32(0))


def _start_s(frames: Sequence[AudioFrame]) -> Fraction:
    """Return when sound starts: as most of its first frames say, of which each is rounded."""
    first_s = time_of(frames[0]) or Fraction(0)
    starts_s: list[Fraction] = []
    length_s = Fraction(0)
    for frame in frames:
        time = time_of(frame)
        if time is not None and abs(time - length_s - first_s) <= _JITTER_S:
            starts_s.append(time - length_s)
        length_s += Fraction(frame.samples, frame.sample_rate)
    return median(starts_s) if starts_s else first_s
