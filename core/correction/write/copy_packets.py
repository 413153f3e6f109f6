"""Copying the packets of an opened file into another, with the times of one stream shifted.

Sound that is retimed comes from `core.correction.retime.encode` in their stead. Reading packets is
left to `write.read_packets`; files, names and failures of the drive, to `write.write`.
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
from core.correction.correction import Correction
from core.correction.plan.plan import CorrectionPlan, Method, Move
from core.correction.retime.codec_choice import PCM_16, AudioCoding
from core.correction.retime.encode import RetimedPackets
from core.correction.write.common_shift import common_shift_s
from core.correction.write.damage import Damage
from core.correction.write.guarded_file import TargetFile
from core.correction.write.read_packets import copied_packets, end_of
from core.correction.write.silence import DecodedRelay, PacketRelay, Relay, SampleRelay
from core.media.formats.output_format import MXF, Layout, muxer_options
from core.media.info import MediaInfo
from core.media.stream_kind import silent_packet
from core.progress import Monitor, Progress

_TICK = Fraction(1, 705_600_000)
"""Divides the ticks of all usual audio rates, of milliseconds and of MPEG, so shifts stay exact."""

_BUFFER_BYTES = 1 << 20

_CHECK_EVERY_PACKETS = 32

_REPORT_EVERY_S = 0.1


def copy_packets(
    reader: InputContainer,
    file: BinaryIO,
    info: MediaInfo,
    plan: CorrectionPlan,
    correction: Correction,
    monitor: Monitor,
    layout: Layout | None = None,
    lead_s: Fraction = Fraction(0),
) -> tuple[str, ...]:
    """Write all that the plan copies to an open file.

    Args:
        reader: The source.
        file: The file to write.
        info: What is known of the source.
        plan: What is written.
        correction: What is moved.
        monitor: Told the progress, and asked whether to go on.
        layout: Where MP4 and MOV get their index.
        lead_s: By how much later everything is written than it is to be played.

    Returns:
        Sentences that say where the source is damaged, and what became of damaged or clipped sound.

    Raises:
        ExportError: The source cannot be read to its end, or its times go back.
        FFmpegError: The muxer refuses a stream or its times.
        OSError: The file cannot be written.
        Cancelled: The monitor says so.
    """
    output = plan.streams.output
    target = TargetFile(file)
    writer = av.open(
        target,
        "w",
        output.name,
        container_options=muxer_options(output, layout),
        buffer_size=_BUFFER_BYTES,
    )
    try:
        outputs = describe(writer, reader, info.path, plan.streams, _recoded(plan))
        with ExitStack() as stack:
            retimed = {
                move.stream_index: stack.enter_context(
                    closing(
                        _retimed(info, outputs[move.stream_index], move, plan, correction, monitor)
                    )
                )
                for move in plan.moves
                if move.method is Method.RETIMED
            }
            damage = _copy(
                writer, reader, info, outputs, retimed, plan, correction, monitor, lead_s
            )
            others = chain.from_iterable(packets.notes for packets in retimed.values())
            notes = (*damage.notes(reader), *others)
    except BaseException:
        # The first failure is the one to tell; closing a muxer whose drive is full fails again.
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
    info: MediaInfo,
    output: Stream,
    move: Move,
    plan: CorrectionPlan,
    correction: Correction,
    monitor: Monitor,
) -> RetimedPackets:
    assert isinstance(output, AudioStream)
    from_zero = not plan.streams.output.keeps_times
    return RetimedPackets(
        info.path, move.stream_index, output, correction, monitor, from_zero=from_zero
    )


def _copy(
    writer: OutputContainer,
    reader: InputContainer,
    info: MediaInfo,
    outputs: Mapping[int, Stream],
    retimed: Mapping[int, RetimedPackets],
    plan: CorrectionPlan,
    correction: Correction,
    monitor: Monitor,
    lead_s: Fraction,
) -> Damage:
    """Write all packets to the described file; return what they say of the source's damage."""
    retimed_s = {index: packets.first_s for index, packets in retimed.items()}
    common_s = common_shift_s(info, outputs.keys(), correction, retimed_s, plan.streams.output)
    _copy_chapters(writer, reader, common_s)
    written_s = common_s + lead_s
    shifts_s = dict.fromkeys(outputs, written_s)
    for index in correction.audio_stream_indices:
        shifts_s[index] += correction.audio_delay_s
    relays = {
        move.stream_index: _relay(reader.streams[move.stream_index], move)
        for move in plan.moves
        if move.method not in (Method.TIMES, Method.RETIMED)
    }
    video_end_s = Fraction(0)
    damage = Damage(info)
    for packet in _watched(copied_packets(reader, outputs, info, damage), info, monitor):
        index = packet.stream_index
        if index in retimed:
            continue
        if index in relays:
            _mux(writer, outputs[index], relays[index].feed(packet))
            continue
        if packet.stream.type == "video":
            video_end_s = max(video_end_s, end_of(packet))
        if packet.dts is not None:
            for number, packets in retimed.items():
                due = packets.before(packet.dts * packet.time_base)
                _mux(writer, outputs[number], due, written_s)
        _shift(packet, shifts_s[index])
        packet.stream = outputs[index]
        writer.mux(packet)
    # Where MXF has no more sound it ends the picture as well.
    until_s = video_end_s if plan.streams.output is MXF else None
    for index, relay in relays.items():
        _mux(writer, outputs[index], relay.finish(until_s))
    for index, packets in retimed.items():
        _mux(writer, outputs[index], packets.finish(until_s), written_s)
    return damage


def _relay(stream: Stream, move: Move) -> Relay:
    context = stream.codec_context
    assert isinstance(context, AudioCodecContext)
    if move.method is Method.DECODED:
        return DecodedRelay(stream, move.n_units)
    if move.method is Method.PACKETS:
        return PacketRelay(stream, move.n_units, silent_packet(stream) or b"")
    codec = context.codec.canonical_name
    return SampleRelay(codec, context.sample_rate, context.channels, move.n_units)


def _mux(
    writer: OutputContainer,
    stream: Stream,
    packets: Iterator["Packet[Stream]"],
    shift_s: Fraction = Fraction(0),
) -> None:
    for packet in packets:
        _shift(packet, shift_s)
        packet.stream = stream
        writer.mux(packet)


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
    """Pass packets on, telling the progress in bytes of the source."""
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
    # The stream's own ticks may be as coarse as a whole audio frame, as in AVI.
    ratio = packet.time_base / _TICK
    ticks = round(shift_s / _TICK)
    if packet.pts is not None:
        packet.pts = round(packet.pts * ratio) + ticks
    if packet.dts is not None:
        packet.dts = round(packet.dts * ratio) + ticks
    packet.duration = round((packet.duration or 0) * ratio)
    packet.time_base = _TICK
