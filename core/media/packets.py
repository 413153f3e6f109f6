"""Copying the packets of an opened file into another, with the times of one stream shifted.

Files, names and failures of the drive are left to `core.media.remux`.
"""

import math
import time
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import suppress
from fractions import Fraction
from typing import BinaryIO

import av
from av.audio.codeccontext import AudioCodecContext
from av.container import InputContainer, OutputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream

from core.errors import ExportError
from core.media.containers import MXF, Layout, muxer_options
from core.media.correction import Correction
from core.media.info import MediaInfo
from core.media.losses import first_time_s
from core.media.plan import CorrectionPlan, Method, Move
from core.media.streams import StreamPlan, describe
from core.media.untimed import DecodedRelay, PacketRelay, Relay, SampleRelay, silent_packet
from core.progress import Monitor, Progress

_TICK = Fraction(1, 705_600_000)
"""Divides the ticks of all usual audio rates, of milliseconds and of MPEG, so shifts stay exact."""

_BUFFER_BYTES = 1 << 20

_CHECK_EVERY_PACKETS = 32

_REPORT_EVERY_S = 0.1

_STATE_LENGTH = ("matroska", "avi", "mxf", "flv")
"""Containers that state their length where a cut does not take it away."""

_TAIL_S = 1.0
"""How far a whole file may end before the length that it states."""


def copy_packets(
    reader: InputContainer,
    file: BinaryIO,
    info: MediaInfo,
    plan: CorrectionPlan,
    correction: Correction,
    monitor: Monitor,
    layout: Layout | None = None,
) -> None:
    """Write all that the plan copies to an open file.

    Raises:
        ExportError: The source cannot be read to its end, or its times go back.
        FFmpegError: The muxer refuses a stream or its times.
        OSError: The file cannot be written.
        Cancelled: The monitor says so.
    """
    output = plan.streams.output
    writer = av.open(
        file,
        "w",
        output.name,
        container_options=muxer_options(output, layout),
        buffer_size=_BUFFER_BYTES,
    )
    try:
        recoded = {move.stream_index for move in plan.moves if move.method is Method.DECODED}
        outputs = describe(writer, reader, info.path, plan.streams, recoded)
        starts_s = {index: first_time_s(info, index) for index in outputs}
        common_s = _common_shift_s(reader, starts_s, plan.streams, correction)
        _copy_chapters(writer, reader, common_s)
        shifts_s = dict.fromkeys(outputs, common_s)
        for index in correction.audio_stream_indices:
            shifts_s[index] += correction.audio_delay_s
        relays = {
            move.stream_index: _relay(reader.streams[move.stream_index], move)
            for move in plan.moves
            if move.method is not Method.TIMES
        }
        picture_end_s = Fraction(0)
        for packet in _watched(_packets(reader, outputs, info), info, monitor):
            index = packet.stream_index
            if index in relays:
                _mux(writer, outputs[index], relays[index].feed(packet))
                continue
            if packet.stream.type == "video":
                picture_end_s = max(picture_end_s, _end_s(packet))
            _shift(packet, shifts_s[index])
            packet.stream = outputs[index]
            writer.mux(packet)
        for index, relay in relays.items():
            # Where MXF has no more sound it ends the picture as well.
            until_s = picture_end_s if output is MXF else None
            _mux(writer, outputs[index], relay.finish(until_s))
    except BaseException:
        # The first failure is the one to tell; closing a muxer whose drive is full fails again.
        with suppress(FFmpegError, OSError):
            writer.close()
        raise
    writer.close()


def _relay(stream: Stream, move: Move) -> Relay:
    context = stream.codec_context
    assert isinstance(context, AudioCodecContext)
    if move.method is Method.DECODED:
        return DecodedRelay(stream, move.n_units)
    if move.method is Method.PACKETS:
        return PacketRelay(stream, move.n_units, silent_packet(stream) or b"")
    codec = context.codec.canonical_name
    return SampleRelay(codec, context.sample_rate, context.channels, move.n_units)


def _mux(writer: OutputContainer, stream: Stream, packets: Iterator["Packet[Stream]"]) -> None:
    for packet in packets:
        packet.stream = stream
        writer.mux(packet)


