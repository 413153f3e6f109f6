"""Times, packets and decoded frames of patched MP4 and MOV files, as FFmpeg reads them."""

import io
import random
import struct
from collections.abc import Callable, Iterator
from fractions import Fraction
from pathlib import Path

import av
import pytest
from av.audio.frame import AudioFrame
from av.video.frame import VideoFrame

from core.media.formats.mp4.boxes import file_boxes
from core.media.formats.mp4.patch import patch_mp4
from core.media.formats.patch import Unpatchable
from tests.core.media.formats.mp4_boxes import box
from tests.core.media.formats.mp4_times import (
    SECOND,
    SOUND,
    apply,
    assert_moved,
    minimal_index,
    packets,
    remuxed,
    top_level,
)
from tests.core.media.formats.patched import patched

KEY = "76a6c65c5ea762046bd749a2e632ccbb"


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Path:
    """Two audio tracks, the index behind the media."""
    return make_clip("clip.mp4", duration_s=3, size=(64, 48), rate_hz=48000, n_audio=2)


@pytest.fixture
def coarse(clip: Path) -> Path:
    """The same with 1000 ticks per second of the movie."""
    return remuxed(clip, "coarse.mp4")


@pytest.fixture
def fast(clip: Path) -> Path:
    """The same with the index in front of the media."""
    return remuxed(clip, "fast.mp4", movflags="+faststart")


@pytest.mark.parametrize("delay_ms", [160.7, -440, 37, 1960, -1960, 30000, 0.02])
@pytest.mark.parametrize("layout", ["coarse", "fast"])
def test_sound_moves_exactly_to_a_tick_and_nothing_else_changes(
    layout: str, delay_ms: float, request: pytest.FixtureRequest
) -> None:
    source: Path = request.getfixturevalue(layout)
    result, target = apply(source, {SOUND: delay_ms})
    written_s = result.delays_s[SOUND]
    assert written_s == Fraction(round(Fraction(str(delay_ms)) * 48), 48000)
    assert result.common_s == 0
    assert_moved(source, target, {SOUND: written_s})
    assert top_level(target) == top_level(source)


@pytest.mark.parametrize("delay_ms", [160.7, -440])
def test_pcm_in_quicktime_moves_by_samples(delay_ms: float, make_clip: Callable[..., Path]) -> None:
    clip = make_clip("c.mov", duration_s=3, size=(64, 48), rate_hz=48000, audio_codec="pcm_s16le")
    source = remuxed(clip, "coarse.mov")
    result, target = apply(source, {SOUND: delay_ms})
    assert_heard(source, target, round(result.delays_s[SOUND] * 48000))


def assert_heard(source: Path, target: Path, n_later: int) -> None:
    """Check decoded samples, with silence where nothing is played."""
    old, new = heard(source), heard(target)
    begin, end = max(0, n_later), min(len(new), len(old) + n_later)
    assert new[begin + 48 : end - 48] == old[begin + 48 - n_later : end - 48 - n_later]
    assert not any(new[: max(0, n_later)])


def heard(path: Path) -> list[int]:
    samples = [0] * (48000 * 6)
    with av.open(str(path)) as container:
        for frame in container.decode(audio=0):
            assert frame.pts is not None
            content = [int(sample) for sample in frame.to_ndarray().reshape(-1)]
            begin = frame.pts
            if begin < 0:
                content, begin = content[-begin:], 0
            samples[begin : begin + len(content)] = content
    return samples


@pytest.mark.parametrize("delay_ms", [160.7, -440])
def test_a_track_without_an_edit_list_gets_one(delay_ms: float, clip: Path) -> None:
    source = remuxed(clip, "plain.mp4", use_editlist="0")
    assert b"elst" not in source.read_bytes()
    result, target = apply(source, {SOUND: delay_ms})
    assert target.read_bytes().count(b"elst") == 1
    assert_moved(source, target, dict(result.delays_s))


@pytest.mark.parametrize("delay_ms", [1500, -1500])
def test_the_file_and_the_track_get_as_long_as_what_they_play(delay_ms: float, clip: Path) -> None:
    def lengths_s(path: Path) -> tuple[float, list[float]]:
        with av.open(str(path)) as container:
            tracks = [float((s.duration or 0) * (s.time_base or 0)) for s in container.streams]
            return (container.duration or 0) / 1e6, tracks

    source = remuxed(clip, "coarse.mp4")
    _, target = apply(source, {SOUND: delay_ms, SECOND: delay_ms})
    file_s, _ = lengths_s(target)
    # The picture stays as long as it is.
    assert file_s == pytest.approx(lengths_s(source)[0] + max(0, delay_ms / 1000), abs=0.07)


