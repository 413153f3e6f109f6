"""Audio of a clip on the analysis clock: 16 kHz mono, each sample at its time.

Decoding starts with the stream, or by a seek to shortly before the first wanted sample.
"""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.resampler import AudioResampler
from numpy.typing import NDArray

from core.media.info import AudioStream
from core.media.reader import StreamReader, time_of
from core.timing import AUDIO_RATE_HZ

_JITTER_S = Fraction(20, 1000)
"""Largest difference of a timestamp from the sample count without a gap.

Containers round timestamps to ticks of up to a few milliseconds. A lost packet makes a gap of 20 ms
or more with all usual codecs.
"""

_LOUDEST = 1e6
"""Largest valid sample for a full scale of 1. Larger ones, and NaN, are damage."""

FAR_S = 60
"""Distance from which a seek takes less time than decoding everything before."""

_PRE_ROLL_S = 2
"""Lead of the seek before the target; containers land a little before or behind it."""

_SETTLE_S = 1
"""Settling time of decoders, which carry state from frame to frame: overlaps, bit reservoirs,
filters. Opus takes 80 ms to converge (RFC 7845, 4.6)."""

_WARM_UP_S = Fraction(1, 10)
"""Many times the resampler's filter and its step of up to 441 samples."""

_STEADY_S = Fraction(2, 1000)
"""Largest difference of timestamps from the sample count. Beyond it the position of a frame among
the samples of the stream is unknown."""

_FARTHEST_BACK_S = 60


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
        self._frames = _audio_from(reader, Fraction(stream.start_s), wanted)
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


class _TimedAudio(NamedTuple):
    """A frame and its time on the file's timeline; None if unknown."""

    frame: AudioFrame
    time: Fraction | None


class _Opening(NamedTuple):
    """The first two frames of a stream; priming shortens only the first one."""

    first_time: Fraction
    n_first: int
    second_time: Fraction
    n_second: int
    rate_hz: int

    def n_samples_before(self, time: Fraction, tick_s: Fraction) -> int | None:
        """Number of samples of the stream before a frame; None if its time is too coarse.

        Nearly all codecs have frames of one length, so ticks of a millisecond are fine enough.
        """
        tick = tick_s * self.rate_hz  # in samples
        n_from_second = (time - self.second_time) * self.rate_hz
        n_on_grid = round(n_from_second / self.n_second) * self.n_second
        if abs(n_from_second - n_on_grid) <= (tick if tick > 1 else Fraction(1, 2)):
            return self.n_first + n_on_grid
        if tick <= 1:
            return round((time - self.first_time) * self.rate_hz)
        return None


def _audio_from(
    reader: StreamReader[AudioFrame], start: Fraction, wanted: Fraction
) -> Iterator[_TimedAudio]:
    """Decode frames from the start of a stream, or from shortly before a wanted time.

    The first frame after a seek is cut to begin a whole number of analysis samples after the start
    of the stream. A resampler then calculates the same samples as from the start. Times are seconds
    on the file's timeline.
    """
    if wanted - start <= FAR_S or not reader.is_exact_behind_seeks:
        return map(_as_timed, reader.frames())
    opening = _opening(reader)
    back = Fraction(_PRE_ROLL_S)
    while opening and back <= _FARTHEST_BACK_S and reader.seek(wanted - back):
        landed = _landed(reader, opening, wanted)
        if landed is not None:
            # Errors right behind a seek are no damage.
            reader.n_damaged = 0
            return landed
        back = 2 * back + 1
    reader.rewind()
    return map(_as_timed, reader.frames())


def _as_timed(frame: AudioFrame) -> _TimedAudio:
    return _TimedAudio(frame, time_of(frame))


def _opening(reader: StreamReader[AudioFrame]) -> _Opening | None:
    frames = reader.frames()
    first, second = next(frames, None), next(frames, None)
    if first is None or second is None:
        return None
    first_time, second_time = time_of(first), time_of(second)
    if first_time is None or second_time is None or not second.samples:
        return None
    return _Opening(first_time, first.samples, second_time, second.samples, second.sample_rate)


def _landed(
    reader: StreamReader[AudioFrame], opening: _Opening, wanted: Fraction
) -> Iterator[_TimedAudio] | None:
    """Frames from shortly before the wanted time on, after a seek; at least the last one.

    None if timestamps are unsteady or the seek landed too late.
    """
    frames = reader.frames()
    last: _TimedAudio | None = None
    expected: Fraction | None = None
    for frame in frames:
        time = time_of(frame)
        if expected is None and time is not None and time <= wanted - _SETTLE_S:
            expected = time
        if time is None or expected is None or abs(time - expected) > _STEADY_S:
            return None
        expected += Fraction(frame.samples, frame.sample_rate)
        last = _cut(frame, time, opening)
        if last is not None and expected > wanted - _WARM_UP_S:
            return chain([last], map(_as_timed, frames))
    return None if last is None else iter([last])


def _cut(frame: AudioFrame, time: Fraction, opening: _Opening) -> _TimedAudio | None:
    """Part of a frame from the next whole analysis sample on; None if the frame ends before it."""
    rate_hz = frame.sample_rate
    n_before = None
    if frame.time_base is not None and rate_hz == opening.rate_hz:
        n_before = opening.n_samples_before(time, frame.time_base)
    if n_before is None:
        return _TimedAudio(frame, time)
    n_cut = -n_before % (rate_hz // math.gcd(rate_hz, AUDIO_RATE_HZ))
    if n_cut >= frame.samples:
        return None
    exact_time = opening.first_time + Fraction(n_before + n_cut, rate_hz)
    return _TimedAudio(_without_head(frame, n_cut) if n_cut else frame, exact_time)


def _without_head(frame: AudioFrame, n_samples: int) -> AudioFrame:
    channels = frame.to_ndarray()  # (channels, n), or (1, n * channels) if interleaved
    n_values = n_samples if frame.format.is_planar else n_samples * frame.layout.nb_channels
    kept = AudioFrame.from_ndarray(
        channels[:, n_values:].copy(), frame.format.name, frame.layout.name
    )
    kept.sample_rate, kept.time_base = frame.sample_rate, frame.time_base
    return kept
