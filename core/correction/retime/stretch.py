"""Retiming of decoded audio: stretching, moving, cutting and crossfading.

The pieces come from `core.correction.retiming`; `core.correction.retime.encode` follows.
"""

import math
from collections.abc import Iterator
from fractions import Fraction

import numpy as np
from av.audio.frame import AudioFrame
from av.error import BlockingIOError as AvBlockingIOError
from av.error import EOFError as AvEOFError
from av.filter import Graph
from numpy.typing import NDArray

from core.correction.retime.source_audio import AudioBlock, SourceAudio
from core.correction.retiming import RetimedPiece, Retiming
from core.progress import Monitor

FADE_S = Fraction(15, 1000)
"""Length of a crossfade, half of it on either side of the change."""

_LARGEST_TERM = 1_000_000
"""Largest numerator and denominator of a ratio, used as sample rates of the resampler."""

_RESAMPLING = (
    "filter_size=64:phase_shift=10:linear_interp=1:exact_rational=1:cutoff=0.97"
    ":filter_type=kaiser:kaiser_beta=12"
)
"""Options of the resampler. Errors are 130 dB below a tone of 14 kHz at 48 kHz (measured)."""


class _Stretcher:
    """Stretches audio with a filter of FFmpeg: ``aresample``, or ``atempo`` to keep the pitch.

    Samples are (n_channels, n) float32, at the same rate before and after.
    """

    def __init__(self, ratio: Fraction, rate_hz: int, layout: str, *, keeps_pitch: bool) -> None:
        if keeps_pitch:
            rate_in, name, options = rate_hz, "atempo", f"{float(1 / ratio):.12f}"
        else:
            # Only the ratio of the rates counts; the result is taken as audio of the old rate.
            ratio = ratio.limit_denominator(_LARGEST_TERM)
            scale = max(1, rate_hz // ratio.denominator)
            rate_in, name = scale * ratio.denominator, "aresample"
            options = f"{scale * ratio.numerator}:{_RESAMPLING}"
        self._graph = Graph()
        self._layout = layout
        self._time_base = Fraction(1, rate_in)
        self._rate_in = rate_in
        source = self._graph.add_abuffer(
            sample_rate=rate_in, format="fltp", layout=layout, time_base=self._time_base
        )
        stretching = self._graph.add(name, options)
        shaping = self._graph.add("aformat", f"sample_fmts=fltp:channel_layouts={layout}")
        sink = self._graph.add("abuffersink")
        self._graph.link_nodes(source, stretching, shaping, sink).configure()
        self._position = 0

    def feed(self, samples: NDArray[np.float32]) -> Iterator[NDArray[np.float32]]:
        frame = AudioFrame.from_ndarray(
            np.ascontiguousarray(samples), format="fltp", layout=self._layout
        )
        frame.sample_rate = self._rate_in
        frame.pts, frame.time_base = self._position, self._time_base
        self._position += samples.shape[1]
        self._graph.push(frame)
        yield from self._ready()

    def finish(self) -> Iterator[NDArray[np.float32]]:
        self._graph.push(None)
        yield from self._ready()

    def _ready(self) -> Iterator[NDArray[np.float32]]:
        while True:
            try:
                frame = self._graph.pull()
            except (AvBlockingIOError, AvEOFError):
                return
            assert isinstance(frame, AudioFrame)
            yield frame.to_ndarray().astype(np.float32, copy=False)


class _PieceAudio:
    """One piece in work: takes samples of the source, yields samples of the target."""

    def __init__(
        self, piece: RetimedPiece, delay_s: Fraction, audio: SourceAudio, *, keeps_pitch: bool
    ) -> None:
        rate_hz, start_s = audio.rate_hz, audio.start_s
        half_s = FADE_S / 2
        begin = 0
        if piece.begin_s is not None:
            begin = max(math.floor((piece.begin_s - half_s - start_s) * rate_hz), 0)
        self.begin = begin
        self.end: int | None = None
        self._n_out: int | None = None
        if piece.end_s is not None:
            self.end = max(math.ceil((piece.end_s + half_s - start_s) * rate_hz), begin)
            self._n_out = round((self.end - begin) * piece.ratio)
        begins_s = start_s + Fraction(begin, rate_hz)
        self.position = round((piece.target_of(begins_s) + delay_s) * rate_hz)
        """Number of the next sample to yield, from time 0 of the container."""
        self._n_fade = round(FADE_S * rate_hz)
        self._fades_in = begin > 0
        self._n_done = 0
        self._stretcher: _Stretcher | None = None
        if piece.ratio != 1:
            self._stretcher = _Stretcher(
                piece.ratio, rate_hz, audio.layout, keeps_pitch=keeps_pitch
            )

    def feed(self, block: AudioBlock) -> Iterator[AudioBlock]:
        """Process the part of the next source samples that belongs to the piece."""
        low = max(self.begin - block.position, 0)
        high = block.end if self.end is None else min(block.end, self.end)
        samples = block.samples[:, low : max(high - block.position, 0)]
        if samples.shape[1]:
            stretched = [samples] if self._stretcher is None else self._stretcher.feed(samples)
            yield from map(self._placed, stretched)

    def finish(self) -> Iterator[AudioBlock]:
        if self._stretcher is not None:
            yield from map(self._placed, self._stretcher.finish())

    def _placed(self, samples: NDArray[np.float32]) -> AudioBlock:
        """Fade samples near a border, and count them.

        Both sides of a change are uncorrelated, so powers add up to one, not amplitudes.
        """
        numbers = self._n_done + np.arange(samples.shape[1])
        shares = np.ones(numbers.size)
        if self._fades_in:
            shares = np.minimum(shares, (numbers + 0.5) / self._n_fade)
        if self._n_out is not None:
            shares = np.minimum(shares, (self._n_out - numbers - 0.5) / self._n_fade)
        if shares.min(initial=1.0) < 1:
            gains = np.sin(np.clip(shares, 0, 1) * np.pi / 2)
            samples = (samples * gains).astype(np.float32)
        block = AudioBlock(self.position, samples)
        self._n_done += samples.shape[1]
        self.position += samples.shape[1]
        return block


class _Line:
    """Mixes blocks on a timeline and yields the complete part."""

    def __init__(self, position: int, n_channels: int, n_max: int) -> None:
        self.position = position
        self._n_max = n_max
        self._samples = np.zeros((n_channels, 0), np.float32)

    @property
    def end(self) -> int:
        return self.position + self._samples.shape[1]

    def add(self, block: AudioBlock) -> None:
        if block.end > self.end:
            self._reach(block.end)
        low = max(self.position - block.position, 0)
        begin = block.position + low - self.position
        self._samples[:, begin : block.end - self.position] += block.samples[:, low:]

    def take(self, until: int) -> Iterator[AudioBlock]:
        """Yield everything before a position, with silence in gaps."""
        while self.position < until:
            n_taken = min(until - self.position, self._n_max)
            self._reach(self.position + n_taken)
            block = AudioBlock(self.position, self._samples[:, :n_taken])
            self._samples = self._samples[:, n_taken:]
            self.position += n_taken
            yield block

    def _reach(self, end: int) -> None:
        if end > self.end:
            n_channels = self._samples.shape[0]
            more = np.zeros((n_channels, end - self.end), np.float32)
            self._samples = np.concatenate([self._samples, more], axis=1)


def retimed_blocks(
    audio: SourceAudio, retiming: Retiming, delay_s: Fraction, monitor: Monitor
) -> Iterator[AudioBlock]:
    """Yield retimed audio in order, positions counted from time 0 of the container.

    Args:
        audio: The source, not yet read.
        retiming: Retiming to apply.
        delay_s: Delay after the retiming, seconds; positive moves the audio later.
        monitor: Checked between blocks.

    Raises:
        ExportError: The source cannot be read to its end.
        Cancelled: The monitor was cancelled.
    """
    waiting = [
        _PieceAudio(piece, delay_s, audio, keeps_pitch=retiming.keeps_pitch)
        for piece in retiming.pieces
    ]
    # Skip pieces that end before the audio begins.
    waiting = [piece for piece in waiting if piece.end is None or piece.end > 0]
    active: list[_PieceAudio] = []
    line: _Line | None = None
    for block in audio.blocks(monitor):
        if line is None:
            line = _Line(waiting[0].position, block.samples.shape[0], audio.rate_hz)
        while waiting and waiting[0].begin < block.end:
            active.append(waiting.pop(0))
        for piece in active:
            for placed in piece.feed(block):
                line.add(placed)
        for piece in [p for p in active if p.end is not None and p.end <= block.end]:
            for placed in piece.finish():
                line.add(placed)
            active.remove(piece)
        # Without an active piece, the next one determines the silence before it.
        borders = [piece.position for piece in active] or [line.end]
        borders += [piece.position for piece in waiting[:1]]
        yield from line.take(min(borders))
    if line is not None:
        for piece in active:
            for placed in piece.finish():
                line.add(placed)
        yield from line.take(line.end)
