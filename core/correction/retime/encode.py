"""Packets of retimed audio, decoded and encoded again in step with the copied streams."""

from collections import deque
from collections.abc import Iterator
from fractions import Fraction
from pathlib import Path

import numpy as np
from av.audio.frame import AudioFrame
from av.audio.stream import AudioStream
from av.packet import Packet
from av.stream import Stream

from core.correction.correction import Correction
from core.correction.retime.notes import damage_notes
from core.correction.retime.source_audio import AudioBlock, SourceAudio
from core.correction.retime.stretch import retimed_blocks
from core.errors import ExportError
from core.progress import Monitor

_LARGEST_FRAME = 4096
"""Samples to encode at a time."""

_FULL_SCALE = 1 + 2**-15
"""Clipping of samples below this is inaudible and does not count."""


class RetimedPackets:
    """Packets of one retimed stream; to be closed.

    The source is read in a container of its own, so audio with a large delay keeps in step with the
    video without a buffer.

    Attributes:
        first_s: Time of the first packet on the container's own timeline, seconds.
    """

    def __init__(
        self,
        path: Path,
        stream_index: int,
        output: AudioStream,
        correction: Correction,
        monitor: Monitor,
        *,
        from_zero: bool,
    ) -> None:
        """Decode and encode as far as the first packet.

        Args:
            path: The source.
            stream_index: Audio stream of the source.
            output: Audio stream of the target, with its encoder.
            correction: Delay and retiming to apply.
            monitor: Checked between blocks.
            from_zero: Whether the audio begins at time 0, after added silence or without its head.

        Raises:
            MediaError: The source cannot be opened.
            ExportError: Its audio cannot be decoded, or has another rate or layout than stated.
            Cancelled: The monitor was cancelled.
        """
        self._output = output
        self._path, self._stream_index = path, stream_index
        self._audio = SourceAudio(path, stream_index)
        try:
            self._check_output()
            assert correction.retiming is not None
            blocks = retimed_blocks(
                self._audio, correction.retiming, correction.audio_delay_s, monitor
            )
            if from_zero:
                blocks = _from_zero(blocks)
            self._end = 0
            self._n_clipped = 0
            self._packets = self._encoded(blocks)
            self._next: deque[Packet[Stream]] = deque()
            self._look_ahead()
        except BaseException:
            self.close()
            raise
        self.first_s = self._time_s() if self._next else Fraction(0)

    def _check_output(self) -> None:
        context = self._output.codec_context
        if (self._audio.rate_hz, self._audio.layout) != (context.sample_rate, context.layout.name):
            raise ExportError(
                f"The sound of {self._path.name} (stream {self._stream_index}) has another sample "
                "rate or channel layout than the file states; export the file again.",
                path=self._path,
            )

    def close(self) -> None:
        """Close the source."""
        self._audio.close()

    @property
    def notes(self) -> tuple[str, ...]:
        """Notes about damaged or clipped audio, complete once everything is encoded."""
        audio = f"the sound of {self._path.name} (stream {self._stream_index})"
        return damage_notes(audio, self._audio.n_damaged, self._n_clipped)

    def before(self, time_s: Fraction) -> Iterator["Packet[Stream]"]:
        """Yield the packets before a time on the container's own timeline, seconds."""
        while self._next and self._time_s() < time_s:
            packet = self._next.popleft()
            self._look_ahead()
            yield packet

    def finish(self, until_s: Fraction | None) -> Iterator["Packet[Stream]"]:
        """Yield the remaining packets, then silence up to a time if one is given."""
        yield from self._next
        yield from self._packets
        if until_s is not None:
            until = round(until_s * self._audio.rate_hz)
            n_channels = self._output.codec_context.layout.nb_channels
            for begin in range(self._end, until, _LARGEST_FRAME):
                silence = np.zeros((n_channels, min(_LARGEST_FRAME, until - begin)), np.float32)
                yield from self._encode(AudioBlock(begin, silence))
        yield from self._output.encode(None)

    def _look_ahead(self) -> None:
        self._next.extend(packet for packet in [next(self._packets, None)] if packet is not None)

    def _time_s(self) -> Fraction:
        packet = self._next[0]
        return (packet.pts or 0) * packet.time_base

    def _encoded(self, blocks: Iterator[AudioBlock]) -> Iterator["Packet[Stream]"]:
        for block in blocks:
            self._end = block.end
            for begin in range(0, block.samples.shape[1], _LARGEST_FRAME):
                samples = block.samples[:, begin : begin + _LARGEST_FRAME]
                yield from self._encode(AudioBlock(block.position + begin, samples))

    def _encode(self, block: AudioBlock) -> Iterator["Packet[Stream]"]:
        samples = np.ascontiguousarray(block.samples)
        context = self._output.codec_context
        # Samples of other formats cannot exceed full scale.
        if not context.format.name.startswith(("flt", "dbl")):
            self._n_clipped += int((np.abs(samples).max(axis=0) > _FULL_SCALE).sum())
            samples = np.clip(samples, -1, 1)
        frame = AudioFrame.from_ndarray(samples, format="fltp", layout=context.layout.name)
        frame.sample_rate = self._audio.rate_hz
        frame.pts, frame.time_base = block.position, Fraction(1, self._audio.rate_hz)
        yield from self._output.encode(frame)


def _from_zero(blocks: Iterator[AudioBlock]) -> Iterator[AudioBlock]:
    """Make audio begin at time 0: add silence, or cut the samples before."""
    is_first = True
    for block in blocks:
        samples = block.samples[:, max(-block.position, 0) :]
        if not samples.shape[1]:
            continue
        if is_first and block.position > 0:
            yield AudioBlock(0, np.zeros((samples.shape[0], block.position), np.float32))
        is_first = False
        yield AudioBlock(max(block.position, 0), samples)
