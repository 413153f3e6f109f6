"""Reading of the packets of copied streams, to their very end."""

from collections import Counter
from collections.abc import Collection, Iterator
from fractions import Fraction

import av
from av.container import InputContainer
from av.error import FFmpegError
from av.packet import Packet
from av.stream import Discard, Stream

from core.correction.write.damage import Damage
from core.errors import ExportError
from core.media.info import MediaInfo
from core.media.reader import cut_off

_STATE_LENGTH = ("matroska", "avi", "mxf", "flv")
"""Containers that state their duration at the beginning, where a truncated file keeps it."""

_TAIL_S = 1.0
"""Largest distance from the stated duration to the end of a whole file."""


def copied_packets(
    reader: InputContainer, indices: Collection[int], info: MediaInfo, damage: Damage
) -> Iterator["Packet[Stream]"]:
    """Yield the packets of the copied streams.

    Args:
        reader: The open source.
        indices: The copied streams.
        info: The probed source.
        damage: Shown their packets.

    Raises:
        ExportError: The source cannot be read to its end, goes back in time (no container takes
            that), or has a stream that begins in its middle.
    """
    read = [s for s in reader.streams if s.index in indices]
    for stream in reader.streams:
        if stream not in read:
            stream.discard = Discard.all
    counts: Counter[int] = Counter()
    last_dts: dict[int, int] = {}
    end_s = Fraction(0)
    try:
        for packet in reader.demux(read):
            # Only the flush packets at the end are empty. Packets without dts are kept: the first
            # frames of Matroska files have none.
            if packet.size == 0:
                continue
            damage.see(packet)
            counts[packet.stream_index] += 1
            if packet.dts is not None:
                if packet.dts < last_dts.get(packet.stream_index, packet.dts):
                    raise _jumps_back(info, packet)
                last_dts[packet.stream_index] = packet.dts
            end_s = max(end_s, end_of(packet))
            yield packet
    except (FFmpegError, OSError) as error:
        raise cut_off(info.path, str(error)) from error
    except IndexError as error:
        # PyAV raises it for a packet of a stream that was not there when the file was opened.
        raise ExportError(
            f"{info.path.name} has a stream that begins in its middle, as damaged files do; copy "
            "it again from where it came from, or export it from an editor as a new file.",
            path=info.path,
        ) from error
    if not counts:
        raise cut_off(info.path, "no stream has a packet")
    if reader.format.name.startswith("mov"):
        for index in indices:
            n_indexed = len(reader.streams[index].index_entries)
            if counts[index] < n_indexed:
                raise cut_off(info.path, f"stream {index}: {counts[index]} of {n_indexed} packets")
    elif reader.format.name.startswith(_STATE_LENGTH):
        stated_s = _stated_length_s(reader)
        if end_s < stated_s - _TAIL_S:
            raise cut_off(info.path, f"ends at {float(end_s):.3f} s of {stated_s:.3f} s")


def _stated_length_s(reader: InputContainer) -> float:
    """Stated duration of a file in seconds, or 0."""
    if reader.format.name == "avi":
        # Without an index FFmpeg guesses the duration; the header still counts the frames.
        lengths_s = [float(s.frames * (s.time_base or 0)) for s in reader.streams.video]
        return max(lengths_s, default=0.0)
    return (reader.duration or 0) / av.time_base


def end_of(packet: "Packet[Stream]") -> Fraction:
    """End of a packet in seconds; 0 without a timestamp."""
    if packet.pts is None:
        return Fraction(0)
    return (packet.pts + (packet.duration or 0)) * packet.time_base


def _jumps_back(info: MediaInfo, packet: "Packet[Stream]") -> ExportError:
    time_s = float((packet.dts or 0) * packet.time_base)
    return ExportError(
        f"{info.path.name} jumps back in time, as files do that were joined byte by byte; "
        "join its parts in an editor and correct the result.",
        path=info.path,
        details=f"stream {packet.stream_index} goes back to {time_s:.3f} s",
    )
