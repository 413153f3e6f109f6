import io

import pytest

from core.media.formats.flv.file import is_truncated, tags

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


def test_tags_are_listed_up_to_the_first_other_bytes() -> None:
    file = io.BytesIO(HEADER + AUDIO + SCRIPT + bytes(2000) + AUDIO)
    assert [(one.kind, one.end - one.begin) for one in tags(file)] == [(8, 5), (18, 2000)]