def test_a_delay_beyond_32_bits_widens_the_list(coarse: Path) -> None:
    result, target = apply(coarse, {SOUND: 5_000_000_000})
    with target.open("rb") as file:
        back = patch_mp4(file, {SOUND: Fraction(-5_000_000)})
    assert result.delays_s == {SOUND: 5_000_000}
    again = patched(target, back.patch, coarse.with_name("again.mp4"))
    assert packets(again) == packets(coarse)


def test_media_of_unknown_length_is_measured(coarse: Path) -> None:
    content = bytearray(coarse.read_bytes())
    at = 0
    while (at := content.find(b"mdhd", at + 1)) > 0:
        content[at + 20 : at + 24] = bytes(4)
    coarse.write_bytes(content)
    with pytest.raises(Unpatchable, match="nothing"):
        apply(coarse, {SOUND: -3100})
    result, target = apply(coarse, {SOUND: 160})
    assert_moved(coarse, target, dict(result.delays_s))


def test_several_tracks_move_in_one_patch(fast: Path) -> None:
    result, target = apply(fast, {SOUND: 160.7, SECOND: -250})
    assert_moved(fast, target, dict(result.delays_s))
    assert len(result.delays_s) == 2


def test_chained_corrections_land_on_the_sum(coarse: Path) -> None:
    total_s = Fraction(0)
    path = coarse
    for number, delay_ms in enumerate([160.7, -60.3, 12.34, -100]):
        result, target = apply(path, {SOUND: delay_ms})
        total_s += result.delays_s[SOUND]
        path = target.replace(target.with_name(f"{number}.mp4"))
        assert_moved(coarse, path, {SOUND: total_s})


@pytest.mark.parametrize("delay_ms", [30000.4, 160.7, 0.01])
def test_a_correction_taken_back_plays_all_as_before(coarse: Path, delay_ms: float) -> None:
    later, target = apply(coarse, {SOUND: delay_ms})
    back, again = apply(target.replace(coarse.with_name("later.mp4")), {SOUND: -delay_ms})
    assert later.delays_s[SOUND] + back.delays_s[SOUND] == 0
    assert packets(again) == packets(coarse)
    # The room of the longer list stays as padding, so nothing moves on the way back.
    assert back.patch.keeps_positions


def test_a_short_list_keeps_its_size_and_every_position(fast: Path) -> None:
    result, _ = apply(fast, {SOUND: -440})
    assert result.patch.keeps_positions
    assert sum(edit.n_bytes for edit in result.patch.edits) <= 16


@pytest.mark.parametrize("delay_ms", [-3300, -400000])
def test_a_delay_that_leaves_no_sound_is_refused(clip: Path, delay_ms: float) -> None:
    with pytest.raises(Unpatchable, match="nothing of the sound would be left"):
        apply(clip, {SOUND: delay_ms})


def test_a_missing_track_is_refused(clip: Path) -> None:
    with pytest.raises(Unpatchable, match="no track of the number 9"):
        apply(clip, {9: 100})


def test_no_delay_is_no_patch(clip: Path) -> None:
    result, _ = apply(clip, {SOUND: 0})
    assert result.patch.edits == ()


@pytest.mark.parametrize("n_bytes", [12, 20, 400])
@pytest.mark.parametrize("in_place", [False, True])
def test_padding_behind_the_index_gives_room(fast: Path, n_bytes: int, in_place: bool) -> None:
    source = with_padding(fast, n_bytes)
    result, target = apply(source, {SOUND: 160}, in_place=in_place)
    assert result.patch.n_bytes == result.patch.source_bytes
    assert result.patch.keeps_positions is in_place
    assert not result.notes
    assert_moved(source, target, dict(result.delays_s))
    assert media_at(target) == media_at(source)


@pytest.mark.parametrize("in_place", [False, True])
def test_padding_in_front_of_the_index_gives_room(fast: Path, in_place: bool) -> None:
    source = with_padding(fast, 400)
    content = source.read_bytes()
    begin, end = content.index(b"moov") - 4, content.index(b"\0\0\x01\x90free")
    padding = content[end : end + 400]
    source.write_bytes(content[:begin] + padding + content[begin:end] + content[end + 400 :])
    result, target = apply(source, {SOUND: 160}, in_place=in_place)
    assert top_level(target)[:3] == [b"ftyp", b"free", b"moov"]
    assert media_at(target) == media_at(source)
    assert result.patch.keeps_positions is in_place
    assert_moved(source, target, dict(result.delays_s))


