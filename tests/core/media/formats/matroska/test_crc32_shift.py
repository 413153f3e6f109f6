import zlib

import numpy as np
import pytest

from core.media.formats.matroska.crc32_shift import linear_crc, linear_crc_of_pairs, shifted


@pytest.mark.parametrize("n_after", [0, 1, 255, 256, 99_999])
def test_a_checksum_follows_from_the_change_and_its_distance_to_the_end(n_after: int) -> None:
    rest = np.random.default_rng(0).bytes(n_after)
    old, new = b"sound" + b"\x12\x34" + rest, b"sound" + b"\xf2\x35" + rest
    change = linear_crc_of_pairs(np.array([0x1234 ^ 0xF235], np.uint16))
    moved = shifted(change, np.array([n_after], np.int64))
    assert zlib.crc32(old) ^ int(moved[0]) == zlib.crc32(new)


def test_changes_add_up() -> None:
    old, new = bytearray(1000), bytearray(1000)
    places = [0, 17, 500, 998]
    for place in places:
        new[place : place + 2] = place.to_bytes(2, "big")
    changes = linear_crc_of_pairs(np.array(places, np.uint16))
    moved = shifted(changes, 998 - np.array(places, np.int64))
    assert zlib.crc32(old) ^ int(np.bitwise_xor.reduce(moved)) == zlib.crc32(new)


def test_pairs_and_bytes_have_the_same_linear_checksum() -> None:
    assert linear_crc(b"ab") == linear_crc_of_pairs(np.array([0x6162], np.uint16))[0]
