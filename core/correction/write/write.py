"""Writing of the partial file of a plan.

A patch is written by `write.patched_file`. For a file written anew, packets come from
`write.read_packets` and are copied as they are; only their times change. Packets of retimed audio
come from `core.correction.retime.encode` instead, and those of containers without times from
`write.silence`. The edit lists of the source are put into a complete MP4 or MOV file.
The file gets its name in `core.workflow.export`, once it is verified.
"""

import os
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from fractions import Fraction
from io import SEEK_SET
from itertools import chain
from pathlib import Path
from typing import BinaryIO

import av
from av.audio.codeccontext import AudioCodecContext
from av.audio.stream import AudioStream
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Stream

from core.correction.compatibility.stream_plan import describe
from core.correction.plan.moves import Method, Move
from core.correction.plan.opened_source import open_source
from core.correction.plan.plan import CorrectionPlan
from core.correction.retime.codec_choice import PCM_16, AudioCoding
from core.correction.retime.encode import RetimedPackets
from core.correction.write.damage import Damage
from core.correction.write.patched_file import write_patched
from core.correction.write.read_packets import copied_packets, end_of
from core.correction.write.silence import DecodedRelay, PacketRelay, Relay, SampleRelay
from core.media.formats.mp4.edit_lists import write_edit_lists
from core.media.formats.output_format import MXF, muxer_options
from core.media.reader import UNREADABLE_TEXT
from core.media.stream_kind import silent_packet
from core.progress import SILENT, ByteProgress, Monitor

_TICK = Fraction(1, 705_600_000)
"""A divisor of the ticks of all usual audio rates, milliseconds and MPEG: shifts stay exact."""

_BUFFER_BYTES = 1 << 20


def write(plan: CorrectionPlan, partial: Path, monitor: Monitor = SILENT) -> tuple[str, ...]:
    """Write the file of a plan; the source is only read.

    Args:
        plan: The plan.
        partial: An existing file to write to, whatever its suffix.
        monitor: Told the progress, and asked whether to go on.

    Returns:
        Notes on damage in the source, and on damaged or clipped audio.

    Raises:
        ExportError: The plan is refused, or the source has changed since, cannot be read to its end
            or goes back in time.
        MediaError: The source cannot be opened.
        FFmpegError: The muxer refuses a stream or its times.
        OSError: The file cannot be written.
        Cancelled: The monitor says so.
    """
    plan.check_possible()
    plan.check_current()
    if plan.time_patch is not None:
        write_patched(plan.source.path, plan.time_patch.patch, partial, monitor)
        return ()
    # FFmpeg opens the file again by its name to move the index, and takes a colon for a protocol.
    with (
        open_source(plan.source, plan.output) as reader,
        partial.absolute().open("r+b") as file,
    ):
        notes = _copy_packets(reader, file, plan, monitor)
        file.flush()
        write_edit_lists(partial, plan.spans, plan.lead_s)
        os.fsync(file.fileno())
    return notes


def _copy_packets(
    reader: InputContainer, file: BinaryIO, plan: CorrectionPlan, monitor: Monitor
) -> tuple[str, ...]:
    """Write all packets of a plan to an open file, and return the notes."""
    target = _TargetFile(file)
    writer = av.open(
        target,
        "w",
        plan.output.name,
        container_options=muxer_options(plan.output, plan.layout),
        buffer_size=_BUFFER_BYTES,
        metadata_errors=UNREADABLE_TEXT,
    )
    try:
        outputs = describe(writer, reader, plan.source.path, plan.streams, _recoded(plan))
        with ExitStack() as stack:
            retimed = {
                index: stack.enter_context(closing(_retimed(plan, index, outputs[index], monitor)))
                for index in sorted(plan.retimed)
            }
            copier = _Copier(writer, outputs, retimed, plan)
            damage = copier.copy(reader, monitor)
            others = chain.from_iterable(packets.notes for packets in retimed.values())
            notes = (*damage.notes(), *others)
    except BaseException:
        # The first failure is the one to report; closing a muxer whose drive is full fails again.
        with suppress(FFmpegError, OSError):
            writer.close()
        target.raise_failure()
        raise
    writer.close()
    target.raise_failure()
    return notes


def _recoded(plan: CorrectionPlan) -> dict[int, AudioCoding]:
    codings = {m.stream_index: m.coding for m in plan.moves if m.coding is not None}
    return codings | {m.stream_index: PCM_16 for m in plan.moves if m.method is Method.DECODED}


def _retimed(
    plan: CorrectionPlan, stream_index: int, output: Stream, monitor: Monitor
) -> RetimedPackets:
    assert isinstance(output, AudioStream)
    return RetimedPackets(
        plan.source.path,
        stream_index,
        output,
        plan.correction,
        monitor,
        from_zero=not plan.output.keeps_times,
    )


