import io

import pytest

from core.media.formats.flv import is_filled, is_truncated

HEADER = b"FLV\1\5\0\0\0\x09" + bytes(4)


def tag(kind: int, content: bytes) -> bytes:
    """Make a tag with its trailer (Adobe FLV specification 10.1, E.3 and E.4.1)."""
    whole = bytes([kind]) + len(content).to_bytes(3, "big") + bytes(7) + content
    return whole + len(whole).to_bytes(4, "big")


AUDIO, SCRIPT = tag(8, b"sound"), tag(18, b"x" * 2000)
ENCRYPTED = tag(9 | 0x20, b"frame")


@pytest.mark.parametrize("last", [AUDIO, SCRIPT, ENCRYPTED])
def test_a_file_ends_with_the_size_of_its_last_tag(last: bytes) -> None:
    content = HEADER + AUDIO + last
    assert not is_truncated(io.BytesIO(content), len(content))
    for n_bytes in range(1, len(AUDIO)):
        assert is_truncated(io.BytesIO(content[:-n_bytes]), len(content) - n_bytes)


@pytest.mark.parametrize(
    ("between", "expected"), [(SCRIPT, True), (b"", True), (bytes(2000), False)]
)
def test_whole_tags_fill_the_file(between: bytes, expected: bool) -> None:
    file = io.BytesIO(AUDIO + between + AUDIO)
    assert is_filled(file, 0, len(AUDIO) + len(between)) is expected
