"""The service of an MPEG-TS file is kept, and merged programs are announced."""

import json
import random
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.correction.correction import Correction
from core.media.formats.mpegts import Service, read_services
from core.media.info import MediaInfo
from core.media.probe import probe
from tests.core.correction.steps import plan_correction, verify_corrected, write_corrected

needs_program = pytest.mark.skipif(
    shutil.which("ffmpeg") is None, reason="the ffmpeg program is not installed"
)

SERVICE = Service(77, "Zweites Ö HD", "Sender")

MakeClip = Callable[..., Path]


@pytest.fixture
def plain(make_clip: MakeClip) -> Path:
    return make_clip("plain.ts", duration_s=1, size=(96, 80), audio_codec="mp2")


def write_service(source: Path, target: Path, service: Service, mode: str = "0") -> MediaInfo:
    options = {"mpegts_service_id": str(service.number), "mpegts_m2ts_mode": mode}
    with (
        av.open(str(source)) as reader,
        av.open(str(target), "w", "mpegts", container_options=options) as writer,
    ):
        copies = [writer.add_stream_from_template(s, opaque=True) for s in reader.streams]
        writer.metadata["service_name"] = service.name
        writer.metadata["service_provider"] = service.provider
        for packet in reader.demux():
            if packet.size:
                packet.stream = copies[packet.stream_index]
                writer.mux(packet)
    return probe(target)


def services(path: Path) -> tuple[Service, ...]:
    with av.open(str(path)) as reader:
        return read_services(reader, path)


def later(info: MediaInfo) -> Correction:
    return Correction((info.audios[0].index,), Fraction(160, 1000))


def notes(info: MediaInfo, target: Path) -> list[str]:
    told = plan_correction(info, later(info), target).notes
    return [note for note in told if "services" in note or "programs" in note]


@pytest.mark.parametrize("suffix", [".ts", ".m2ts"])
@pytest.mark.parametrize("mode", ["0", "1"])
def test_the_only_service_is_kept(mode: str, suffix: str, plain: Path, tmp_path: Path) -> None:
    info = write_service(plain, tmp_path / "clip.ts", SERVICE, mode)
    assert services(info.path) == (SERVICE,)
    target = tmp_path / f"out{suffix}"
    assert notes(info, target) == []
    write_corrected(info, target, later(info))
    assert services(target) == (SERVICE,)
    found = verify_corrected(info, target, later(info))
    assert found.passed
    assert found.changed_metadata == ()


@pytest.mark.skipif(shutil.which("ffprobe") is None, reason="ffprobe is not installed")
def test_another_program_reads_the_same_service(plain: Path, tmp_path: Path) -> None:
    info = write_service(plain, tmp_path / "clip.ts", SERVICE)
    target = write_corrected(info, tmp_path / "out.ts", later(info))
    command = ["ffprobe", "-v", "error", "-show_programs", "-of", "json", str(target)]
    (program,) = json.loads(subprocess.run(command, check=True, capture_output=True).stdout)[
        "programs"
    ]
    tags = program["tags"]
    found = Service(program["program_id"], tags["service_name"], tags["service_provider"])
    assert found == SERVICE


def test_another_service_is_named(plain: Path, tmp_path: Path) -> None:
    info = write_service(plain, tmp_path / "clip.ts", SERVICE)
    whole = write_corrected(info, tmp_path / "whole.ts", later(info))
    write_service(whole, tmp_path / "out.ts", Service(78, "Drittes", SERVICE.provider))
    found = verify_corrected(info, tmp_path / "out.ts", later(info))
    assert found.changed_metadata == ("service_name", "mpegts_service_id")


def test_names_of_services_are_told_where_they_get_lost(plain: Path, tmp_path: Path) -> None:
    info = write_service(plain, tmp_path / "clip.ts", SERVICE)
    told = "The names of services in clip.ts are left out: Zweites Ö HD, Sender. out.mkv cannot"
    assert notes(info, tmp_path / "out.mkv") == [f"{told} hold them."]
    content = info.path.read_bytes()
    # A number that stands for no letters.
    info.path.write_bytes(content.replace(b"\x15Zweites", b"\x1fZweites"))
    told = "are left out: their character set is not supported."
    for suffix in (".ts", ".mkv"):
        assert notes(info, tmp_path / f"out{suffix}") == [
            f"The names of services in clip.ts {told}"
        ]
    assert notes(probe(plain), tmp_path / "out.mkv") == []


@needs_program
def test_programs_that_become_one_are_told(plain: Path, tmp_path: Path) -> None:
    clip = tmp_path / "clip.ts"
    command = ["ffmpeg", "-v", "error", "-i", plain, "-map", "0", "-map", "0", "-c", "copy"]
    for number, name in enumerate(("Eins", "Zwei")):
        streams = f"st={2 * number}:st={2 * number + 1}"
        command += ["-program", f"title={name}:program_num={number + 5}:{streams}"]
    subprocess.run([*command, clip], check=True)
    info = probe(clip)
    assert [(one.number, one.name) for one in services(clip)] == [(5, "Eins"), (6, "Zwei")]
    assert notes(info, tmp_path / "out.ts") == [
        "The 2 programs of clip.ts (5 and 6) become one: out.ts will hold all their streams side "
        "by side.",
        "The names of services in clip.ts are left out: Eins, FFmpeg; Zwei, FFmpeg. out.ts cannot "
        "hold them.",
    ]
    target = write_corrected(info, tmp_path / "out.ts", later(info))
    assert len(services(target)) == 1
    assert verify_corrected(info, target, later(info)).passed


def test_damaged_tables_do_not_stop_the_reading(plain: Path, tmp_path: Path) -> None:
    rng = random.Random(0)
    content = plain.read_bytes()[: 188 * 3]
    with av.open(str(plain)) as reader:
        for _ in range(300):
            damaged = bytearray(content[: rng.randrange(len(content))])
            for _ in range(min(len(damaged), 20)):
                damaged[rng.randrange(len(damaged))] = rng.randrange(256)
            (tmp_path / "damaged.ts").write_bytes(damaged * 6)
            assert len(read_services(reader, tmp_path / "damaged.ts")) <= 2
