import csv
import re
import shutil
import signal

import pytest

from core.detection.result import Verdict
from synchformer_gui.cli.exit_codes import ExitCode, exit_code, worst
from synchformer_gui.cli.main import main
from synchformer_gui.cli.terminal import TerminalMonitor


def read(report):
    with report.open(encoding="utf-8", newline="") as file:
        return {row["name"]: row for row in csv.DictReader(file)}


def test_a_mixed_folder_gets_a_row_per_file(make_clip, tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    make_clip("early.mp4", offset_s=0.3)
    make_clip("sub/good.mkv")
    make_clip("mute.mp4", audio=False, duration_s=3.0)
    make_clip("radio.mp4", video=False, duration_s=3.0)
    whole = make_clip("whole.mp4", duration_s=3.0)
    (tmp_path / "cut.mp4").write_bytes(whole.read_bytes()[:20_000])
    whole.unlink()
    (tmp_path / "text.mp4").write_text("to be or not to be\n" * 99)
    report = tmp_path / "report.csv"

    argv = ["check", str(tmp_path), "--recursive", "--report", str(report)]
    assert main([*argv, "--model", "classical", "--tolerance", "bt1359-accept"]) == 3

    rows = read(report)
    out = capsys.readouterr().out
    assert list(rows) == [
        "cut.mp4", "early.mp4", "mute.mp4", "radio.mp4", "sub/good.mkv", "text.mp4"
    ]  # fmt: skip
    assert all(name in out for name in ("cut.mp4", "good.mkv"))
    assert rows["early.mp4"]["verdict"] == "out of sync"
    assert float(rows["early.mp4"]["offset_s"]) == pytest.approx(0.3, abs=0.04)
    low_s, high_s = (float(rows["early.mp4"][f"interval_{x}_s"]) for x in ("low", "high"))
    assert low_s <= float(rows["early.mp4"]["offset_s"]) <= high_s
    assert float(rows["early.mp4"]["duration_s"]) == pytest.approx(10.0, abs=0.2)
    assert rows["early.mp4"]["model"] == "classical"
    assert rows["early.mp4"]["reason"] == ""
    assert re.fullmatch(r"[01]\.\d{3}", rows["early.mp4"]["confidence"])
    assert rows["sub/good.mkv"]["verdict"] == "in sync"
    for name in ("cut.mp4", "mute.mp4", "radio.mp4", "text.mp4"):
        assert name in rows[name]["error"]
        assert rows[name]["verdict"] == ""
    assert "6 files: 4 failed" in out


@pytest.mark.usefixtures("builtin_weights")
def test_the_built_in_model_analyzes_unless_told_otherwise(make_clip, tmp_path, capsys):
    folder = tmp_path / "clips"
    folder.mkdir()
    make_clip("clips/a.mp4", duration_s=6.0)
    make_clip("clips/b.mp4", duration_s=6.0)
    report = tmp_path / "report.csv"

    assert main(["check", str(folder), "--report", str(report)]) == 2
    out = capsys.readouterr().out
    assert "Engine: built-in model." in out
    assert out.count("trained on generated clips only") == 1
    assert {row["model"] for row in read(report).values()} == {"builtin"}


def test_without_failures_out_of_sync_decides(make_clip, tmp_path):
    make_clip("a.mp4", offset_s=0.3)
    make_clip("b.mp4", silent=True, duration_s=6.0)

    assert main(["check", str(tmp_path), "--model", "classical"]) == 1


def test_how_much_of_the_files_was_analyzed_is_told(make_clip, tmp_path, capsys):
    for name in ("a.mp4", "b.mp4"):
        make_clip(name, duration_s=4.0)
    argv = ["check", str(tmp_path), "--model", "classical", "--start", "1"]
    main([*argv, "--budget", "1:00"])
    out = capsys.readouterr().out
    assert "Analyzed only the part from 00:01.000 to the end." in out
    assert "in part only" not in out


def test_files_that_were_left_early_are_counted(long_clip, tmp_path, capsys):
    shutil.copy(long_clip, tmp_path)
    main(["check", str(tmp_path), "--model", "classical", "--budget", "0.01"])
    assert "1 of 1 analyzed in part: the time budget was spent." in capsys.readouterr().out


def test_sub_folders_wait_to_be_asked_for(make_clip, tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    make_clip("sub/a.mp4", duration_s=2.0)

    assert main(["check", str(tmp_path)]) == 3
    assert "--recursive" in capsys.readouterr().err


def test_no_sub_folders_are_no_advice(tmp_path, capsys):
    (tmp_path / ".hidden").mkdir()

    assert main(["check", str(tmp_path)]) == 3
    assert "--recursive" not in capsys.readouterr().err


def test_a_single_file_is_a_case_for_detect(make_clip, capsys):
    assert main(["check", str(make_clip(duration_s=2.0))]) == 64
    assert "synchformer-gui detect" in capsys.readouterr().err


def test_a_failing_file_is_named_once(make_clip, tmp_path, capsys):
    (tmp_path / "sub").mkdir()
    make_clip("sub/mute.mp4", audio=False, duration_s=2.0)
    (tmp_path / "empty.mp4").touch()

    assert main(["check", str(tmp_path), "-r", "--model", "classical"]) == 3
    out = capsys.readouterr().out
    assert out.count("mute.mp4") == 1
    assert "sub/mute.mp4  failed: it has no sound" in out
    assert out.count("empty.mp4") == 1


def test_a_report_replaces_nothing_but_a_report(make_clip, tmp_path, capsys):
    make_clip("a.mp4", duration_s=2.0)
    report = tmp_path / "report.csv"
    report.write_bytes(b"name,precious\n")

    argv = ["check", str(tmp_path), "--report", str(report), "--model", "classical"]
    assert main(argv) == 64
    assert "report.csv exists already" in capsys.readouterr().err
    assert report.read_bytes() == b"name,precious\n"
    report.unlink()
    main(argv)
    assert main(argv) != 64


def test_no_report_is_left_when_the_folder_is_missing(tmp_path, capsys):
    report = tmp_path / "report.csv"

    assert main(["check", str(tmp_path / "missing"), "--report", str(report)]) == 3
    assert "missing" in capsys.readouterr().err
    assert not report.exists()


def test_ctrl_c_leaves_no_half_report(make_clip, tmp_path, monkeypatch, capsys):
    make_clip("a.mp4", duration_s=2.0)
    report = tmp_path / "report.csv"

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(TerminalMonitor, "report", interrupt)
    argv = ["check", str(tmp_path), "--report", str(report), "--model", "classical"]
    assert main(argv) == 130
    assert capsys.readouterr().out == ""
    assert not report.exists()


def test_each_clip_is_probed_once_and_an_answered_one_not_at_all(make_clip, probed):
    clips = [make_clip(name, duration_s=2.0) for name in ("a.mp4", "b.mp4")]
    argv = ["check", str(clips[0].parent), "--model", "classical"]
    assert main(argv) in (0, 1, 2)
    assert probed == clips
    assert main(argv) in (0, 1, 2)
    assert probed == clips


@pytest.mark.parametrize(
    ("codes", "expected"),
    [
        ([], 0),
        ([0, 0], 0),
        ([0, 2], 2),
        ([2, 1, 0], 1),
        ([1, 3, 2], 3),
    ],
)
def test_the_worst_file_decides(codes, expected):
    assert worst(ExitCode(code) for code in codes) == expected


def test_each_verdict_has_its_code():
    assert [exit_code(verdict) for verdict in Verdict] == [0, 1, 2]
