"""Sources of which no copy of packets makes what is asked for, and what to do instead."""

from collections.abc import Iterator
from itertools import islice

from core.correction.compatibility.stream_plan import StreamPlan
from core.media.formats.mp4_edit_lists import n_edits
from core.media.info import MediaInfo
from core.media.reader import open_container

_N_PACKETS_LOOKED_AT = 4096


def refusals(info: MediaInfo, streams: StreamPlan) -> Iterator[str]:
    """Say why a source cannot be copied into a container.

    Args:
        info: The probed source.
        streams: What becomes of its streams.

    Raises:
        MediaError: The source cannot be opened.
    """
    yield from _pieced(info)
    if not streams.output.keeps_times:
        yield from _begun_late(info, streams)


def _pieced(info: MediaInfo) -> Iterator[str]:
    """Say that a file is made of pieces of its tracks, whose packets are in another order."""
    count = n_edits(info.path, info.container)
    if count > 1:
        yield (
            f"{info.path.name} is put together from {count} pieces by an edit list, which a copy "
            "of its packets cannot follow; export it from an editor as a new file and correct that."
        )


def _begun_late(info: MediaInfo, streams: StreamPlan) -> Iterator[str]:
    """Say which streams begin after time 0, where all would begin in a file without times.

    The demuxer of AVI says 0 of all of them, and only packets tell.
    """
    indices = {item.index for item in streams.copied}
    with open_container(info.path) as reader:
        waited_for = {s.index for s in (*reader.streams.video, *reader.streams.audio)} & indices
        for packet in islice(reader.demux(), _N_PACKETS_LOOKED_AT):
            if packet.stream_index not in waited_for or packet.dts is None:
                continue
            waited_for.remove(packet.stream_index)
            start_s = packet.dts * packet.time_base
            if start_s > 0:
                yield (
                    f"Stream {packet.stream_index} of {info.path.name} ({packet.stream.type}) "
                    f"begins {float(1000 * start_s):.0f} ms late, but would begin at once in "
                    f"another {streams.output.name.upper()} file; choose a name that ends in .mkv."
                )
            if not waited_for:
                break
