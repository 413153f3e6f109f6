import csv
from pathlib import Path

import pytest

from core.batch.report import COLUMNS, is_report, write_csv
from core.batch.runner import FileResult
from core.errors import ExportError


def rows(path):
    with path.open(encoding="utf-8", newline="") as file:
        return list(csv.DictReader(file))


def test_a_failed_file_has_its_name_below_the_folder_and_its_error(tmp_path):
    result = FileResult(tmp_path / "day 1" / "a.mp4", None, "a.mp4 is empty, copy it again.")
    write_csv([result], tmp_path, tmp_path / "out.csv")

    (row,) = rows(tmp_path / "out.csv")
    assert row["name"] == "day 1/a.mp4"
    assert row["error"] == "a.mp4 is empty, copy it again."
    assert all(row[column] == "" for column in COLUMNS[1:-1])


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r"])
def test_no_text_is_a_formula_to_a_spreadsheet(tmp_path, start):
    evil = f"{start}cmd|' /C calc'!A0"
    write_csv([FileResult(tmp_path / evil, None, evil)], tmp_path, tmp_path / "out.csv")

    (row,) = rows(tmp_path / "out.csv")
    assert row["name"].startswith("'")
    assert row["error"].startswith("'")


def test_a_name_that_is_not_unicode_does_not_cost_the_table(tmp_path):
    write_csv([FileResult(tmp_path / "a\udcff.mp4", None, "x")], tmp_path, tmp_path / "out.csv")

    assert rows(tmp_path / "out.csv")[0]["name"] == r"a\udcff.mp4"


def test_a_run_that_breaks_off_leaves_the_old_table_alone(tmp_path):
    target = tmp_path / "out.csv"
    target.write_text("old")

    def results():
        yield FileResult(tmp_path / "a.mp4", None, "x")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_csv(results(), tmp_path, target)
    assert target.read_text() == "old"
    assert [p.name for p in tmp_path.iterdir()] == ["out.csv"]


def test_a_table_that_cannot_be_written_is_a_sentence(tmp_path):
    with pytest.raises(ExportError, match=r"out\.csv cannot be written"):
        write_csv([], tmp_path, Path(tmp_path, "missing", "out.csv"))


def test_a_report_is_recognised_by_its_header(tmp_path):
    target = tmp_path / "out.csv"
    write_csv([], tmp_path, target)
    assert is_report(target)

    for other in (b"", b"name", target.read_bytes()[:-2] + b",more\r\n", b"\0\0\0 ftypisom"):
        target.write_bytes(other)
        assert not is_report(target)
