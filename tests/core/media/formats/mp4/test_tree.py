"""Boxes read strictly."""

import io

import pytest

from core.media.formats.mp4.tree import read_top_level, read_tree
from core.media.formats.patch import Unpatchable
from tests.core.media.formats.mp4_boxes import box

TRACK = box(b"trak", box(b"tkhd", b"\1\2\3\4") + box(b"mdia", box(b"mdhd", bytes(4))))
INDEX = box(b"moov", box(b"mvhd", bytes(4)) + TRACK)
LONG = (1).to_bytes(4, "big") + b"mdat" + (20).to_bytes(8, "big") + b"data"


def test_the_tree_knows_positions_in_the_file() -> None:
    content = box(b"ftyp", b"isom") + LONG + INDEX
    file = io.BytesIO(content)
    top = read_top_level(file)
    assert [found.name for found in top.boxes] == [b"ftyp", b"mdat", b"moov"]
    tree = read_tree(file, top.index)
    header = tree.root.find(b"trak", b"tkhd")
    assert header is not None
    assert content[header.content : header.end] == b"\1\2\3\4"
    assert tree.field(header, 1, 2) == 0x0203
    assert tree.root.find(b"trak", b"mdia", b"minf") is None
    with pytest.raises(Unpatchable, match="too short"):
        tree.field(header, 2, 4)


@pytest.mark.parametrize("end", [bytes(4), bytes(8), bytes(13), b""])
def test_zeros_end_the_boxes_of_quicktime(end: bytes) -> None:
    file = io.BytesIO(box(b"moov", box(b"mvhd", bytes(4)) + box(b"udta", end) + end))
    tree = read_tree(file, read_top_level(file).index)
    assert [child.name for child in tree.root.children] == [b"mvhd", b"udta"]


@pytest.mark.parametrize("damage", [b"\0\0\0\7trak", b"\0\0\0\xfftrak", b"\0\0\0\0trak", b"trak"])
def test_a_wrong_size_is_refused(damage: bytes) -> None:
    file = io.BytesIO(box(b"moov", box(b"mvhd", bytes(4)) + damage))
    with pytest.raises(Unpatchable, match="wrong size"):
        read_tree(file, read_top_level(file).index)


def test_two_boxes_where_one_belongs_are_refused() -> None:
    file = io.BytesIO(box(b"moov", box(b"mvhd", bytes(4)) * 2))
    tree = read_tree(file, read_top_level(file).index)
    with pytest.raises(Unpatchable, match="two boxes"):
        tree.root.find(b"mvhd")


def test_the_last_box_may_have_no_size() -> None:
    file = io.BytesIO(INDEX + bytes(4) + b"mdat" + bytes(50))
    top = read_top_level(file)
    assert top.boxes[-1].has_open_end
    assert top.end == top.n_bytes


@pytest.mark.parametrize("tail", [b"\xff" * 30, b"\0\0\1\x0a\x0e\0\0\0", b"MotionPhoto_Data", b"x"])
def test_foreign_data_may_follow(tail: bytes) -> None:
    top = read_top_level(io.BytesIO(INDEX + box(b"mdat", b"") + tail))
    assert top.n_bytes - top.end == len(tail)


def test_a_box_that_is_cut_off_is_refused() -> None:
    with pytest.raises(Unpatchable, match="cut off"):
        read_top_level(io.BytesIO(INDEX + box(b"mdat", bytes(9))[:-1]))


def test_an_absurd_number_of_boxes_is_refused() -> None:
    content = box(b"moov", box(b"trak", b"") * ((1 << 16) + 1))
    file = io.BytesIO(content)
    with pytest.raises(Unpatchable, match="more than"):
        read_tree(file, read_top_level(file).index)
