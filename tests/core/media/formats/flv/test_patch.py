"""The sound of Flash Video is moved by a patch: exactly, with tags in the order of their times."""

import random
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from itertools import pairwise
from pathlib import Path

import av
import pytest

from core.media.formats.flv.patch import patch_flv
from core.media.formats.flv.tags import read_tags
from core.media.formats.patch import TimePatch, Unpatchable
from tests.core.media.formats.patched import patched

MakeClip = Callable[..., Path]


@pytest.fixture
def clip(make_clip: MakeClip) -> Path:
    return make_clip("plain.flv", duration_s=3, size=(96, 80))


def planned(source: Path, delay_ms: int, *, in_place: bool = False) -> TimePatch:
    with source.open("rb") as file:
        return patch_flv(file, Fraction(delay_ms, 1000), in_place=in_place)


def times(path: Path) -> dict[str, list[Fraction]]:
    found: dict[str, list[Fraction]] = {}
    with av.open(str(path)) as reader:
        for packet in reader.demux():
            if packet.pts is not None and packet.time_base is not None:
                found.setdefault(packet.stream.type, []).append(packet.pts * packet.time_base)
    return found


@pytest.mark.parametrize("delay_ms", [160, -440, 7, 30_000])
@pytest.mark.parametrize("in_place", [False, True])
def test_sound_moves_against_the_picture(
    clip: Path, tmp_path: Path, delay_ms: int, in_place: bool
) -> None:
    plan = planned(clip, delay_ms, in_place=in_place)
    before = times(clip)
    after = times(patched(clip, plan.patch, tmp_path / "moved.flv"))
    delay_s = Fraction(delay_ms, 1000)
    assert after["audio"] == [time + delay_s + plan.common_s for time in before["audio"]]
    assert after["video"] == [time + plan.common_s for time in before["video"]]


@pytest.mark.parametrize("delay_ms", [160, -440])
def test_tags_come_in_the_order_of_their_times(clip: Path, tmp_path: Path, delay_ms: int) -> None:
    target = patched(clip, planned(clip, delay_ms).patch, tmp_path / "moved.flv")
    with target.open("rb") as file:
        tags, is_whole = read_tags(file)
    assert is_whole
    found = [tag.time_ms for tag in tags if not tag.is_header]
    assert all(before <= after for before, after in pairwise(found[:-1]))


def test_in_place_is_undone_by_the_opposite(clip: Path, tmp_path: Path) -> None:
    moved = patched(clip, planned(clip, 160, in_place=True).patch, tmp_path / "moved.flv")
    back = patched(moved, planned(moved, -160, in_place=True).patch, tmp_path / "back.flv")
    assert back.read_bytes() == clip.read_bytes()


def test_encrypted_tags_are_refused(clip: Path) -> None:
    with clip.open("rb") as file:
        tags, _ = read_tags(file)
    content = bytearray(clip.read_bytes())
    content[tags[-3].begin] |= 0x20
    with pytest.raises(Unpatchable, match="encrypted"):
        patch_flv(BytesIO(content), Fraction(1))


def test_damaged_files_end_in_a_patch_or_a_reason(clip: Path) -> None:
    content, chance = clip.read_bytes(), random.Random(3)
    for _ in range(200):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 20))):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.choice((0, 1, 9))] = chance.randbytes(chance.choice((1, 9)))
        with suppress(Unpatchable):
            plan = patch_flv(BytesIO(damaged), Fraction(chance.choice((1, -3))))
            assert plan.patch.source_bytes == len(damaged)
