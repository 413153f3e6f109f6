"""Decoded audio frames of one sample rate and layout, with their timestamps.

`retime.source_audio` joins the frames without gaps for retiming;
`core.correction.verify.retimed_audio` places them as a player would.
"""

import threading
from collections.abc import Iterator, Sequence
from fractions import Fraction
from itertools import chain, pairwise
from pathlib import Path
from statistics import median_low
from typing import NamedTuple

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.layout import AudioLayout
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from core.errors import ExportError
from core.media.reader import StreamReader, time_of


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
        n_channels: Number of channels.
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
        self.n_channels = AudioLayout(self.layout).nb_channels
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
            raise ExportError(
                f"{self._path.name} cannot be read to its end; copy it again from where it came "
                "from.",
                path=self._path,
                details=self._reader.failure,
            )

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


def unsteadiness(delays: Sequence[float]) -> float:
    """Jitter of timestamps against the sample count.

    Args:
        delays: Delays of consecutive frames, in samples.

    Returns:
        Twice the median change from one frame to the next, in samples; a few large steps do not
        count.
    """
    steps = [abs(after - before) for before, after in pairwise(delays)]
    return 2 * median_low(steps) if steps else 0.0
