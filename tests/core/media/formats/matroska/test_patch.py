import io
import shutil
import subprocess
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import numpy as np
import pytest

from core.media.formats.matroska.patch import patch_matroska
from core.media.formats.matroska.reader import read_structure
from core.media.formats.patch import TimePatch, Unpatchable
from tests.core.media.formats.patched import patched

MakeClip = Callable[..., Path]
DELAYS_MS = [160, -440, 1960, -3000, 30_000, -30_000, 3_600_000]


def times_and_data(path: Path) -> list[tuple[list[int], list[bytes]]]:
    """Read the times in ticks and the contents of the packets of each stream."""
    with av.open(str(path)) as container:
        found: list[tuple[list[int], list[bytes]]] = [([], []) for _ in container.streams]
        for packet in container.demux():
            if packet.pts is not None:
                found[packet.stream.index][0].append(packet.pts)
                found[packet.stream.index][1].append(bytes(packet))
    return found


def delayed(source: Path, target: Path, delay_ms: int, *, in_place: bool = False) -> TimePatch:
    """Delay the first audio track."""
    with source.open("rb") as file:
        result = patch_matroska(file, {0: Fraction(delay_ms, 1000)}, in_place=in_place)
    patched(source, result.patch, target)
    return result


def check_delay(source: Path, target: Path, delay_ms: int, common_ms: int = 0) -> None:
    """Check the times of all packets, and that their contents are those of the source."""
    for index, (before, after) in enumerate(
        zip(times_and_data(source), times_and_data(target), strict=True)
    ):
        shift = common_ms + (delay_ms if index == 1 else 0)
        assert after[0] == [time + shift for time in before[0]]
        assert after[1] == before[1]


@pytest.mark.parametrize("delay_ms", DELAYS_MS)
@pytest.mark.parametrize("name", ["clip.mkv", "clip.webm"])
def test_sound_moves_by_the_delay(
    make_clip: MakeClip, tmp_path: Path, name: str, delay_ms: int
) -> None:
    codecs = {"video_codec": "libvpx", "audio_codec": "libopus"} if name.endswith("webm") else {}
    source, target = make_clip(name, duration_s=6.0, **codecs), tmp_path / f"moved_{name}"
    result = delayed(source, target, delay_ms)
    assert result.delays_s == {0: Fraction(delay_ms, 1000)}
    check_delay(source, target, delay_ms, round(result.common_s * 1000))
    with target.open("rb") as file:
        read_structure(file)


@pytest.mark.parametrize("delay_ms", [160, -440, 1960, -3000])
def test_checksums_follow(make_clip: MakeClip, tmp_path: Path, delay_ms: int) -> None:
    target = tmp_path / "moved.mkv"
    delayed(make_clip("clip.mkv", duration_s=6.0), target, delay_ms)
    options = {"err_detect": "crccheck+explode"}
    with av.open(str(target), options=options) as container:
        assert sum(packet.size > 0 for packet in container.demux()) > 200
    # A long delay reads every checksum of a cluster again.
    delayed(target, tmp_path / "again.mkv", 2500)


@pytest.mark.parametrize("delay_ms", [300, -300, 20_000])
def test_in_place_no_byte_moves(make_clip: MakeClip, tmp_path: Path, delay_ms: int) -> None:
    source, target = make_clip("clip.mkv", duration_s=6.0), tmp_path / "moved.mkv"
    result = delayed(source, target, delay_ms, in_place=True)
    assert result.patch.keeps_positions
    assert target.stat().st_size == source.stat().st_size
    assert bool(result.notes) == (delay_ms > 1000)
    check_delay(source, target, delay_ms, round(result.common_s * 1000))


def test_a_delay_beyond_the_numbers_of_blocks_is_not_made_in_place(make_clip: MakeClip) -> None:
    with make_clip("clip.mkv").open("rb") as file, pytest.raises(Unpatchable):
        patch_matroska(file, {0: Fraction(60)}, in_place=True)


@pytest.mark.parametrize(("first_ms", "second_ms"), [(160, -60), (2500, -2400), (200, 30_000)])
def test_corrections_add_up(
    make_clip: MakeClip, tmp_path: Path, first_ms: int, second_ms: int
) -> None:
    source, middle, target = make_clip("clip.mkv"), tmp_path / "middle.mkv", tmp_path / "end.mkv"
    delayed(source, middle, first_ms)
    delayed(middle, target, second_ms)
    check_delay(source, target, first_ms + second_ms)


@pytest.mark.skipif(shutil.which("mkvmerge") is None, reason="mkvmerge makes the file")
@pytest.mark.parametrize("delay_ms", [160, -440, 5000, -5000])
def test_files_of_mkvmerge(make_clip: MakeClip, tmp_path: Path, delay_ms: int) -> None:
    source, target = tmp_path / "source.mkv", tmp_path / "moved.mkv"
    command = ["mkvmerge", "-q", "-o", str(source), str(make_clip("clip.mkv"))]
    subprocess.run(command, check=True)
    result = delayed(source, target, delay_ms)
    check_delay(source, target, delay_ms, round(result.common_s * 1000))


def test_damaged_files_are_refused_or_patched(make_clip: MakeClip) -> None:
    content = make_clip("clip.mkv", duration_s=2.0, size=(64, 64)).read_bytes()
    rng = np.random.default_rng(0)
    n_refused = 0
    for index in range(300):
        mutated = bytearray(content)
        for _ in range(int(rng.integers(1, 4))):
            at = int(rng.integers(len(mutated)))
            at = at if index % 2 else at % 2000
            if index % 3 == 0:
                mutated[at] = int(rng.integers(256))
            elif index % 3 == 1:
                del mutated[at : at + int(rng.integers(1, 40))]
            else:
                mutated[at:at] = rng.bytes(int(rng.integers(1, 9)))
        for delay_s in (Fraction(1, 5), Fraction(-20)):
            try:
                patch_matroska(io.BytesIO(bytes(mutated)), {0: delay_s})
            except Unpatchable:
                n_refused += 1
    assert n_refused
