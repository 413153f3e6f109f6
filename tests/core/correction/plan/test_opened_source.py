from collections.abc import Callable
from itertools import islice
from pathlib import Path

import pytest

from core.correction.plan.opened_source import OpenedSource, open_source
from core.media.formats.output_format import MKV, MP4
from core.media.probe import probe
from core.media.reader import open_container

MakeClip = Callable[..., Path]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts"])
def test_first_packets_are_those_of_a_reader_per_stream(name: str, make_clip: MakeClip) -> None:
    info = probe(make_clip(name, duration_s=3, size=(96, 80), n_audio=2))
    with open_source(info, MKV) as reader:
        source = OpenedSource(info, reader)
        # The last stream first: the others are read on the way, and kept.
        for stream in reversed(reader.streams):
            found = [(p.pts, p.dts, bytes(p)) for p in islice(source.packets(stream.index), 20)]
            with open_container(info.path) as other:
                packets = islice(other.demux(other.streams[stream.index]), 20)
                assert found == [(p.pts, p.dts, bytes(p)) for p in packets]


def test_few_packets_are_kept_and_the_end_of_the_file_ends_them(make_clip: MakeClip) -> None:
    info = probe(make_clip(duration_s=4, size=(96, 80)))
    with open_source(info, MP4) as reader:
        source = OpenedSource(info, reader)
        assert len(list(source.packets(0))) == 64
    info = probe(make_clip("short.mp4", duration_s=1, size=(96, 80)))
    with open_source(info, MP4) as reader:
        source = OpenedSource(info, reader)
        assert len(list(source.packets(0, within=10))) < 10
        assert len(list(source.packets(0))) == 25


def test_a_damaged_end_ends_the_packets_without_a_failure(make_clip: MakeClip) -> None:
    clip = make_clip("clip.mkv", duration_s=2, size=(96, 80))
    info = probe(clip)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    with open_source(info, MKV) as reader:
        source = OpenedSource(info, reader)
        assert 0 < len(list(source.packets(0))) < 50
