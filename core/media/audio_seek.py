"""Start of audio decoding: with the stream, or by a seek to shortly before a wanted time."""

import math
from collections.abc import Iterator
from fractions import Fraction
from itertools import chain
from typing import NamedTuple

from av.audio.frame import AudioFrame

from core.media.reader import StreamReader, time_of
from core.timing import AUDIO_RATE_HZ

FAR_S = 60
"""Distance from which a seek takes less time than decoding everything before."""

PRE_ROLL_S = 2
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


class TimedAudio(NamedTuple):
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


def audio_from(
    reader: StreamReader[AudioFrame], start: Fraction, wanted: Fraction
) -> Iterator[TimedAudio]:
    """Decode frames from the start of a stream, or from shortly before a wanted time.

    The first frame after a seek is cut to begin a whole number of analysis samples after the start
    of the stream. A resampler then calculates the same samples as from the start.

    Args:
        reader: Reader at the start of the stream.
        start: Start of the stream on the file's timeline, in seconds.
        wanted: Time of the first wanted sample, likewise.
    """
    if wanted - start <= FAR_S or not reader.is_exact_behind_seeks:
        return map(_as_timed, reader.frames())
    opening = _opening(reader)
    back = Fraction(PRE_ROLL_S)
    while opening and back <= _FARTHEST_BACK_S and reader.seek(wanted - back):
        landed = _landed(reader, opening, wanted)
        if landed is not None:
            # Errors right behind a seek are no damage.
            reader.n_damaged = 0
            return landed
        back = 2 * back + 1
    reader.rewind()
    return map(_as_timed, reader.frames())


def _as_timed(frame: AudioFrame) -> TimedAudio:
    return TimedAudio(frame, time_of(frame))


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
) -> Iterator[TimedAudio] | None:
    """Frames from shortly before the wanted time on, after a seek.

    Returns:
        The frames, at least the last one of the stream; None if timestamps are unsteady or the seek
        landed too late.
    """
    frames = reader.frames()
    last: TimedAudio | None = None
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


def _cut(frame: AudioFrame, time: Fraction, opening: _Opening) -> TimedAudio | None:
    """Part of a frame from the next whole analysis sample on; None if the frame ends before it."""
    rate_hz = frame.sample_rate
    n_before = None
    if frame.time_base is not None and rate_hz == opening.rate_hz:
        n_before = opening.n_samples_before(time, frame.time_base)
    if n_before is None:
        return TimedAudio(frame, time)
    n_cut = -n_before % (rate_hz // math.gcd(rate_hz, AUDIO_RATE_HZ))
    if n_cut >= frame.samples:
        return None
    exact_time = opening.first_time + Fraction(n_before + n_cut, rate_hz)
    return TimedAudio(_without_head(frame, n_cut) if n_cut else frame, exact_time)


def _without_head(frame: AudioFrame, n_samples: int) -> AudioFrame:
    channels = frame.to_ndarray()  # (channels, n), or (1, n * channels) if interleaved
    n_values = n_samples if frame.format.is_planar else n_samples * frame.layout.nb_channels
    kept = AudioFrame.from_ndarray(
        channels[:, n_values:].copy(), frame.format.name, frame.layout.name
    )
    kept.sample_rate, kept.time_base = frame.sample_rate, frame.time_base
    return kept
