import io

import pytest

from core.media.formats.matroska.segment import is_truncated, last_time_s

SEGMENT, CLUSTER = b"\x18\x53\x80\x67", b"\x1f\x43\xb6\x75"
UNKNOWN_SIZE = b"\x01" + b"\xff" * 7


def element(identity: bytes, content: bytes, n_size_bytes: int = 4) -> bytes:
    """Make an EBML element (RFC 8794, 6)."""
    size = (1 << 7 * n_size_bytes) | len(content)
    return identity + size.to_bytes(n_size_bytes, "big") + content


BLOCK = element(b"\xa3", b"packet")
HEADER = element(b"\x1a\x45\xdf\xa3", b"webm", 1)


@pytest.mark.parametrize(
    "content",
    [
        HEADER + element(SEGMENT, element(CLUSTER, BLOCK), 8),
        HEADER + SEGMENT + UNKNOWN_SIZE + element(CLUSTER, BLOCK) * 2,
    ],
    ids=["segment with a size", "live recording"],
)
def test_a_segment_or_its_clusters_state_the_end(content: bytes) -> None:
    assert not is_truncated(io.BytesIO(content), len(content))
    for n_bytes in range(1, len(BLOCK)):
        assert is_truncated(io.BytesIO(content[:-n_bytes]), len(content) - n_bytes)
    assert not is_truncated(io.BytesIO(content + bytes(50)), len(content) + 50)


def cluster(ticks: int, *relative: int, size: bytes = UNKNOWN_SIZE) -> bytes:
    """Make a cluster with a block of track 1 at each relative time."""
    blocks = [b"\x81" + one.to_bytes(2, "big", signed=True) + b"\x80data" for one in relative]
    timestamp = element(b"\xe7", ticks.to_bytes(4, "big"))
    return CLUSTER + size + timestamp + b"".join(element(b"\xa3", block) for block in blocks)


@pytest.mark.parametrize(
    ("content", "time_s"),
    [
        (cluster(1000, 0, 40) + cluster(9000, -20, 500, 480), 9.5),
        (cluster(1000, 0, 40) + CLUSTER + b"no cluster", 1.04),
        (element(b"\x2a\xd7\xb1", (500_000).to_bytes(3, "big"), 1) + cluster(1000, 0), 0.5),
        (cluster(1000), None),
        (b"", None),
    ],
)
def test_the_last_time_is_that_of_the_last_cluster(content: bytes, time_s: float | None) -> None:
    file = io.BytesIO(HEADER + SEGMENT + UNKNOWN_SIZE + content)
    assert last_time_s(file) == (None if time_s is None else pytest.approx(time_s))
