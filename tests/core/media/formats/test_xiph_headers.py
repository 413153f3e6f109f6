import pytest

from core.media.formats.xiph_headers import xiph_headers

HEADERS = (b"\x01vorbis first", b"\x03vorbis" + bytes(300), b"\x05vorbis third")
BY_LENGTH = b"".join(len(one).to_bytes(2, "big") + one for one in HEADERS)
LACED = bytes([2, len(HEADERS[0]), 255, len(HEADERS[1]) - 255]) + b"".join(HEADERS)


@pytest.mark.parametrize("joined", [BY_LENGTH, LACED])
def test_headers_are_the_same_however_they_are_joined(joined: bytes) -> None:
    assert xiph_headers(joined) == HEADERS


@pytest.mark.parametrize("joined", [b"", b"\x02", b"\x02\xff", BY_LENGTH[:-1], LACED[:20]])
def test_other_content_stays_as_it_is(joined: bytes) -> None:
    assert xiph_headers(joined) == (joined,)
