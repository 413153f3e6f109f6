"""Damage in the middle of a file, as far as the demuxer marks it."""

from collections import Counter
from collections.abc import Iterator

from av.packet import Packet
from av.stream import Stream

from core.media.info import MediaInfo


class Damage:
    """Packets that the demuxer marks as corrupt, collected in their order."""

    def __init__(self, info: MediaInfo) -> None:
        self._info = info
        self._counts: Counter[int] = Counter()
        self._first_s: dict[int, float] = {}

    def see(self, packet: "Packet[Stream]") -> None:
        """Take the next packet, in the order of the file."""
        if not packet.is_corrupt:
            return
        index = packet.stream_index
        self._counts[index] += 1
        if packet.dts is not None:
            self._first_s.setdefault(index, float(packet.dts * packet.time_base))

    def notes(self) -> Iterator[str]:
        """Yield a note about damaged parts of the file, once all packets were seen."""
        if not self._counts:
            return
        starts_s = [video.start_s for video in self._info.videos]
        starts_s += [audio.start_s for audio in self._info.audios]
        start_s = min(starts_s, default=0.0)
        places: list[str] = []
        for index, count in sorted(self._counts.items()):
            words = [f"{count} times"] if count > 1 else []
            if index in self._first_s:
                first = "first at" if count > 1 else "at"
                words.append(f"{first} {max(self._first_s[index] - start_s, 0.0):.1f} s")
            places.append(f"stream {index} ({', '.join(words) or 'once'})")
        yield (
            f"{self._info.path.name} is damaged or was joined from parts, in {', '.join(places)}; "
            "if nobody joined it, copy it again from where it came from."
        )