def media_at(path: Path) -> int:
    with path.open("rb") as file:
        return next(found.begin for found in file_boxes(file) if found.name == b"mdat")


def with_padding(path: Path, n_bytes: int) -> Path:
    """Replace FFmpeg's padding of 8 bytes behind the index, and move the media."""
    content = path.read_bytes()
    at = content.index(b"\0\0\0\x08free")
    grown = bytearray(content[:at] + box(b"free", bytes(n_bytes - 8)) + content[at + 8 :])
    position = 0
    while (position := grown.find(b"stco", position + 1)) > 0:
        (count,) = struct.unpack_from(">I", grown, position + 8)
        for place in range(position + 12, position + 12 + 4 * count, 4):
            (offset,) = struct.unpack_from(">I", grown, place)
            struct.pack_into(">I", grown, place, offset + n_bytes - 8)
    path.write_bytes(grown)
    return path


def test_in_place_an_index_at_the_end_grows(clip: Path) -> None:
    result, target = apply(clip, {SOUND: 160}, in_place=True)
    *same, last = result.patch.edits
    assert all(edit.n_bytes == edit.end - edit.begin for edit in same)
    assert last.end == clip.stat().st_size
    assert not result.notes
    assert_moved(clip, target, dict(result.delays_s))


@pytest.mark.parametrize("tail", [b"\xff" * 20, b"\0\0\1\x0a\x0e\0\0\0SEFHk\0\0\0\1\0\0\0SEFT"])
def test_foreign_data_behind_the_last_box_stays_last(clip: Path, tail: bytes) -> None:
    clip.write_bytes(clip.read_bytes() + tail)
    for in_place in (False, True):
        result, target = apply(clip, {SOUND: 160}, in_place=in_place)
        assert_moved(clip, target, dict(result.delays_s))
        assert target.read_bytes().endswith(tail)


def test_in_place_a_full_index_moves_to_the_end(fast: Path) -> None:
    result, target = apply(fast, {SOUND: 160}, in_place=True)
    assert "The index is now at the end" in result.notes[0]
    assert top_level(target)[-1] == b"moov"
    assert top_level(target)[1] == b"free"
    assert_moved(fast, target, dict(result.delays_s))
    fast.write_bytes(fast.read_bytes() + b"\xff" * 20)
    with pytest.raises(Unpatchable, match="nothing can be added at its end"):
        apply(fast, {SOUND: 160}, in_place=True)


@pytest.mark.parametrize("delay_ms", [160, -160, 0])
def test_the_index_can_move_in_front_of_the_media(clip: Path, delay_ms: float) -> None:
    result, target = apply(clip, {SOUND: delay_ms}, index_first=True)
    assert top_level(clip).index(b"moov") > top_level(clip).index(b"mdat")
    assert top_level(target)[:2] == [b"ftyp", b"moov"]
    assert_moved(clip, target, dict(result.delays_s))


def as_long_offsets(path: Path) -> None:
    """Give the tables of chunks entries of 8 bytes; the index must be at the end."""
    content = path.read_bytes()
    start = content.rindex(b"moov") - 4

    def rebuilt(begin: int, end: int) -> bytes:
        new = b""
        while begin < end:
            size, name = struct.unpack_from(">I4s", content, begin)
            body = content[begin + 8 : begin + size]
            if name in {b"trak", b"mdia", b"minf", b"stbl"}:
                body = rebuilt(begin + 8, begin + size)
            elif name == b"stco":
                count = len(body) // 4 - 2
                offsets = struct.unpack_from(f">{count}I", body, 8)
                name, body = b"co64", body[:8] + struct.pack(f">{count}Q", *offsets)
            new += box(name, body)
            begin += size
        return new

    path.write_bytes(content[:start] + box(b"moov", rebuilt(start + 8, len(content))))


def test_long_chunk_offsets_follow(clip: Path) -> None:
    as_long_offsets(clip)
    result, target = apply(clip, {SOUND: 160}, index_first=True)
    assert b"co64" in target.read_bytes()
    assert_moved(clip, target, dict(result.delays_s))


