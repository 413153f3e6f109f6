"""MP4 files with their patches: made, applied, and read by FFmpeg."""

import struct
from fractions import Fraction
from pathlib import Path

import av

from core.media.formats.mp4.boxes import file_boxes
from core.media.formats.mp4.patch import patch_mp4
from core.media.formats.patch import TimePatch
from tests.core.media.formats.mp4_boxes import box
from tests.core.media.formats.patched import patched

VIDEO, SOUND, SECOND = 1, 2, 3
"""Track IDs of FFmpeg's muxer."""

Packet = tuple[Fraction, bytes]


def time_patch(path: Path, delays_s: dict[int, Fraction], **options: bool) -> TimePatch:
    with path.open("rb") as file:
        return patch_mp4(file, delays_s, **options)


def packets(path: Path) -> dict[int, list[Packet]]:
    """Read presentation time and content of all packets that are played, by track ID."""
    found: dict[int, list[Packet]] = {}
    with av.open(str(path)) as container:
        for packet in container.demux():
            if packet.size and not packet.is_discard and packet.pts is not None:
                time = packet.pts * packet.time_base
                found.setdefault(packet.stream.id, []).append((time, bytes(packet)))
    return found


def apply(path: Path, delays_ms: dict[int, float], **options: bool) -> tuple[TimePatch, Path]:
    """Write a patched copy beside a file."""
    delays_s = {track: Fraction(str(ms)) / 1000 for track, ms in delays_ms.items()}
    result = time_patch(path, delays_s, **options)
    target = path.with_name(f"{path.stem}+{path.suffix}")
    return result, patched(path, result.patch, target)


def assert_moved(source: Path, target: Path, delays_s: dict[int, Fraction]) -> None:
    """Check that every packet is there, at its time plus the delay of its track."""
    before, after = packets(source), packets(target)
    assert before.keys() == after.keys()
    for track, old in before.items():
        delay_s = delays_s.get(track, Fraction(0))
        new = after[track]
        # Packets before time zero are hidden, and uncovered again.
        n_hidden = len(old) - len(new)
        if delay_s >= 0:
            assert n_hidden == 0
        assert [content for _, content in old[n_hidden:]] == [content for _, content in new]
        # A packet that a player plays in part keeps its time within this part.
        steps = {new_s - old_s for (old_s, _), (new_s, _) in zip(old[n_hidden:], new, strict=True)}
        assert steps == {delay_s}


def top_level(path: Path) -> list[bytes]:
    with path.open("rb") as file:
        return [found.name for found in file_boxes(file)]


def remuxed(source: Path, name: str, **options: str) -> Path:
    """Copy all streams into a new file of FFmpeg's muxer."""
    target = source.with_name(name)
    with av.open(str(source)) as old, av.open(str(target), "w", options=options) as new:
        streams = {s.index: new.add_stream_from_template(s) for s in old.streams}
        for packet in old.demux():
            if packet.dts is not None:
                packet.stream = streams[packet.stream.index]
                new.mux(packet)
    return target


def minimal_index(offsets: list[int], extra: bytes = b"") -> bytes:
    """Index of a movie of 10 s with one track of 1000 ticks per second and an edit list."""
    clock = struct.pack(">III", 1000, 10000, 0)
    table = box(b"stco", struct.pack(f">II{len(offsets)}I", 0, len(offsets), *offsets))
    track = (
        box(b"tkhd", bytes(12) + struct.pack(">III", 1, 0, 10000) + bytes(60))
        + box(b"edts", box(b"elst", struct.pack(">IIIiI", 0, 1, 10000, 0, 1 << 16)))
        + box(
            b"mdia",
            box(b"mdhd", bytes(12) + clock) + box(b"minf", box(b"stbl", table)),
        )
    )
    return box(b"moov", box(b"mvhd", bytes(12) + clock + bytes(80)) + box(b"trak", track) + extra)
