import io

import pytest

from core.media.formats.mp4.boxes import (
    boxes_in,
    file_boxes,
    find_box,
    is_truncated,
    number_at,
    read_index,
)
from tests.core.media.formats.mp4_boxes import box

LONG = (1).to_bytes(4, "big") + b"mdat" + (20).to_bytes(8, "big") + b"data"
INDEX = box(b"mvhd", bytes(4)) + box(b"trak", box(b"tkhd", b"\1\2\3"))


def test_boxes_of_a_file_are_found_whatever_their_heads() -> None:
    file = io.BytesIO(box(b"ftyp", b"isom") + LONG + box(b"moov", INDEX))
    found = [(one.name, one.begin, one.end) for one in file_boxes(file)]
    assert found == [(b"ftyp", 8, 12), (b"mdat", 28, 32), (b"moov", 40, 40 + len(INDEX))]
    assert read_index(file) == (40, INDEX)


def test_a_box_without_a_size_goes_on_to_the_end() -> None:
    file = io.BytesIO(box(b"ftyp", b"isom") + bytes(4) + b"moov" + INDEX)
    assert read_index(file) == (20, INDEX)


def test_a_box_that_is_cut_off_reaches_beyond_the_end() -> None:
    content = box(b"ftyp", b"isom") + box(b"moov", INDEX)
    file = io.BytesIO(content[:-1])
    assert [one.end for one in file_boxes(file)] == [12, len(content)]
    assert read_index(file) == (20, INDEX[:-1])


@pytest.mark.parametrize("size", [b"\0\0\0\7", b"\0\0\0\1" + b"moov" + bytes(7) + b"\3"])
def test_what_is_no_box_ends_the_reading(size: bytes) -> None:
    file = io.BytesIO(box(b"ftyp", b"isom") + size + b"moov" + INDEX)
    assert [one.name for one in file_boxes(file)] == [b"ftyp"]
    assert read_index(file) == (0, b"")


def test_zeros_behind_the_boxes_are_no_box() -> None:
    file = io.BytesIO(box(b"ftyp", b"isom") + bytes(100))
    assert [one.name for one in file_boxes(file)] == [b"ftyp"]


def test_a_file_is_truncated_within_its_last_box() -> None:
    content = box(b"ftyp", b"isom") + box(b"moov", INDEX)
    for n_missing, tail, expected in ((0, b"", False), (1, b"", True), (0, bytes(100), False)):
        cut = content[: len(content) - n_missing] + tail
        assert is_truncated(io.BytesIO(cut), len(cut)) is expected


def test_a_damaged_size_reserves_no_memory() -> None:
    head = (1).to_bytes(4, "big") + b"moov" + (1 << 62).to_bytes(8, "big")
    assert read_index(io.BytesIO(head + INDEX)) == (16, INDEX)


def test_boxes_in_boxes_are_found_by_their_names() -> None:
    (found,) = [one for one in boxes_in(INDEX) if one.name == b"trak"]
    inner = find_box(INDEX, found, b"tkhd")
    assert inner is not None
    assert inner == find_box(INDEX, None, b"trak", b"tkhd")
    assert number_at(INDEX, inner.begin, 3) == 0x010203
    assert find_box(INDEX, None, b"trak", b"mdia", b"mdhd") is None
    # One that states more than there is room for ends with the box around it.
    damaged = box(b"trak", b"\xff\xff\xff\xff" + b"tkhd" + b"\1\2\3") + b"after"
    inner = find_box(damaged, None, b"trak", b"tkhd")
    assert inner is not None
    assert damaged[inner.begin : inner.end] == b"\1\2\3"
