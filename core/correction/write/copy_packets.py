"""Copying of packets from an open source into a muxer, with the times of the moved audio shifted.

Packets of retimed audio come from `core.correction.retime.encode` instead, and those of containers
without times from `write.silence`. Packets are read in `write.read_packets`.
"""

import math
import time
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, closing, suppress
from fractions import Fraction
from itertools import chain
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
from core.correction.plan.plan import CorrectionPlan
from core.correction.retime.codec_choice import PCM_16, AudioCoding
from core.correction.retime.encode import RetimedPackets
from core.correction.write.damage import Damage
from core.correction.write.guarded_file import TargetFile
from core.correction.write.read_packets import copied_packets, end_of
from core.correction.write.silence import DecodedRelay, PacketRelay, Relay, SampleRelay
from core.media.formats.output_format import MXF, muxer_options
from core.media.info import MediaInfo
from core.media.stream_kind import silent_packet
from core.progress import Monitor, Progress

_TICK = Fraction(1, 705_600_000)
"""A divisor of the ticks of all usual audio rates, milliseconds and MPEG: shifts stay exact."""

_BUFFER_BYTES = 1 << 20

_CHECK_EVERY_PACKETS = 32

_REPORT_EVERY_S = 0.1


def copy_packets(
    reader: InputContainer, file: BinaryIO, plan: CorrectionPlan, monitor: Monitor
) -> tuple[str, ...]:
    """Write all packets of a plan to an open file.

    Args:
        reader: The open source.
        file: The file to write.
        plan: The plan.
        monitor: Told the progress, and asked whether to go on.

    Returns:
        Notes on damage in the source, and on damaged or clipped audio.

    Raises:
        ExportError: The source cannot be read to its end, or its times go back.
        FFmpegError: The muxer refuses a stream or its times.
        OSError: The file cannot be written.
        Cancelled: The monitor says so.
    """
    target = TargetFile(file)
    writer = av.open(
        target,
        "w",
        plan.output.name,
        container_options=muxer_options(plan.output, plan.layout),
        buffer_size=_BUFFER_BYTES,
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
            notes = (*damage.notes(reader), *others)
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


class _Copier:
    """Writes packets to a muxer with described streams.

    Args:
        writer: The muxer.
        outputs: Its streams for packets, by the index of the source's.
        retimed: Packets of the retimed streams, by the same index.
        plan: The plan.
    """

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
        packets = copied_packets(reader, self._outputs, plan.source, damage)
        for packet in _watched(packets, plan.source, monitor):
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


def _watched(
    packets: Iterator["Packet[Stream]"], info: MediaInfo, monitor: Monitor
) -> Iterator["Packet[Stream]"]:
    """Pass packets on, and report the progress in bytes of the source."""
    n_bytes = 0
    reported_s = -math.inf
    for number, packet in enumerate(packets):
        if number % _CHECK_EVERY_PACKETS == 0:
            monitor.check()
            if time.monotonic() - reported_s >= _REPORT_EVERY_S:
                reported_s = time.monotonic()
                share = min(n_bytes / max(info.size_bytes, 1), 1.0)
                monitor.report(Progress("Writing the corrected file", share))
        n_bytes += packet.size
        yield packet


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
