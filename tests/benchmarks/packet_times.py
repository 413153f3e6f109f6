"""Compares packets of a file and its corrected copy, as the ffprobe program reads them."""

import json
import subprocess
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from statistics import median

LONGEST_S = 60
MOST_DROPPED = 40
"""Packets of sound that a cut at the start of a short clip can leave out."""


@dataclass(frozen=True, slots=True)
class Packet:
    """Time of presentation in seconds, else of decoding; and the digest of the content."""

    time_s: float | None
    digest: str


@dataclass(frozen=True, slots=True)
class Stream:
    """Kind and codec of a stream with its packets in the order of the file."""

    kind: str
    packets: list[Packet] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Comparison:
    """What differs between two files.

    Attributes:
        common_s: Shift that all streams but the moved one share.
        moved_ms: Distance of the moved sound from its place, the worst packet; None if unknown.
        others_ms: Distance of the others from theirs, the worst packet.
        problems: What is missing or different, in words.
    """

    common_s: float
    moved_ms: float | None
    others_ms: float
    problems: list[str]


def streams_of(path: Path) -> list[Stream]:
    """Read all packets.

    Raises:
        ValueError: ffprobe cannot read the file.
    """
    entries = "packet=stream_index,pts_time,dts_time,data_hash:stream=index,codec_type,codec_name"
    command = ["ffprobe", "-v", "error", "-show_data_hash", "md5", "-show_entries", entries]
    done = subprocess.run(
        [*command, "-show_streams", "-of", "json", str(path)],
        capture_output=True,
        timeout=LONGEST_S,
        check=False,
    )
    try:
        found = json.loads(done.stdout.decode("utf-8", "replace"))
    except json.JSONDecodeError as error:
        raise ValueError(f"ffprobe does not read {path.name}") from error
    streams = [
        Stream(f"{one.get('codec_type', 'unknown')} {one.get('codec_name', '')}".strip())
        for one in found.get("streams", [])
    ]
    for packet in found.get("packets", []):
        time = packet.get("pts_time", packet.get("dts_time"))
        time_s = None if time is None else float(time)
        streams[packet["stream_index"]].packets.append(Packet(time_s, packet["data_hash"]))
    return streams


def pairs_of(before: Stream, after: Stream) -> list[tuple[Packet, Packet]]:
    """Packets of the same content; some may be missing at the start of either."""
    ones, others = before.packets, after.packets
    for n_dropped in range(min(MOST_DROPPED, len(ones))):
        left = ones[n_dropped : n_dropped + len(others)]
        if left and all(a.digest == b.digest for a, b in zip(left, others, strict=False)):
            return list(zip(left, others, strict=False))
    return list(zip(ones, others, strict=False))


def shifts_of(pairs: Sequence[tuple[Packet, Packet]]) -> list[float]:
    return [b.time_s - a.time_s for a, b in pairs if a.time_s is not None and b.time_s is not None]


def compare(source: Path, target: Path, delay_s: float) -> Comparison:
    """Compare a file with a copy whose first sound was moved.

    Raises:
        ValueError: ffprobe cannot read one of them.
    """
    before, after = streams_of(source), streams_of(target)
    moved = next((n for n, one in enumerate(before) if one.kind.startswith("audio")), None)
    problems = []
    kinds, new_kinds = [[one.kind for one in some] for some in (before, after)]
    if kinds != new_kinds:
        lost, more = Counter(kinds) - Counter(new_kinds), Counter(new_kinds) - Counter(kinds)
        names = [f"lost {kind}" for kind in lost] + [f"new {kind}" for kind in more]
        problems.append(", ".join(names) or "other order of streams")
    shifts: dict[int, list[float]] = {}
    for number, (one, other) in enumerate(zip(before, after, strict=False)):
        if one.kind != other.kind:
            break
        pairs = pairs_of(one, other)
        n_other = sum(a.digest != b.digest for a, b in pairs)
        if n_other:
            problems.append(f"{one.kind}: {n_other} packets of other content")
        if len(one.packets) != len(other.packets):
            counts = f"{len(one.packets)} packets become {len(other.packets)}"
            problems.append(f"{one.kind}: {counts}")
        shifts[number] = shifts_of(pairs)
    still_s = [shift for number, some in shifts.items() if number != moved for shift in some]
    common_s = median(still_s) if still_s else 0.0
    moved_s = shifts.get(-1 if moved is None else moved, [])
    return Comparison(
        common_s,
        max((1000 * abs(shift - common_s - delay_s) for shift in moved_s), default=None),
        max((1000 * abs(shift - common_s) for shift in still_s), default=0.0),
        problems,
    )
