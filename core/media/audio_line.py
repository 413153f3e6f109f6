"""Audio of a clip on the analysis clock: 16 kHz mono, each sample at its time."""

import math
from collections.abc import Iterator
from fractions import Fraction
from typing import NamedTuple

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from core.media.audio_seek import audio_from
from core.media.info import AudioStream
from core.media.reader import StreamReader
from core.timing import AUDIO_RATE_HZ

_JITTER_S = Fraction(20, 1000)
"""Largest difference of a timestamp from the sample count without a gap.

Containers round timestamps to ticks of up to a few milliseconds. A lost packet makes a gap of 20 ms
or more with all usual codecs.
"""

_LOUDEST = 1e6
"""Largest valid sample for a full scale of 1. Larger ones, and NaN, are damage."""


class _Piece(NamedTuple):
    start: int
    samples: NDArray[np.float32]


class _Run:
    """Consecutive frames without a gap, resampled as one signal."""

    def __init__(self, frame: AudioFrame, time: Fraction, zero: Fraction) -> None:
        self._key = _format_key(frame)
        self._resampler = AudioResampler("fltp", frame.layout, AUDIO_RATE_HZ)
        # Half a sample always rounds up; `round` would go to the even one.
        self._position = math.floor((time - zero) * AUDIO_RATE_HZ + Fraction(1, 2))
        self.expected_time = time

    def continues_with(self, frame: AudioFrame, time: Fraction | None) -> bool:
        """Whether a frame follows without a gap."""
        near = time is None or abs(time - self.expected_time) <= _JITTER_S
        return near and _format_key(frame) == self._key

    def add(self, frame: AudioFrame) -> Iterator[_Piece]:
        """Resample the next frame."""
        self.expected_time += Fraction(frame.samples, frame.sample_rate)
        yield from self._resampled(frame)

    def finish(self) -> Iterator[_Piece]:
        """Flush the resampler."""
        yield from self._resampled(None)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[_Piece]:
        # A resampler with nothing to convert returns None for the flush.
        for resampled in filter(None, self._resampler.resample(frame)):
            channels = resampled.to_ndarray()  # (channels, n)
            with np.errstate(invalid="ignore", over="ignore"):
                mono = channels.mean(axis=0, dtype=np.float32)
            yield _Piece(self._position, mono.astype(np.float32, copy=False))
            self._position += mono.size


def _format_key(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class AudioLine:
    """Samples of an audio stream on the analysis clock, with silence in gaps.

    Attributes:
        n_silenced: Blocks so far with invalid samples, replaced by silence.
        is_empty: Whether no audio could be decoded at all.
    """

    def __init__(
        self,
        reader: StreamReader[AudioFrame],
        stream: AudioStream,
        zero: Fraction,
        first_sample: int,
    ) -> None:
        """Go to the first wanted sample.

        Decoders and resamplers carry state. If the first sample lies far into the stream, decoding
        begins early enough before it for the same values as without a seek. Otherwise, and if
        timestamps are unsteady, decoding begins with the stream.

        Args:
            reader: The opened stream.
            stream: Description of the stream.
            zero: Clip time 0 on the file's timeline, in seconds.
            first_sample: Sample at 16 kHz to begin with, counted from clip time 0; may be negative.
        """
        self._reader = reader
        self._stream = stream
        self._zero = zero
        self._next_sample = first_sample
        self._end_sample = 0
        self.n_silenced = 0
        wanted = zero + Fraction(first_sample, AUDIO_RATE_HZ)
        self._frames = audio_from(reader, Fraction(stream.start_s), wanted)
        self._pieces = self._in_order()
        self._piece = next(self._pieces, None)
        self.is_empty = self._piece is None

    @property
    def end_time(self) -> Fraction:
        """End of the audio decoded so far, on the file's timeline, in seconds."""
        return self._zero + Fraction(self._end_sample, AUDIO_RATE_HZ)

    @property
    def at_end(self) -> bool:
        """Whether all audio was read."""
        return self._piece is None

    def read(self, n_samples: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
        """Read the following samples.

        Returns:
            samples: (n_samples,) float32; 0 in gaps of the file.
            has_audio: (n_samples,) bool, False in gaps.
            n_left: Number of these samples before the end of the audio.
        """
        samples = np.zeros(n_samples, np.float32)
        has_audio = np.zeros(n_samples, np.bool_)
        begin, end = self._next_sample, self._next_sample + n_samples
        while self._piece is not None and self._piece.start < end:
            piece_end = self._piece.start + self._piece.samples.size
            low, high = max(begin, self._piece.start), min(end, piece_end)
            if low < high:
                source = slice(low - self._piece.start, high - self._piece.start)
                samples[low - begin : high - begin] = self._piece.samples[source]
                has_audio[low - begin : high - begin] = True
            if piece_end > end:
                break
            self._piece = next(self._pieces, None)
        self._next_sample = end
        n_left = n_samples
        if self._piece is None:
            n_left = min(max(self._end_sample - begin, 0), n_samples)
        return samples, has_audio, n_left

    def _in_order(self) -> Iterator[_Piece]:
        """Yield pieces without overlaps; of two at the same time, the first counts."""
        for start, placed in self._placed():
            is_audio = np.abs(placed) <= _LOUDEST
            self.n_silenced += not is_audio.all()
            samples = np.where(is_audio, placed, np.float32(0))
            skip = max(self._end_sample - start, 0)
            if skip < samples.size:
                self._end_sample = start + samples.size
                yield _Piece(start + skip, samples[skip:])

    def _placed(self) -> Iterator[_Piece]:
        run: _Run | None = None
        n_damaged = 0
        for frame, time in self._frames:
            is_whole = self._reader.n_damaged == n_damaged
            n_damaged = self._reader.n_damaged
            if run is None or not (run.continues_with(frame, time) and is_whole):
                if time is None:
                    time = run.expected_time if run else Fraction(self._stream.start_s)
                if run is not None:
                    yield from run.finish()
                run = _Run(frame, time, self._zero)
            yield from run.add(frame)
        if run is not None:
            yield from run.finish()
