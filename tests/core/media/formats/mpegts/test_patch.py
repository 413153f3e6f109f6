"""Streams of MPEG-TS are moved by a patch: exactly, and with all other bytes kept."""

import random
from collections.abc import Callable
from contextlib import suppress
from fractions import Fraction
from io import BytesIO
from pathlib import Path

import av
import pytest

from core.media.formats.mpegts.patch import patch_mpegts
from core.media.formats.patch import TimePatch, Unpatchable
from tests.core.media.formats.patched import patched

MakeClip = Callable[..., Path]
Times = dict[int, list[Fraction]]

PICTURE, SOUND = 0x100, 0x101


@pytest.fixture
def clip(make_clip: MakeClip) -> Path:
    return make_clip("plain.ts", duration_s=3, size=(96, 80), audio_codec="mp2")


def times(path: Path) -> Times:
    found: Times = {}
    with av.open(str(path)) as reader:
        for packet in reader.demux():
            if packet.pts is not None and packet.time_base is not None:
                found.setdefault(packet.stream.id, []).append(packet.pts * packet.time_base)
    return found


def planned(source: Path, delay_s: Fraction, *, in_place: bool = False) -> TimePatch:
    with source.open("rb") as file:
        return patch_mpegts(file, {SOUND: delay_s}, in_place=in_place)


def shifts(source: Path, target: Path) -> dict[int, set[Fraction]]:
    before, after = times(source), times(target)
    assert {pid: len(found) for pid, found in before.items()} == {
        pid: len(found) for pid, found in after.items()
    }
    return {
        pid: {new - old for old, new in zip(found, after[pid], strict=True)}
        for pid, found in before.items()
    }


@pytest.mark.parametrize("delay_ms", [160, -440, 37, 1960])
@pytest.mark.parametrize("in_place", [False, True])
def test_only_the_sound_moves(clip: Path, tmp_path: Path, delay_ms: int, in_place: bool) -> None:
    plan = planned(clip, Fraction(delay_ms, 1000), in_place=in_place)
    assert plan.patch.fits_in_place == in_place
    target = patched(clip, plan.patch, tmp_path / "moved.ts")
    assert shifts(clip, target) == {
        PICTURE: {plan.common_s},
        SOUND: {plan.common_s + Fraction(delay_ms, 1000)},
    }


@pytest.mark.parametrize("in_place", [False, True])
def test_others_are_raised_where_the_sound_would_begin_before_0(
    clip: Path, tmp_path: Path, in_place: bool
) -> None:
    plan = planned(clip, Fraction(-2), in_place=in_place)
    assert plan.common_s > 0
    target = patched(clip, plan.patch, tmp_path / "moved.ts")
    assert shifts(clip, target) == {PICTURE: {plan.common_s}, SOUND: {plan.common_s - 2}}
    assert min(times(target)[SOUND]) == 0


@pytest.mark.parametrize("in_place", [False, True])
def test_corrections_add_up(clip: Path, tmp_path: Path, in_place: bool) -> None:
    moved = patched(
        clip, planned(clip, Fraction(1, 7), in_place=in_place).patch, tmp_path / "moved.ts"
    )
    plan = planned(moved, Fraction(-1, 7), in_place=in_place)
    back = patched(moved, plan.patch, tmp_path / "back.ts")
    assert shifts(clip, back) == {PICTURE: {0}, SOUND: {0}}
    assert (back.read_bytes() == clip.read_bytes()) == in_place


def test_packets_of_others_keep_their_places(clip: Path, tmp_path: Path) -> None:
    plan = planned(clip, Fraction(1, 2))
    after = patched(clip, plan.patch, tmp_path / "moved.ts").read_bytes()
    before = clip.read_bytes()
    for position in range(0, len(before), 188):
        if int.from_bytes(before[position + 1 : position + 3], "big") & 0x1FFF != SOUND:
            assert after[position : position + 188] == before[position : position + 188]


@pytest.mark.parametrize(("before", "behind"), [(4, 0), (0, 16)])
def test_longer_packets(clip: Path, tmp_path: Path, before: int, behind: int) -> None:
    content = clip.read_bytes()
    packets = (content[i : i + 188] for i in range(0, len(content), 188))
    longer = tmp_path / "longer.ts"
    longer.write_bytes(b"".join(bytes(before) + packet + bytes(behind) for packet in packets))
    target = patched(longer, planned(longer, Fraction(1, 4)).patch, tmp_path / "moved.ts")
    assert shifts(longer, target) == {PICTURE: {0}, SOUND: {Fraction(1, 4)}}


def test_scrambled_sound_is_refused(clip: Path) -> None:
    content = bytearray(clip.read_bytes())
    for position in range(0, len(content), 188):
        if int.from_bytes(content[position + 1 : position + 3], "big") & 0x1FFF == SOUND:
            content[position + 3] |= 0x80
    with pytest.raises(Unpatchable, match="scrambled"):
        patch_mpegts(BytesIO(content), {SOUND: Fraction(1)})


def test_damaged_streams_end_in_a_patch_or_a_reason(clip: Path) -> None:
    content, chance = clip.read_bytes(), random.Random(3)
    for _ in range(100):
        damaged = bytearray(content)
        for _ in range(chance.choice((1, 20))):
            at = chance.randrange(len(damaged))
            damaged[at : at + chance.choice((0, 1, 188))] = chance.randbytes(chance.choice((1, 9)))
        with suppress(Unpatchable):
            plan = patch_mpegts(BytesIO(damaged), {SOUND: Fraction(chance.choice((1, -3)))})
            assert plan.patch.source_bytes == len(damaged)
