import csv
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest

from core.detection.config import DetectionConfig
from core.detection.result import (
    Coverage,
    Detection,
    OffsetEstimate,
    Opinion,
    Reason,
    Stop,
    Verdict,
)
from core.detection.sync_map import MapKind, Piece, SyncMap
from core.errors import ExportError
from core.media.info import MediaInfo
from core.timing import TimeSpan
from core.workflow.csv_report import COLUMNS, CORRECTION_COLUMNS, is_report, write_csv
from core.workflow.folder import FileCorrection, FileResult, Outcome


def detection(sync_map=None, **estimate):
    shown = {"verdict": Verdict.OUT_OF_SYNC, "reason": Reason.NONE, **estimate}
    return Detection(
        info=MediaInfo(Path("a.mp4"), "mov", 60.0, 1, (), (), ()),
        config=DetectionConfig(),
        opinion=Opinion(
            "built-in model",
            "builtin",
            OffsetEstimate(
                0.16, (0.13, 0.19), 0.9, 0.98, shown["verdict"], shown["reason"], windows_used=9
            ),
        ),
        second_opinion=None,
        evidence=(),
        video_stream_index=0,
        audio_stream_index=1,
        warnings=(),
        elapsed_s=1.0,
        coverage=Coverage((TimeSpan(0.0, 20.0), TimeSpan(40.0, 45.5)), Stop.PRECISE),
        sync_map=sync_map,
    )


def piece(start_s, end_s, start_offset_s, end_offset_s):
    first, last = ((x - 0.01, x + 0.01) for x in (start_offset_s, end_offset_s))
    return Piece(TimeSpan(start_s, end_s), start_offset_s, end_offset_s, first, last)


def row_of(found, folder):
    write_csv([FileResult(folder / "a.mp4", found)], folder, folder / "out.csv")
    (row,) = rows(folder / "out.csv")
    return row


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


def test_one_offset_is_stated_with_its_interval_and_how_much_was_analyzed(tmp_path):
    constant = SyncMap(MapKind.CONSTANT, (piece(0, 60, 0.16, 0.16),))
    row = row_of(detection(constant), tmp_path)
    assert row == {
        "name": "a.mp4",
        "duration_s": "60.000",
        "verdict": "out of sync",
        "reason": "",
        "offset_s": "0.1600",
        "interval_low_s": "0.1300",
        "interval_high_s": "0.1900",
        "confidence": "0.980",
        "sync_map": "constant",
        "offset_at_start_s": "",
        "offset_at_end_s": "",
        "drift_ppm": "",
        "jump_times_s": "",
        "jump_sizes_s": "",
        "analyzed_s": "25.500",
        "stopped": "precise enough",
        "model": "builtin",
        "notes": "",
        "error": "",
    }
    assert row_of(detection(), tmp_path) == row | {"sync_map": ""}


def test_what_limits_an_answer_is_noted(tmp_path):
    analyzed = replace(detection(), warnings=("The picture ends early.", "It is cut off."))
    assert row_of(analyzed, tmp_path)["notes"] == "The picture ends early. It is cut off."


def test_a_drift_is_stated_by_its_ends_and_its_rate(tmp_path):
    drift = SyncMap(MapKind.DRIFT, (piece(0, 60, 0.2, -0.4),), drift_ppm=-10_000.0)
    row = row_of(detection(drift), tmp_path)
    assert row["sync_map"] == "drift"
    assert (row["offset_at_start_s"], row["offset_at_end_s"]) == ("0.2000", "-0.4000")
    assert row["drift_ppm"] == "-10000.0"
    single = ("offset_s", "interval_low_s", "interval_high_s", "confidence")
    assert [row[name] for name in (*single, "jump_times_s", "jump_sizes_s")] == [""] * 6


def test_jumps_are_stated_by_their_times_and_sizes(tmp_path):
    pieces = (piece(0, 20, 0.1, 0.1), piece(20, 31.04, -0.1, -0.1), piece(31.04, 60, 0.0, 0.0))
    row = row_of(detection(SyncMap(MapKind.JUMPS, pieces)), tmp_path)
    assert row["sync_map"] == "jumps"
    assert (row["offset_at_start_s"], row["offset_at_end_s"]) == ("0.1000", "0.0000")
    assert row["jump_times_s"] == "20.00 31.04"
    assert row["jump_sizes_s"] == "-0.2000 0.1000"
    assert (row["offset_s"], row["drift_ppm"]) == ("", "")


def test_where_nothing_is_heard_no_offset_is_stated(tmp_path):
    silent = detection(verdict=Verdict.CANNOT_TELL, reason=Reason.SILENCE)
    row = row_of(silent, tmp_path)
    assert (row["reason"], row["offset_s"], row["sync_map"]) == ("silence", "", "")


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


def test_what_was_corrected_is_stated_behind_the_rest(tmp_path):
    target = tmp_path / "fixed" / "a.mp4"
    written = FileCorrection(Outcome.WRITTEN, target, Fraction(-1, 25), ("Wrote it.", "Verified."))
    results = [
        FileResult(tmp_path / "a.mp4", detection(), correction=written),
        FileResult(tmp_path / "b.mp4", None, "b.mp4 is empty."),
    ]
    write_csv(results, tmp_path, tmp_path / "out.csv")
    first, second = rows(tmp_path / "out.csv")
    assert tuple(first) == COLUMNS + CORRECTION_COLUMNS
    assert [first[name] for name in CORRECTION_COLUMNS] == [
        "written",
        str(target),
        "-0.040000",
        "Wrote it. Verified.",
    ]
    assert [second[name] for name in CORRECTION_COLUMNS] == [""] * 4
    assert is_report(tmp_path / "out.csv")
