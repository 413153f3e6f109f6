from collections.abc import Callable
from itertools import islice
from pathlib import Path

import av
import pytest

from core.correction.plan.opened_source import OpenedSource, open_source
from core.media.formats.output_format import MKV, MP4
from core.media.probe import probe
from core.media.reader import open_container

MakeClip = Callable[..., Path]


@pytest.mark.parametrize("name", ["clip.mp4", "clip.mkv", "clip.ts"])
def test_first_times_are_those_of_a_reader_per_stream(name: str, make_clip: MakeClip) -> None:
    info = probe(make_clip(name, duration_s=3, size=(96, 80), n_audio=2))
    with open_source(info, MKV) as reader:
        source = OpenedSource(info, reader)
        # The last stream first: the others are read on the way, and kept.
        for stream in reversed(reader.streams):
            found = [(p.pts, p.dts) for p in islice(source.first_times(stream.index), 20)]
            with open_container(info.path) as other:
                packets = islice(other.demux(other.streams[stream.index]), 20)
                assert found == [(p.pts, p.dts) for p in packets]


def test_packets_of_a_stream_are_given_and_their_times_kept(make_clip: MakeClip) -> None:
    info = probe(make_clip(duration_s=1, size=(96, 80)))
    with open_source(info, MP4) as reader:
        source = OpenedSource(info, reader)
        given = [(p.pts, p.dts) for p in islice(source.packets(0), 5)]
        assert [(p.pts, p.dts) for p in islice(source.first_times(0), 5)] == given
        with pytest.raises(RuntimeError, match="expected an unread source"):
            next(source.packets(0))


def test_few_times_are_kept_and_the_end_of_the_file_ends_them(make_clip: MakeClip) -> None:
    info = probe(make_clip(duration_s=4, size=(96, 80)))
    with open_source(info, MP4) as reader:
        source = OpenedSource(info, reader)
        assert len(list(source.first_times(0))) == 50
    info = probe(make_clip("short.mp4", duration_s=1, size=(96, 80)))
    with open_source(info, MP4) as reader:
        source = OpenedSource(info, reader)
        assert len(list(source.first_times(0, within=10))) < 10
        assert len(list(source.first_times(0))) == 25


@pytest.mark.parametrize("late_s", [20, 0])
def test_a_stream_that_begins_late_is_sought(
    late_s: int, tmp_path: Path, make_clip: MakeClip, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("core.correction.plan.opened_source._N_READ_THROUGH", 100)
    clip = tmp_path / "late.mp4"
    plain = make_clip(duration_s=24, size=(96, 80), n_audio=2)
    with av.open(str(plain)) as source, av.open(str(clip), "w") as copy:
        streams = [copy.add_stream_from_template(s) for s in source.streams]
        for packet in source.demux():
            if packet.dts is None or packet.pts is None:
                continue
            index = packet.stream_index
            if index == 2 and packet.pts * packet.time_base < late_s:
                continue
            packet.stream = streams[index]
            copy.mux(packet)
    info = probe(clip)
    with open_source(info, MP4) as reader:
        opened = OpenedSource(info, reader)
        presented_s, decoded_s = opened.first_times_s(2)
        assert presented_s == decoded_s == pytest.approx(late_s, abs=0.05)
        assert opened.first_times_s(1)[0] == pytest.approx(0, abs=0.07)  # priming
        assert len(list(opened.first_times(0))) >= 40


def test_a_damaged_end_ends_the_times_without_a_failure(make_clip: MakeClip) -> None:
    clip = make_clip("clip.mkv", duration_s=2, size=(96, 80))
    info = probe(clip)
    content = clip.read_bytes()
    clip.write_bytes(content[: len(content) // 2])
    with open_source(info, MKV) as reader:
        source = OpenedSource(info, reader)
        assert 0 < len(list(source.first_times(0))) < 50
