"""Times and packets of patched fragmented MP4 files, as FFmpeg reads them."""

import io
import struct
from collections.abc import Callable
from fractions import Fraction
from pathlib import Path

import av
import pytest

from core.media.formats.mp4.boxes import file_boxes
from core.media.formats.mp4.patch import patch_mp4
from core.media.formats.patch import Unpatchable
from tests.core.media.formats.mp4_boxes import box, fragment_positions
from tests.core.media.formats.mp4_times import (
    SOUND,
    VIDEO,
    apply,
    assert_moved,
    minimal_index,
    packets,
    remuxed,
    top_level,
)
from tests.core.media.formats.patched import patched

FRAGMENTED = "+frag_keyframe+empty_moov"
LAYOUTS = {
    "base positions": FRAGMENTED,
    "default base": f"{FRAGMENTED}+default_base_moof",
    "segment index": f"{FRAGMENTED}+default_base_moof+global_sidx",
    "dash": "+frag_keyframe+dash",
    "edit lists": f"{FRAGMENTED}+delay_moov+default_base_moof",
}


@pytest.fixture
def clip(make_clip: Callable[..., Path]) -> Path:
    return make_clip("clip.mp4", duration_s=6, size=(64, 48), rate_hz=48000)


@pytest.mark.parametrize("delay_ms", [160.7, -440, 1960, -1960])
@pytest.mark.parametrize("layout", LAYOUTS)
def test_sound_moves_exactly(layout: str, delay_ms: float, clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=LAYOUTS[layout])
    assert len(fragment_positions(source)) > 2
    result, target = apply(source, {SOUND: delay_ms})
    assert result.common_s == 0
    assert_moved(source, target, {SOUND: result.delays_s[SOUND]})
    assert top_level(target) == top_level(source)
    if delay_ms > 0:
        assert result.patch.keeps_positions
    assert_indexes_lead_to_fragments(target)


def assert_indexes_lead_to_fragments(path: Path) -> None:
    """Check that all positions in the file are those of fragments."""
    content, fragments = path.read_bytes(), fragment_positions(path)
    at = 0
    while (at := content.find(b"tfhd", at + 1)) > 0:
        if content[at + 7] & 1:
            (position,) = struct.unpack_from(">Q", content, at + 12)
            assert position in fragments
    at = 0
    while (at := content.find(b"tfra", at + 1)) > 0:
        wide = content[at + 4] == 1
        (count,) = struct.unpack_from(">I", content, at + 16)
        n_bytes = 8 if wide else 4
        stride = 2 * n_bytes + 3
        for entry in range(at + 20, at + 20 + count * stride, stride):
            (position,) = struct.unpack_from(">Q" if wide else ">I", content, entry + n_bytes)
            assert position in fragments
    at = 0
    while (at := content.find(b"sidx", at + 1)) > 0:
        begin = at - 4 + struct.unpack_from(">I", content, at - 4)[0]
        wide = content[at + 4] == 1
        begin += struct.unpack_from(">Q" if wide else ">I", content, at + (24 if wide else 20))[0]
        place = at + (32 if wide else 24)
        for number in range(struct.unpack_from(">H", content, place + 2)[0]):
            if wide:
                assert begin in fragments or content[begin + 4 : begin + 8] == b"mfra"
            begin += struct.unpack_from(">I", content, place + 4 + 12 * number)[0] & 0x7FFFFFFF


@pytest.mark.parametrize("layout", ["base positions", "segment index"])
def test_in_place_all_others_are_raised_where_a_time_would_be_negative(
    layout: str, clip: Path
) -> None:
    source = remuxed(clip, "source.mp4", movflags=LAYOUTS[layout])
    result, target = apply(source, {SOUND: -440}, in_place=True)
    assert result.patch.keeps_positions
    assert result.common_s == Fraction(44, 100)
    assert "begin later" in result.notes[0]
    common_s = result.common_s
    assert_moved(source, target, {VIDEO: common_s, SOUND: common_s + result.delays_s[SOUND]})


def test_in_place_padding_behind_the_index_gives_room(clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=LAYOUTS["default base"])
    content = source.read_bytes()
    (at, *_) = fragment_positions(source)
    # Positions of entry points at the end are of no interest here.
    source.write_bytes(
        content[:at] + box(b"free", bytes(100)) + content[at : content.rindex(b"mfra") - 4]
    )
    result, target = apply(source, {SOUND: -440}, in_place=True)
    assert result.patch.keeps_positions
    assert result.common_s == 0
    assert_moved(source, target, {SOUND: result.delays_s[SOUND]})


def test_in_place_a_delay_needs_no_room(clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=FRAGMENTED)
    result, target = apply(source, {SOUND: 1000}, in_place=True)
    assert result.patch.keeps_positions
    assert result.common_s == 0
    assert_moved(source, target, {SOUND: result.delays_s[SOUND]})