class Sparse(io.RawIOBase):
    """A file with a hole before its last bytes; only what is read exists."""

    def __init__(self, begin: bytes, n_hole: int, end: bytes) -> None:
        self._begin, self._end = begin, end
        self._size = len(begin) + n_hole + len(end)
        self._at = 0

    def seek(self, offset: int, whence: int = 0) -> int:
        self._at = offset + (self._size if whence == 2 else 0)
        return self._at

    def read(self, n: int = -1) -> bytes:
        position = self._at
        self._at = min(self._size, position + n)
        if position < len(self._begin):
            return self._begin[position : self._at]
        start = self._size - len(self._end)
        return self._end[position - start : self._at - start] if position >= start else bytes(n)


def test_chunk_offsets_beyond_4_gb_become_long() -> None:
    n_hole = (1 << 32) - 100
    first, last = 32, (1 << 32) - 200
    index = minimal_index([first, last])
    begin = box(b"ftyp", b"isom" + bytes(4)) + struct.pack(">I4sQ", 1, b"mdat", n_hole + 16)
    file = Sparse(begin, n_hole, index)
    patch = patch_mp4(file, {1: Fraction(-1, 10)}, index_first=True).patch  # type: ignore[arg-type]
    new = b"".join(piece for piece in patch.pieces() if isinstance(piece, bytes))
    at = new.index(b"co64")
    grown = patch.n_bytes - patch.source_bytes
    step = len(index) + grown
    assert struct.unpack_from(">IQQ", new, at + 8) == (2, first + step, last + step)
    # Two entries, 4 bytes more each.
    assert grown == 8


def items(position: int) -> bytes:
    """A ``meta`` box with one item at a position."""
    table = struct.pack(">IBBHHHHII", 0, 0x44, 0, 1, 1, 0, 1, position, 10)
    return box(b"meta", bytes(4) + box(b"iloc", table))


@pytest.mark.parametrize("holder", ["file", "movie", "user data"])
def test_items_at_positions_that_move_are_refused(holder: str) -> None:
    head = box(b"ftyp", b"isom" + bytes(4))
    meta = items(len(head) + 2000)
    inner = {"file": b"", "movie": meta, "user data": box(b"udta", meta)}[holder]
    index = minimal_index([], inner)
    content = head + index + (meta if holder == "file" else b"") + box(b"mdat", bytes(4000))
    with pytest.raises(Unpatchable, match="items"):
        patch_mp4(io.BytesIO(content), {1: Fraction(1, 10)})
    # Positions that stay are no reason to refuse.
    assert patch_mp4(io.BytesIO(content), {1: Fraction(-1, 10)}).patch.edits
    room = content.replace(index, index + box(b"free", bytes(100)))
    assert patch_mp4(io.BytesIO(room), {1: Fraction(1, 10)}).patch.edits


def test_positions_in_notes_of_a_camera_are_kept_or_refused() -> None:
    head = box(b"ftyp", b"isom" + bytes(4))
    name = bytes.fromhex("85c0b687820f11e08111f4ce462b6a48")
    note = box(b"uuid", name + box(b"CTBO", struct.pack(">IIQQ", 1, 1, len(head) + 2000, 10)))
    content = head + minimal_index([], note) + box(b"mdat", bytes(4000))
    with pytest.raises(Unpatchable, match="maker's data"):
        patch_mp4(io.BytesIO(content), {1: Fraction(1, 10)})
    assert patch_mp4(io.BytesIO(content), {1: Fraction(1, 10)}, in_place=True).patch.edits


def test_padding_behind_the_media_is_no_room(fast: Path) -> None:
    fast.write_bytes(fast.read_bytes() + box(b"free", bytes(100)))
    result, target = apply(fast, {SOUND: 160})
    assert result.patch.n_bytes > result.patch.source_bytes
    assert_moved(fast, target, dict(result.delays_s))


def test_several_edits_keep_their_distances(clip: Path) -> None:
    from tests.core.media.formats.mp4.test_edit_lists import edited

    edited(clip, ("soun",), [(0.5, None), (1.0, 0.25), (0.3, None), (0.8, 1.5)])
    result, target = apply(clip, {SOUND: 160, SECOND: 160})
    assert_moved(clip, target, dict(result.delays_s))
    result, target = apply(clip, {SOUND: -600, SECOND: -600})
    before, after = packets(clip)[SOUND], packets(target)[SOUND]
    assert {new[0] - old[0] for old, new in zip(before[-20:], after[-20:], strict=True)} == {
        result.delays_s[SOUND]
    }


