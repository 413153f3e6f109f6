import os

import pytest

from core.detection.cache.file_identity import PIECE_BYTES, file_identity


@pytest.fixture
def clip(tmp_path):
    path = tmp_path / "clip.mov"
    path.write_bytes(os.urandom(5 * PIECE_BYTES))
    return path


def poke(path, position):
    """Change one byte, keeping size and time."""
    times = path.stat().st_atime_ns, path.stat().st_mtime_ns
    with path.open("r+b") as file:
        file.seek(position)
        byte = file.read(1)[0]
        file.seek(position)
        file.write(bytes([byte ^ 1]))
    os.utime(path, ns=times)


def test_a_file_stays_itself_wherever_it_goes(clip, tmp_path):
    before = file_identity(clip)
    assert file_identity(clip) == before
    (tmp_path / "elsewhere").mkdir()
    assert file_identity(clip.rename(tmp_path / "elsewhere" / "renamed.mov")) == before


@pytest.mark.parametrize("position", [0, 5 * PIECE_BYTES // 2, 5 * PIECE_BYTES - 1])
def test_another_byte_at_either_end_or_in_the_middle_makes_another_file(clip, position):
    before = file_identity(clip)
    poke(clip, position)
    assert file_identity(clip) != before


def test_a_later_change_makes_another_file(clip):
    before, status = file_identity(clip), clip.stat()
    os.utime(clip, ns=(status.st_atime_ns, status.st_mtime_ns + 1000))
    assert file_identity(clip) != before


@pytest.mark.parametrize("size", [0, 1, PIECE_BYTES, PIECE_BYTES + 1])
def test_small_files_have_an_identity_too(tmp_path, size):
    path = tmp_path / "small"
    path.write_bytes(b"x" * size)
    before = file_identity(path)
    assert before is not None
    assert before.startswith(f"{size}-")
    if size:
        poke(path, size - 1)
        assert file_identity(path) != before


def test_a_file_that_cannot_be_read_has_no_identity(tmp_path):
    assert file_identity(tmp_path / "missing.mov") is None