@pytest.mark.parametrize("delays_ms", [(160.7, -60.3), (-440, 440), (-440, -100.1, 300)])
def test_chained_corrections_land_on_the_sum(delays_ms: tuple[float, ...], clip: Path) -> None:
    source = path = remuxed(clip, "source.mp4", movflags=FRAGMENTED)
    total_s = Fraction(0)
    for number, delay_ms in enumerate(delays_ms):
        result, target = apply(path, {SOUND: delay_ms})
        total_s += result.delays_s[SOUND]
        path = target.replace(target.with_name(f"{number}.mp4"))
        assert_moved(source, path, {SOUND: total_s})


@pytest.mark.parametrize("delay_ms", [1000, 160, -160, -1000])
def test_after_a_seek_sound_is_there_as_soon_as_the_picture(delay_ms: float, clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=FRAGMENTED)
    _, target = apply(source, {SOUND: delay_ms})
    for path in (source, target):
        with av.open(str(path)) as container:
            container.seek(4_000_000)
            first_s = {}
            for packet in container.demux():
                if packet.size and packet.pts is not None:
                    first_s.setdefault(packet.stream.id, packet.pts * packet.time_base)
        assert first_s[SOUND] <= first_s[VIDEO] + Fraction(20, 1000)


def test_a_delay_that_leaves_no_sound_is_refused(clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=FRAGMENTED)
    with pytest.raises(Unpatchable, match="nothing of the sound would be left"):
        apply(source, {SOUND: -6500})


def test_fragments_behind_media_in_the_index_are_refused(clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags="+frag_keyframe")
    with pytest.raises(Unpatchable, match="another in fragments"):
        apply(source, {SOUND: 100})


def test_times_of_smooth_streaming_follow(clip: Path) -> None:
    source = remuxed(clip, "source.ismv", movflags="+frag_keyframe")
    result, target = apply(source, {SOUND: 100})
    assert_moved(source, target, {SOUND: result.delays_s[SOUND]})
    before, after = (smooth_times(path) for path in (source, target))
    steps = {new - old for old, new in zip(before, after, strict=True)}
    assert steps == {0, 1_000_000}


def smooth_times(path: Path) -> list[int]:
    """Times of fragments in Smooth Streaming's boxes, in 100 ns."""
    content = path.read_bytes()
    name = bytes.fromhex("6d1d9b0542d544e680e2141daff757b2")
    times: list[int] = []
    at = 0
    while (at := content.find(name, at + 1)) > 0:
        times.append(struct.unpack_from(">q", content, at + 20)[0])
    return times


def test_a_segment_index_in_front_of_a_growing_index_follows(clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=LAYOUTS["default base"])
    with source.open("rb") as file:
        index = next(found for found in file_boxes(file) if found.name == b"moov")
    content = source.read_bytes()
    begin, size = index.begin - 8, index.end - index.begin + 8
    segments = box(
        b"sidx", struct.pack(">IIIIIHHIII", 0, VIDEO, 1000, 0, size, 0, 1, 1234, 1000, 1 << 31)
    )
    source.write_bytes(content[:begin] + segments + content[begin:])
    result, target = apply(source, {SOUND: -200})
    assert_moved(source, target, {SOUND: result.delays_s[SOUND]})
    grown = result.patch.n_bytes - result.patch.source_bytes
    assert grown > 0
    new = target.read_bytes()
    distance, size_of_first = struct.unpack_from(">I4xI", new, new.index(b"sidx") + 20)
    assert (distance, size_of_first) == (size + grown, 1234)


def fragment(position: int, *, is_absolute: bool, n_samples: int = 100) -> bytes:
    """A fragment without a time, with the position of its encryption data (``senc``)."""

    def build(stated: int) -> bytes:
        run = box(b"tfhd", struct.pack(">IIII", 0x020008, 1, 10, 0)[:12])
        run += box(b"trun", struct.pack(">II", 0, n_samples))
        run += box(b"saio", struct.pack(">III", 0, 1, stated)) + box(b"senc", bytes(8))
        return box(b"moof", box(b"mfhd", bytes(8)) + box(b"traf", run))

    at = build(0).index(b"senc")
    return build(at + (position if is_absolute else 0))


