"""Measures the decoding of the last 20 s of two hours: python tests/benchmarks/far_chunk.py CLIP.

The packets of the clip, MP4 or MPEG-TS, are repeated for two hours. The chunk is decoded twice:
with an audio seek, and with the audio decoded from the start of the file.
"""

import math
import sys
import tempfile
import time
from pathlib import Path
from unittest.mock import patch

import av

from core.media.decoder import ClipDecoder
from core.media.probe import probe
from core.timing import VIDEO_FPS

LENGTH_S = 7200
CHUNK_S = 20


def write_repeated(clip: Path, target: Path) -> None:
    with av.open(str(clip)) as source, av.open(str(target), "w") as writer:
        inputs = (source.streams.video[0], source.streams.audio[0])
        outputs = {s.index: writer.add_stream_from_template(s) for s in inputs}
        packets = [packet for packet in source.demux(inputs) if packet.size]
        length_s = math.floor(max((packet.pts or 0) * packet.time_base for packet in packets))
        ends = {s.index: -math.inf for s in inputs}
        for start_s in range(0, LENGTH_S, length_s):
            for packet in packets:
                ticks = round(start_s / packet.time_base)
                index, dts = packet.stream_index, (packet.dts or 0) + ticks
                if dts > ends[index]:
                    copy = av.Packet(bytes(packet))
                    copy.pts, copy.dts = (packet.pts or 0) + ticks, dts
                    copy.duration, copy.time_base = packet.duration, packet.time_base
                    copy.is_keyframe, copy.stream = packet.is_keyframe, outputs[index]
                    ends[index] = dts
                    writer.mux(copy)


def decode_end(path: Path, far_s: float) -> tuple[float, float]:
    """Wall and CPU seconds of the decoding."""
    info = probe(path)
    first_frame = math.floor((info.duration_s - CHUNK_S) * VIDEO_FPS)
    wall, cpu = time.perf_counter(), time.process_time()
    with (
        patch("core.media.audio_line.FAR_S", far_s),
        ClipDecoder(
            info,
            video_stream_index=info.videos[0].index,
            audio_stream_index=info.audios[0].index,
            first_frame=first_frame,
        ) as decoder,
    ):
        for _ in decoder:
            pass
    return time.perf_counter() - wall, time.process_time() - cpu


def main() -> None:
    clip = Path(sys.argv[1])
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / f"long{clip.suffix}"
        write_repeated(clip, path)
        print(f"{path.stat().st_size / 1e6:.0f} MB, {probe(path).duration_s:.0f} s")  # noqa: T201
        for name, far_s in (("sought", 60), ("from the start", math.inf)) * 2:
            print("{:15s} {:6.2f} s wall {:6.2f} s CPU".format(name, *decode_end(path, far_s)))  # noqa: T201


if __name__ == "__main__":
    main()