class _TargetFile:
    """A file object writing until the drive refuses, and keeping its failure.

    Muxers go on after a failure, even while they are closed. PyAV prints failures after an
    unraised one with their traceback, so none may follow. It also loses failures where a muxer
    ignores the result of a write: call `raise_failure` at the end.
    """

    def __init__(self, file: BinaryIO) -> None:
        # FFmpeg opens the file again by its name to move the index of MP4.
        self.name = file.name
        self._file = file
        self._failure: OSError | None = None

    def write(self, data: bytes) -> int:
        return self._tried(lambda: self._file.write(data), len(data))

    def seek(self, offset: int, whence: int = SEEK_SET) -> int:
        return self._tried(lambda: self._file.seek(offset, whence), offset)

    def tell(self) -> int:
        return 0 if self._failure is not None else self._file.tell()

    def raise_failure(self) -> None:
        if self._failure is not None:
            raise self._failure

    def _tried(self, operation: Callable[[], int], after_failure: int) -> int:
        """Result of an operation on the file; after the first failure none is tried."""
        if self._failure is not None:
            return after_failure
        try:
            return operation()
        except OSError as error:
            self._failure = error
            raise


class _Copier:
    """Writes packets to a muxer; streams and packets are by the index in the source."""

    def __init__(
        self,
        writer: OutputContainer,
        outputs: Mapping[int, Stream],
        retimed: Mapping[int, RetimedPackets],
        plan: CorrectionPlan,
    ) -> None:
        self._writer = writer
        self._outputs = outputs
        self._retimed = retimed
        self._plan = plan
        firsts_s = {index: packets.first_s for index, packets in retimed.items()}
        self._common_s = plan.common_shift_s(firsts_s)
        self._written_s = self._common_s + plan.lead_s

    def copy(self, reader: InputContainer, monitor: Monitor) -> Damage:
        """Write all packets; the damage they reveal is returned."""
        plan = self._plan
        _copy_chapters(self._writer, reader, self._common_s)
        shifts_s = dict.fromkeys(self._outputs, self._written_s)
        for index in plan.correction.audio_stream_indices:
            shifts_s[index] += plan.correction.audio_delay_s
        relays = {
            move.stream_index: _relay(reader.streams[move.stream_index], move)
            for move in plan.moves
            if move.method not in (Method.TIMES, Method.RETIMED)
        }
        video_end_s = Fraction(0)
        damage = Damage(plan.source)
        progress = ByteProgress(monitor, "Writing the corrected file", plan.source.size_bytes)
        for packet in copied_packets(reader, self._outputs, plan.source, damage):
            progress.add(packet.size)
            index = packet.stream_index
            if index in self._retimed:
                continue
            if index in relays:
                self._mux(index, relays[index].feed(packet))
                continue
            if packet.stream.type == "video":
                video_end_s = max(video_end_s, end_of(packet))
            if packet.dts is not None:
                for number, retimed in self._retimed.items():
                    due = retimed.before(packet.dts * packet.time_base)
                    self._mux(number, due, self._written_s)
            _shift(packet, shifts_s[index])
            packet.stream = self._outputs[index]
            self._writer.mux(packet)
        # MXF ends the video where it has no more audio.
        until_s = video_end_s if plan.output is MXF else None
        for index, relay in relays.items():
            self._mux(index, relay.finish(until_s))
        for index, retimed in self._retimed.items():
            self._mux(index, retimed.finish(until_s), self._written_s)
        return damage

    def _mux(
        self,
        stream_index: int,
        packets: Iterator["Packet[Stream]"],
        shift_s: Fraction = Fraction(0),
    ) -> None:
        for packet in packets:
            _shift(packet, shift_s)
            packet.stream = self._outputs[stream_index]
            self._writer.mux(packet)


def _relay(stream: Stream, move: Move) -> Relay:
    context = stream.codec_context
    assert isinstance(context, AudioCodecContext)
    if move.method is Method.DECODED:
        return DecodedRelay(stream, move.n_units)
    if move.method is Method.PACKETS:
        return PacketRelay(stream, move.n_units, silent_packet(stream) or b"")
    codec = context.codec.canonical_name
    return SampleRelay(codec, context.sample_rate, context.channels, move.n_units)


def _copy_chapters(writer: OutputContainer, reader: InputContainer, common_s: Fraction) -> None:
    chapters = reader.chapters()
    for chapter in chapters:
        ticks = round(common_s / (chapter["time_base"] or Fraction(1)))
        chapter["start"] = max(chapter["start"] + ticks, 0)
        chapter["end"] = max(chapter["end"] + ticks, 0)
    writer.set_chapters(chapters)


def _shift(packet: "Packet[Stream]", shift_s: Fraction) -> None:
    if not shift_s:
        return
    # Ticks of a stream may be as coarse as a whole audio frame, as in AVI.
    ratio = packet.time_base / _TICK
    ticks = round(shift_s / _TICK)
    if packet.pts is not None:
        packet.pts = round(packet.pts * ratio) + ticks
    if packet.dts is not None:
        packet.dts = round(packet.dts * ratio) + ticks
    packet.duration = round((packet.duration or 0) * ratio)
    packet.time_base = _TICK