@pytest.mark.parametrize("flags", ["+write_colr", "+faststart"])
def test_an_encrypted_file_decodes_with_its_key_as_before(flags: str, clip: Path) -> None:
    source = remuxed(
        clip,
        "encrypted.mp4",
        movflags=flags,
        encryption_scheme="cenc-aes-ctr",
        encryption_key=KEY,
        encryption_kid="a7e61c373e219033c21091fa607bf3b8",
    )
    expected = decoded(clip)
    assert decoded(source) == expected
    for options in ({}, {"index_first": True}, {"in_place": True}):
        _, target = apply(source, {SOUND: 160}, **options)
        assert decoded(target) == expected
        # The old index may stay as padding.
        assert saio_targets(target)[-3:] == saio_targets(source)


def decoded(path: Path) -> dict[str, list[bytes]]:
    frames: dict[str, list[bytes]] = {"video": [], "audio": []}
    with av.open(str(path), options={"decryption_key": KEY}) as container:
        for kind in frames:
            container.seek(0)
            for frame in container.decode(**{kind: 0}):
                assert isinstance(frame, AudioFrame | VideoFrame)
                frames[kind].append(frame.to_ndarray().tobytes())
    return frames


def saio_targets(path: Path) -> list[bytes]:
    """Bytes at the positions of encryption data."""
    content = path.read_bytes()
    found: list[bytes] = []
    at = 0
    while (at := content.find(b"saio", at + 1)) > 0:
        (position,) = struct.unpack_from(">I", content, at + 12)
        found.append(content[position - 12 : position + 8])
    return found


def test_a_compressed_index_is_refused() -> None:
    content = box(b"ftyp", b"qt  ") + box(b"moov", box(b"cmov", box(b"dcom", b"zlib")))
    with pytest.raises(Unpatchable, match="compressed"):
        patch_mp4(io.BytesIO(content), {1: Fraction(1)})


@pytest.mark.parametrize(
    ("content", "reason"),
    [
        (b"", "no index"),
        (box(b"ftyp", b"isom"), "no index"),
        (minimal_index([]) * 2, "several indexes"),
        (minimal_index([])[:-1], "cut off"),
        (minimal_index([9999]), "outside of its boxes"),
    ],
)
def test_a_damaged_file_is_refused(content: bytes, reason: str) -> None:
    with pytest.raises(Unpatchable, match=reason):
        patch_mp4(io.BytesIO(content), {1: Fraction(1, 10)})


def test_in_place_and_index_first_exclude_each_other(clip: Path) -> None:
    with pytest.raises(Unpatchable, match="in place"):
        apply(clip, {SOUND: 100}, in_place=True, index_first=True)


STRUCTURE = (b"moov", b"trak", b"elst", b"mdhd", b"stco", b"traf", b"tfhd", b"sidx", b"mfra")


def mutations(content: bytes, n: int) -> Iterator[bytes]:
    """Yield copies with damaged, missing or added bytes, most of them in the structure."""
    rng = random.Random(0)
    for _ in range(n):
        damaged = bytearray(content)
        for _ in range(rng.choice([1, 1, 3])):
            names = (
                b"moov",
                b"trak",
                b"elst",
                b"mdhd",
                b"stco",
                b"traf",
                b"tfhd",
                b"sidx",
                b"mfra",
            )
            spots = [at for name in names if (at := damaged.find(name)) > 0] or [4]
            at = min(max(0, rng.choice(spots) + rng.randrange(-4, 24)), len(damaged) - 1)
            kind = rng.randrange(4)
            if kind == 0:
                damaged[at] = rng.choice([0, 1, 0x7F, 0x80, 0xFF])
            elif kind == 1:
                damaged[at : at + 4] = rng.choice([bytes(4), b"\xff" * 4, rng.randbytes(4)])
            elif kind == 2:
                del damaged[at : at + rng.choice([1, 4, len(damaged) - at - 1])]
            else:
                damaged[at:at] = rng.randbytes(rng.choice([1, 4, 12]))
        yield bytes(damaged)


@pytest.mark.parametrize("flags", ["+faststart", "+frag_keyframe+empty_moov+global_sidx"])
def test_damage_ends_in_a_refusal_or_a_patch(flags: str, clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=flags)
    for number, content in enumerate(mutations(source.read_bytes(), 300)):
        in_place = bool(number % 2)
        try:
            result = patch_mp4(io.BytesIO(content), {SOUND: Fraction(-1, 3)}, in_place=in_place)
        except Unpatchable:
            continue
        assert result.patch.source_bytes == len(content)