@pytest.mark.parametrize("is_absolute", [False, True])
def test_positions_of_encryption_data_follow(is_absolute: bool) -> None:
    head = box(b"ftyp", b"isom" + bytes(4))
    announced = box(b"mvex", box(b"trex", struct.pack(">6I", 0, 1, 1, 10, 0, 0)))
    announced += box(b"free", bytes(4))
    index = minimal_index([], announced).replace(b"stco", b"skip")
    begin = len(head) + len(index)
    content = head + index + fragment(begin, is_absolute=is_absolute) + box(b"mdat", bytes(100))
    with pytest.raises(Unpatchable, match="nothing"):
        patch_mp4(io.BytesIO(content), {1: Fraction(-1001, 1000)})
    patch = patch_mp4(io.BytesIO(content), {1: Fraction(1, 10)}).patch
    grown = patch.n_bytes - len(content)
    assert grown > 0
    moved = [edit for edit in patch.edits if edit.begin >= begin]
    if not is_absolute:
        assert not moved
        return
    (edit,) = moved
    new = content[: edit.begin] + edit.content + content[edit.end :]  # type: ignore[operator]
    (stated,) = struct.unpack_from(">I", new, new.index(b"saio") + 12)
    assert stated == content.index(b"senc") + grown


def with_edits(path: Path, edits: list[tuple[int, int]]) -> Path:
    """Give the first track that has an edit list, the sound here, other edits."""
    content = path.read_bytes()
    at = content.rindex(b"elst", 0, content.index(b"moof")) - 4
    (size,) = struct.unpack_from(">I", content, at)
    body = b"".join(struct.pack(">IiI", *edit, 1 << 16) for edit in edits)
    new = box(b"elst", struct.pack(">II", 0, len(edits)) + body)
    assert len(new) == size
    path.write_bytes(content[:at] + new + content[at + size :])
    return path


def edits(path: Path) -> list[tuple[int, int]]:
    content = path.read_bytes()
    at = content.rindex(b"elst", 0, content.index(b"moof"))
    (count,) = struct.unpack_from(">I", content, at + 8)
    return [struct.unpack_from(">Ii", content, at + 12 + 12 * n) for n in range(count)]


def test_an_edit_list_that_ends_lets_all_sound_be_heard(clip: Path) -> None:
    source = with_edits(remuxed(clip, "source.mp4", movflags=LAYOUTS["edit lists"]), [(5900, 1024)])
    path = source
    for number, (delay_ms, expected) in enumerate([(160.7, 6061), (-160.7, 5900)]):
        result, target = apply(path, {SOUND: delay_ms})
        assert result.way == "times of the fragments"
        assert edits(target) == [(expected, 1024)]
        path = target.replace(source.with_name(f"{number}.mp4"))
    assert path.read_bytes() == source.read_bytes()


def test_an_edit_list_of_several_parts_moves_itself(clip: Path) -> None:
    plain = remuxed(clip, "source.mp4", movflags=LAYOUTS["edit lists"])
    content = plain.read_bytes()
    at = content.rindex(b"elst", 0, content.index(b"moof")) - 4
    grown = bytearray(content[: at + 28] + bytes(12) + content[at + 28 :])
    track = content.rindex(b"trak", 0, at) - 4
    for begin in (content.index(b"moov") - 4, track, at - 8, at):
        struct.pack_into(">I", grown, begin, struct.unpack_from(">I", grown, begin)[0] + 12)
    plain.write_bytes(grown)
    source = with_edits(plain, [(2000, 1024), (3000, 150_000)])
    result, target = apply(source, {SOUND: 160})
    assert result.way == "edit list in the index"
    assert edits(target) == [(160, -1), (2000, 1024), (3000, 150_000)]
    with pytest.raises(Unpatchable, match="in place"):
        apply(source, {SOUND: 160}, in_place=True)


def test_a_stated_length_of_all_fragments_follows(clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=FRAGMENTED)
    content = source.read_bytes()
    at = content.index(b"mvex")
    header = box(b"mehd", struct.pack(">II", 0, 6000))
    grown = bytearray(content[: at + 4] + header + content[at + 4 :])
    for begin in (at - 4, content.index(b"moov") - 4):
        (size,) = struct.unpack_from(">I", grown, begin)
        struct.pack_into(">I", grown, begin, size + len(header))
    # The positions of fragments are of no interest here.
    for delay_s, expected in ((Fraction(2), 8000), (Fraction(-2), 6000)):
        patch = patch_mp4(io.BytesIO(grown), {SOUND: delay_s}).patch
        source.write_bytes(grown)
        new = patched(source, patch, source.with_name("new.mp4")).read_bytes()
        (length,) = struct.unpack_from(">I", new, new.index(b"mehd") + 8)
        assert length == pytest.approx(expected, abs=100)


def test_packets_are_the_same(clip: Path) -> None:
    source = remuxed(clip, "source.mp4", movflags=FRAGMENTED)
    _, target = apply(source, {SOUND: 333})
    contents = [
        {track: [content for _, content in found] for track, found in packets(path).items()}
        for path in (source, target)
    ]
    assert contents[0] == contents[1]
