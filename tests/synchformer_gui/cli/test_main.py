import json
import os
import re
import signal
import subprocess
import sys

import pytest

from core import __version__
from core.detection.config import DetectionConfig
from core.paths import log_dir
from synchformer_gui.cli import detect_options, terminal
from synchformer_gui.cli.main import main

COMMANDS = ("detect", "correct", "check", "models")


def test_help_lists_the_commands(capsys):
    assert main(["--help"]) == 0

    shown = capsys.readouterr()
    assert all(command in shown.out for command in COMMANDS)
    assert shown.err == ""


@pytest.mark.parametrize("command", COMMANDS)
def test_each_command_has_help(capsys, command):
    assert main([command, "--help"]) == 0
    assert "--help" in capsys.readouterr().out


@pytest.mark.parametrize("words", [[], ["detect"], ["models"], ["models", "download"]])
def test_the_short_form_of_help(capsys, words):
    assert main([*words, "-h"]) == 0
    short = capsys.readouterr().out
    assert main([*words, "--help"]) == 0

    assert short == capsys.readouterr().out


def test_help_tells_how_to_open_the_window(capsys):
    main(["--help"])

    assert "synchformer-gui [CLIP]" in " ".join(capsys.readouterr().out.split())


def test_limits_in_the_help_are_those_that_are_kept(capsys):
    main(["detect", "--help"])
    text = " ".join(re.sub(r"[│╭╮╰╯─]", " ", capsys.readouterr().out).split())

    assert "0.2 to 30" in text
    assert "a multiple of 0.32" in text
    for range_s, hop_s in ((0.2, 0.32), (30.0, 0.32)):
        DetectionConfig(range_s=range_s, hop_s=hop_s)
    for range_s, hop_s in ((0.19, 0.32), (30.1, 0.32), (2.0, 0.31)):
        with pytest.raises(ValueError, match=r"range|hop"):
            DetectionConfig(range_s=range_s, hop_s=hop_s)


def test_version(capsys):
    assert main(["--version"]) == 0
    assert capsys.readouterr().out.startswith(f"synchformer-gui {__version__}")


@pytest.mark.parametrize(
    ("argv", "phrase"),
    [
        (["frobnicate"], "frobnicate"),
        (["detect"], "CLIP"),
        (["detect", "a.mp4", "--nonsense"], "--nonsense"),
        (["detect", "a.mp4", "--tolerance", "mine"], "bt1359"),
        (["detect", "a.mp4", "--hop", "nan"], "hop"),
        (["detect", "a.mp4", "--range", "99"], "range"),
        (["detect", "a.mp4", "--window-start", "-1"], "window"),
        (["detect", "a.mp4", "--top", "0"], "--top"),
        (["detect", "a.mp4", "--audio-stream", "x"], "--audio-stream"),
        (["detect", "a.mp4", "--plot", "a.mp4"], ".png"),
        (["detect", "a.mp4", "--plot", "no/such/a.png"], "no folder"),
        (["check", ".", "--report", "a.txt"], ".csv"),
        (["models", "download"], "NAME"),
    ],
)
def test_wrong_usage_is_a_sentence_and_64(capsys, argv, phrase):
    assert main(argv) == 64

    shown = capsys.readouterr()
    assert shown.out == ""
    assert phrase in shown.err
    assert "Traceback" not in shown.err


def test_wrong_usage_with_json_is_one_document_as_well(capsys):
    assert main(["detect", "a.mp4", "--json", "--tolerance", "mine"]) == 64
    assert json.loads(capsys.readouterr().out)["error"]["exit_code"] == 64


def test_a_missing_file_is_one_sentence_and_3(capsys):
    assert main(["detect", "missing.mp4"]) == 3

    shown = capsys.readouterr()
    assert shown.out == ""
    assert re.fullmatch(r"missing\.mp4 [^\n]+\.\n", shown.err)


def test_a_missing_file_with_json_is_one_document(capsys):
    assert main(["detect", "missing.mp4", "--json"]) == 3

    shown = capsys.readouterr()
    error = json.loads(shown.out)["error"]
    assert error["path"] == "missing.mp4"
    assert error["message"] == shown.err.strip()


def test_ctrl_c_is_130_and_no_failure(make_clip, capsys, monkeypatch):
    clip = make_clip(duration_s=4.0)

    def interrupt(*_):
        signal.raise_signal(signal.SIGINT)

    monkeypatch.setattr(terminal.TerminalMonitor, "report", interrupt)
    assert main(["detect", str(clip), "--model", "classical"]) == 130
    assert capsys.readouterr().err.strip() == "Cancelled."


def test_the_unforeseen_is_a_sentence_that_names_the_log(capsys, monkeypatch):
    def fail(*_):
        raise ZeroDivisionError("one by nothing")

    monkeypatch.setattr(detect_options, "read_scope", fail)
    assert main(["detect", "a.mp4"]) == 3

    sentence = capsys.readouterr().err
    log_file = log_dir() / terminal.LOG_NAME
    assert str(log_file) in sentence
    assert "Traceback" not in sentence
    assert "Traceback" in log_file.read_text(encoding="utf-8")


def test_the_command_line_starts_without_heavy_libraries():
    code = (
        "import sys; from synchformer_gui.cli.main import main; code = main(['models', 'list'])\n"
        "heavy = {'torch', 'matplotlib', 'PySide6', 'pyqtgraph', 'requests'} & set(sys.modules)\n"
        "sys.exit(f'{heavy}' if heavy else code)"
    )

    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert "audioset" in done.stdout


def test_a_terminal_that_lacks_a_letter_does_not_end_the_program():
    code = "from synchformer_gui.cli.main import main; main(['detect', '\\u4eca.mp4'])"

    done = subprocess.run(
        [sys.executable, "-c", code],
        capture_output=True,
        env={**os.environ, "PYTHONIOENCODING": "latin-1"},
        check=False,
    )
    assert done.returncode == 0
    assert done.stderr.startswith(b"?.mp4 ")
