"""Records give the way back, and refuse what is damaged."""

import json
import random
from pathlib import Path

import pytest

from core.correction.write.patched_file import inverse, read_patched
from core.correction.write.undo_record import UndoRecord, read_record, undo_record
from core.errors import ExportError
from core.media.formats.patch import ByteRange, Edit, Patch


def _files(folder: Path) -> tuple[Path, Patch, Path]:
    source, target = folder / "source.bin", folder / "target.bin"
    source.write_bytes(random.Random(3).randbytes(50_000))
    edits = (
        Edit(10, 12, b"ab"),
        Edit(500, 700, b""),
        Edit(30_000, 30_000, ByteRange(500, 700)),
        Edit(40_000, 40_004, b"a longer text"),
    )
    patch = Patch(50_000, edits)
    with source.open("rb", buffering=0) as file:
        target.write_bytes(b"".join(read_patched(patch, file)))
    return source, patch, target


def test_record_survives_its_file(tmp_path: Path) -> None:
    source, patch, target = _files(tmp_path)
    path = tmp_path / "record.json"
    made = undo_record(source, patch)
    path.write_text(json.dumps(made.to_json()), encoding="utf-8")
    found = read_record(path)
    assert found == made
    with target.open("rb", buffering=0) as file:
        assert b"".join(read_patched(found.patch, file)) == source.read_bytes()


def test_record_in_place_holds_both_directions(tmp_path: Path) -> None:
    source, _, _ = _files(tmp_path)
    patch = Patch(50_000, (Edit(10, 12, b"ab"), Edit(49_999, 50_000, b"end")))
    with source.open("rb", buffering=0) as file:
        made = UndoRecord(source.name, "", inverse(patch, file), patch, {"undo": 1})
    path = tmp_path / "record.json"
    path.write_text(json.dumps(made.to_json()), encoding="utf-8")
    assert read_record(path) == made


def test_record_is_found_in_a_certificate(tmp_path: Path) -> None:
    source, patch, _ = _files(tmp_path)
    made = undo_record(source, patch)
    path = tmp_path / "x.certificate.json"
    path.write_text(json.dumps({"certificate": 2, "undo": made.to_json()}), encoding="utf-8")
    assert read_record(path) == made


@pytest.mark.parametrize(
    "change",
    [
        {"undo": 99},
        {"source_name": ""},
        {"source_name": ".."},
        {"source_name": "../other.mp4"},
        {"edits": "????"},
        {"edits": "eJwDAAAAAAE="},
        {"source_bytes": 49_999},
        {"corrected_bytes": 5},
        {"corrected_bytes": "many"},
        {"forward": "eJwDAAAAAAE=x"},
    ],
)
def test_damaged_records_are_refused(tmp_path: Path, change: dict[str, object]) -> None:
    source, patch, _ = _files(tmp_path)
    content = undo_record(source, patch).to_json() | change
    path = tmp_path / "record.json"
    path.write_text(json.dumps(content), encoding="utf-8")
    with pytest.raises(ExportError, match=r"record\.json holds no record"):
        read_record(path)


def test_a_record_that_copies_bytes_again_and_again_is_refused(tmp_path: Path) -> None:
    copies = tuple(Edit(0, 0, ByteRange(0, 1000)) for _ in range(5))
    path = tmp_path / "record.json"
    path.write_text(json.dumps(UndoRecord("a.mp4", "", Patch(1000, copies)).to_json()))
    with pytest.raises(ExportError, match="holds no record"):
        read_record(path)


def test_a_missing_key_and_other_files_are_refused(tmp_path: Path) -> None:
    source, patch, _ = _files(tmp_path)
    path = tmp_path / "record.json"
    for key in ("edits", "source_bytes", "source_name"):
        content = undo_record(source, patch).to_json()
        del content[key]
        path.write_text(json.dumps(content), encoding="utf-8")
        with pytest.raises(ExportError):
            read_record(path)
    path.write_bytes(b"\xff\xfe no text")
    with pytest.raises(ExportError, match="cannot be read as a record"):
        read_record(path)
    path.write_text(json.dumps({"certificate": 2}), encoding="utf-8")
    with pytest.raises(ExportError, match="written anew"):
        read_record(path)