def _common_shift_s(
    reader: InputContainer,
    starts_s: Mapping[int, Fraction],
    plan: StreamPlan,
    correction: Correction,
) -> Fraction:
    """Return by how many seconds all streams move together, which no player shows.

    Files of MP4 and MOV hide what lies before zero. The others have no such times: there, all
    streams move up by as much as the shifted one would be below what the source had.
    """
    lowest_s = min(starts_s.values(), default=Fraction(0))
    same_family = reader.format.name == plan.output.reads_as
    common_s = Fraction(0)
    if reader.format.name in {"mpegts", "mpeg"} and not same_family:
        # Broadcasts start anywhere; other containers would show hours of nothing.
        common_s = -lowest_s
    if plan.output.is_mp4 or not plan.output.keeps_times:
        return common_s
    shifted_s = correction.audio_delay_s + common_s
    shifted_s += min(starts_s[index] for index in correction.audio_stream_indices)
    allowed_s = min(lowest_s, Fraction(0)) if same_family else Fraction(0)
    shortage_s = allowed_s - min(shifted_s, lowest_s + common_s)
    # Whole milliseconds are whole ticks of Matroska and of MPEG-TS alike.
    return common_s + Fraction(math.ceil(max(shortage_s, Fraction(0)) * 1000), 1000)


def _copy_chapters(writer: OutputContainer, reader: InputContainer, common_s: Fraction) -> None:
    chapters = reader.chapters()
    for chapter in chapters:
        ticks = round(common_s / (chapter["time_base"] or Fraction(1)))
        chapter["start"] = max(chapter["start"] + ticks, 0)
        chapter["end"] = max(chapter["end"] + ticks, 0)
    writer.set_chapters(chapters)


def _packets(
    reader: InputContainer, outputs: Mapping[int, Stream], info: MediaInfo
) -> Iterator["Packet[Stream]"]:
    """Read the packets of the copied streams.

    Raises:
        ExportError: The source cannot be read to its end, or its times go back, which no
            container takes.
    """
    for stream in reader.streams:
        if stream.index not in outputs:
            stream.discard = Discard.all
    counts: Counter[int] = Counter()
    last_dts: dict[int, int] = {}
    end_s = Fraction(0)
    try:
        for packet in reader.demux([reader.streams[index] for index in outputs]):
            # Nothing but the flush packets at the end is empty. A missing dts is no reason to
            # skip: the first pictures of Matroska files have none.
            if packet.size == 0:
                continue
            counts[packet.stream_index] += 1
            if packet.dts is not None:
                if packet.dts < last_dts.get(packet.stream_index, packet.dts):
                    raise _jumps_back(info, packet)
                last_dts[packet.stream_index] = packet.dts
            end_s = max(end_s, _end_s(packet))
            yield packet
    except (FFmpegError, OSError) as error:
        raise _cut_off(info, details=str(error)) from error
    if reader.format.name.startswith("mov"):
        for index, count in counts.items():
            n_indexed = len(reader.streams[index].index_entries)
            if count < n_indexed:
                raise _cut_off(info, f"stream {index}: {count} of {n_indexed} packets")
    elif reader.format.name.startswith(_STATE_LENGTH):
        stated_s = _stated_length_s(reader)
        if end_s < stated_s - _TAIL_S:
            raise _cut_off(info, f"ends at {float(end_s):.3f} s of {stated_s:.3f} s")


def _stated_length_s(reader: InputContainer) -> float:
    """Return the length that a file states, or 0."""
    if reader.format.name == "avi":
        # Where the index is cut off, FFmpeg guesses the length; the header still counts pictures.
        lengths_s = [float(s.frames * (s.time_base or 0)) for s in reader.streams.video]
        return max(lengths_s, default=0.0)
    return (reader.duration or 0) / av.time_base


def _end_s(packet: "Packet[Stream]") -> Fraction:
    """Return when a packet ends; 0 if it does not say."""
    if packet.pts is None:
        return Fraction(0)
    return (packet.pts + (packet.duration or 0)) * packet.time_base


def _cut_off(info: MediaInfo, details: str) -> ExportError:
    return ExportError(
        f"{info.path.name} cannot be read to its end; copy it again from where it came from.",
        path=info.path,
        details=details,
    )


def _jumps_back(info: MediaInfo, packet: "Packet[Stream]") -> ExportError:
    time_s = float((packet.dts or 0) * packet.time_base)
    return ExportError(
        f"{info.path.name} jumps back in time, as files do that were joined byte by byte; "
        "join its parts in an editor and correct the result.",
        path=info.path,
        details=f"stream {packet.stream_index} goes back to {time_s:.3f} s",
    )


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
