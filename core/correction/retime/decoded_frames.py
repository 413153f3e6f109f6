"""The frames of a sound as they are decoded: samples of one rate and layout, with their times.

Where they are laid is left to `retime.source_audio`, which makes a line of them to be retimed,
and to `core.correction.verify.played_audio`, which places them as a player would.
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
    """Samples that were decoded together.

    Attributes:
        n_before: How many samples of the stream were decoded before them.
        delay: When the file says that they are heard, less what those take: time 0 of the stream on
            the container's own timeline, in samples. None if it does not say.
        samples: (n_channels, n) float32, full scale 1.
    """

    n_before: int
    delay: float | None
    samples: NDArray[np.float32]


class DecodedFrames:
    """Decodes an audio stream in a container of its own; to be closed.

    Attributes:
        rate_hz: Samples a second.
        layout: FFmpeg's name of the channels.
        n_channels: How many these are.
        tick_s: To what the file rounds its times, in seconds.
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
        """Pieces that could not be decoded so far."""
        return self._reader.n_damaged

    def close(self) -> None:
        """Let go of the file."""
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
        """Yield a frame as floating point samples of the first frame's rate and layout."""
        key = (frame.format.name, frame.layout.name, frame.sample_rate)
        if key != self._key:
            self._key = key
            # Where neither rate nor layout changes, nothing stays behind in it.
            self._resampler = AudioResampler("fltp", self.layout, self.rate_hz)
        frame.pts = None
        for piece in filter(None, self._resampler.resample(frame)):
            samples = piece.to_ndarray().astype(np.float32, copy=False)
            is_audio = np.isfinite(samples)
            yield samples if is_audio.all() else np.where(is_audio, samples, np.float32(0))


def unsteadiness(delays: Sequence[float]) -> float:
    """Return how far timestamps leave the count of samples without meaning it.

    Args:
        delays: Those of frames in a row.

    Returns:
        Twice what they usually change by from one to the next; a few large steps do not count.
    """
    steps = [abs(after - before) for before, after in pairwise(delays)]
    return 2 * median_low(steps) if steps else 0.0
