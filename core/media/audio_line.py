"""The sound of a clip on the analysis clock: 16 kHz mono, each sample at its time."""

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
"""How far timestamps may leave the count of samples before they are taken to mean it.

Containers round them to ticks of up to a few milliseconds; a lost packet makes a gap of 20 ms or
more with all usual codecs.
"""

_LOUDEST = 1e6
"""Larger values than this, against a full scale of 1, are damage; so is what is no number."""


class _Piece(NamedTuple):
    start: int
    samples: NDArray[np.float32]


class _Run:
    """Frames that follow each other without a gap, resampled as one signal."""

    def __init__(self, frame: AudioFrame, time: Fraction, zero: Fraction) -> None:
        self._key = _format_key(frame)
        self._resampler = AudioResampler("fltp", frame.layout, AUDIO_RATE_HZ)
        # Half a sample rounds up wherever the run begins; `round` would go to the even one.
        self._position = math.floor((time - zero) * AUDIO_RATE_HZ + Fraction(1, 2))
        self.expected_time = time

    def continues_with(self, frame: AudioFrame, time: Fraction | None) -> bool:
        """Tell whether a frame follows without a gap."""
        near = time is None or abs(time - self.expected_time) <= _JITTER_S
        return near and _format_key(frame) == self._key

    def add(self, frame: AudioFrame) -> Iterator[_Piece]:
        """Take the next frame and give out what the resampler has ready."""
        self.expected_time += Fraction(frame.samples, frame.sample_rate)
        yield from self._resampled(frame)

    def finish(self) -> Iterator[_Piece]:
        """Give out what the resampler still holds."""
        yield from self._resampled(None)

    def _resampled(self, frame: AudioFrame | None) -> Iterator[_Piece]:
        # A resampler without work to do answers the flush with None.
        for resampled in filter(None, self._resampler.resample(frame)):
            channels = resampled.to_ndarray()  # (channels, n)
            with np.errstate(invalid="ignore", over="ignore"):
                mono = channels.mean(axis=0, dtype=np.float32)
            yield _Piece(self._position, mono.astype(np.float32, copy=False))
            self._position += mono.size


def _format_key(frame: AudioFrame) -> tuple[str, str, int]:
    return frame.format.name, frame.layout.name, frame.sample_rate


class AudioLine:
    """Lays the sound of a stream on a line of samples; what the file lacks is silence.

    Attributes:
        n_silenced: Blocks so far in which some samples were no numbers and became silence.
        is_empty: Whether no sound could be decoded at all.
    """

    def __init__(
        self,
        reader: StreamReader[AudioFrame],
        stream: AudioStream,
        zero: Fraction,
        first_sample: int,
    ) -> None:
        """Go to the first wanted sample.

        Decoders and resamplers carry state. Where the first sample lies far into the stream,
        decoding begins early enough before it for the values of reading everything; elsewhere, and
        where timestamps do not lead there, it begins with the stream.

        Args:
            reader: The opened stream.
            stream: The stream that is read.
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
        """End of the sound decoded so far, on the file's timeline, in seconds."""
        return self._zero + Fraction(self._end_sample, AUDIO_RATE_HZ)

    @property
    def at_end(self) -> bool:
        """Whether there is no sound behind what was read."""
        return self._piece is None

    def read(self, n_samples: int) -> tuple[NDArray[np.float32], NDArray[np.bool_], int]:
        """Read the following samples.

        Returns:
            samples: (n_samples,) float32; 0 where the file has no sound.
            has_audio: (n_samples,) bool, whether the file has sound there.
            n_left: How many of the samples lie before the end of the sound.
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
        """Yield pieces that do not overlap; where the file has sound twice, the first counts."""
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
