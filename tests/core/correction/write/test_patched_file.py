"""Patched copies hold what their patch says, and give the source again."""

import io
import os
import random
from pathlib import Path

import pytest

from core.correction.write.clone import copy_range
from core.correction.write.patched_file import (
    Positions,
    inverse,
    read_patched,
    write_in_place,
    write_patched,
)
from core.errors import ExportError
from core.media.formats.patch import ByteRange, Edit, Patch


def _source(folder: Path, n_bytes: int = 3 << 20) -> Path:
    path = folder / "source.bin"
    path.write_bytes(random.Random(1).randbytes(n_bytes))
    return path


def _expected(source: bytes, patch: Patch) -> bytes:
    parts = [p if isinstance(p, bytes) else source[p.begin : p.end] for p in patch.pieces()]
    return b"".join(parts)


def _random_patch(seed: int, size: int) -> Patch:
    rng = random.Random(seed)
    bounds = sorted(rng.randrange(size) for _ in range(2 * rng.randrange(1, 40)))
    edits = []
    for begin, end in zip(bounds[::2], bounds[1::2], strict=True):
        kind = rng.randrange(4)
        if kind == 0:
            edits.append(Edit(begin, begin, rng.randbytes(rng.randrange(50))))
        elif kind == 1:
            edits.append(Edit(begin, end, rng.randbytes(end - begin)))
        elif kind == 2:
            edits.append(Edit(begin, end, rng.randbytes(rng.randrange(300))))
        else:
            first = rng.randrange(size)
            last = min(size, first + rng.randrange(100_000))
            edits.append(Edit(begin, end, ByteRange(first, last)))
    return Patch(size, tuple(edits))


@pytest.mark.parametrize("seed", range(12))
def test_copy_is_as_patched_and_the_inverse_gives_the_source(tmp_path: Path, seed: int) -> None:
    source = _source(tmp_path)
    content = source.read_bytes()
    patch = _random_patch(seed, len(content))
    target = tmp_path / "target.bin"
    target.touch()
    write_patched(source, patch, target)
    wanted = _expected(content, patch)
    assert target.read_bytes() == wanted
    with source.open("rb", buffering=0) as file:
        assert b"".join(read_patched(patch, file)) == wanted
        back = inverse(patch, file)
    with target.open("rb", buffering=0) as file:
        assert b"".join(read_patched(back, file)) == content


def test_moved_bytes_are_not_stored_in_the_inverse(tmp_path: Path) -> None:
    source = _source(tmp_path, 1000)
    moved = Patch(1000, (Edit(10, 110, b""), Edit(500, 500, ByteRange(10, 110))))
    with source.open("rb", buffering=0) as file:
        assert inverse(moved, file).n_new_bytes == 0


def test_edits_of_kept_positions_are_written_in_place(tmp_path: Path) -> None:
    source = _source(tmp_path)
    content = source.read_bytes()
    edits = (Edit(5, 7, b"ab"), Edit(len(content) - 4, len(content), b"longer end"))
    patch = Patch(len(content), edits)
    with source.open("r+b", buffering=0) as file:
        write_in_place(file, patch)
    assert source.read_bytes() == _expected(content, patch)


def test_several_edits_at_the_end_follow_each_other(tmp_path: Path) -> None:
    source, target = _source(tmp_path, 1000), tmp_path / "target.bin"
    target.touch()
    edits = (Edit(5, 7, b"ab"), Edit(1000, 1000, b"one"), Edit(1000, 1000, ByteRange(0, 300)))
    patch = Patch(1000, edits)
    assert patch.keeps_positions
    write_patched(source, patch, target)
    assert target.read_bytes() == _expected(source.read_bytes(), patch)


def test_moves_are_refused_in_place() -> None:
    patch = Patch(10, (Edit(0, 4, ByteRange(4, 8)),))
    assert patch.keeps_positions
    with pytest.raises(ValueError, match="moves bytes"):
        write_in_place(io.BytesIO(bytes(10)), patch)


@pytest.mark.parametrize(
    "edits",
    [
        (Edit(4, 8, b""), Edit(6, 9, b"")),
        (Edit(4, 11, b""),),
        (Edit(-1, 2, b""),),
        (Edit(0, 2, ByteRange(5, 11)),),
    ],
)
def test_impossible_edits_are_refused(edits: tuple[Edit, ...]) -> None:
    with pytest.raises(ValueError, match="expected"):
        Patch(10, edits)


@pytest.mark.skipif(not hasattr(os, "SEEK_HOLE"), reason="the system knows no holes")
def test_holes_stay_holes(tmp_path: Path) -> None:
    source, target = tmp_path / "sparse.bin", tmp_path / "copy.bin"
    with source.open("wb") as file:
        file.write(b"head" * 2000)
        file.seek(64 << 20)
        file.write(b"tail" * 2000)
    if source.stat().st_blocks * 512 > 8 << 20:
        pytest.skip("the file system keeps no holes")
    target.touch()
    write_patched(source, Patch(source.stat().st_size, (Edit(0, 4, b"HEAD"),)), target)
    assert target.read_bytes() == b"HEAD" + source.read_bytes()[4:]
    assert target.stat().st_blocks * 512 <= 8 << 20


def test_a_source_that_ends_early_is_an_error(tmp_path: Path) -> None:
    source, target = _source(tmp_path, 1000), tmp_path / "target.bin"
    target.touch()
    with pytest.raises(ExportError, match=r"source\.bin cannot be read to its end"):
        write_patched(source, Patch(2000, (Edit(0, 4, b"HEAD"),)), target)


def test_a_range_is_appended_at_the_present_position(tmp_path: Path) -> None:
    source, target = _source(tmp_path, 1000), tmp_path / "target.bin"
    target.write_bytes(b"12345")
    steps: list[int] = []
    with source.open("rb", buffering=0) as reader, target.open("r+b", buffering=0) as writer:
        writer.seek(5)
        copy_range(reader, writer, 100, 300, steps.append)
        assert writer.tell() == 205
    assert target.read_bytes() == b"12345" + source.read_bytes()[100:300]
    assert sum(steps) == 200


def test_positions_follow_kept_and_moved_bytes() -> None:
    patch = Patch(
        1000, (Edit(10, 14, b"head"), Edit(100, 200, b""), Edit(500, 500, ByteRange(100, 200)))
    )
    positions = Positions(patch)
    assert positions.of(5) == 5
    assert positions.of(12) == 12
    assert positions.of(150) == 450
    assert positions.of(600) == 600
    removed = Positions(Patch(1000, (Edit(100, 400, b""),)))
    assert removed.of(150) is None
