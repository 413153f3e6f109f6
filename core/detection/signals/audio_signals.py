"""Buffer of the audio signals of a clip, laid out for the correlation with motion."""

import numpy as np

from core.detection.evidence import AXIS_STEP_S
from core.detection.signals.correlation import LaggedAudio
from core.detection.signals.detrend import TREND_TICKS, detrended_audio
from core.detection.signals.onsets import TICKS_PER_FRAME, AudioMeter
from core.detection.signals.ring_buffer import Series
from core.media.decoder import ClipChunk


class AudioSignals:
    """Onsets and level of the audio as a clip streams by.

    Attributes:
        reach_ticks: Largest offset, in ticks of 10 ms.
    """

    def __init__(self, range_s: float) -> None:
        """Prepare for offsets up to `range_s` seconds either way."""
        self.reach_ticks = round(range_s / AXIS_STEP_S)
        self._meter = AudioMeter()
        self._onsets, self._level, self._has_audio = Series(), Series(), Series()

    def begin(self, first_frame: int) -> None:
        """Set the analysis frame of the first chunk."""
        for series in (self._onsets, self._level, self._has_audio):
            series.end = first_frame * TICKS_PER_FRAME

    def append(self, chunk: ClipChunk) -> None:
        """Measure the audio of the next chunk."""
        self._has_audio.append(np.repeat(chunk.has_audio, TICKS_PER_FRAME).astype(np.float32))
        onsets, level = self._meter.measure(chunk.waveform)
        self._onsets.append(onsets)
        self._level.append(level)

    def finish(self) -> None:
        """Append the last ticks, as if silence followed."""
        onsets, level = self._meter.flush()
        self._onsets.append(onsets)
        self._level.append(level)

    def keep(self, *spans: tuple[int, int]) -> None:
        """Drop everything outside of some spans of analysis frames."""
        ticks = [(begin * TICKS_PER_FRAME, end * TICKS_PER_FRAME) for begin, end in spans]
        for series in (self._onsets, self._level, self._has_audio):
            series.keep(*ticks)

    def lagged(self, first_frame: int, n_frames: int, lead_ticks: int) -> LaggedAudio:
        """Audio at every offset against `n_frames` values of motion.

        Args:
            first_frame: Analysis frame of the first value.
            n_frames: Number of values.
            lead_ticks: Time of a value before its frame.
        """
        begin = first_frame * TICKS_PER_FRAME - lead_ticks - self.reach_ticks
        n_ticks = (n_frames - 1) * TICKS_PER_FRAME + 1 + 2 * self.reach_ticks
        span = (begin - TREND_TICKS, begin + n_ticks + TREND_TICKS)
        has_audio = self._has_audio.get(*span) > 0
        signals, is_usable = detrended_audio(
            self._onsets.get(*span), self._level.get(*span), has_audio
        )
        return LaggedAudio(signals, is_usable, n_frames)
