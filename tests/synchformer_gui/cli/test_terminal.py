import logging
import os
import select
import signal
import subprocess
import sys
import warnings

import pytest

from core.errors import Cancelled
from core.progress import Progress
from synchformer_gui.cli.terminal import log_to_file, watched


def test_ctrl_c_cancels_at_the_next_check():
    with watched() as monitor:
        monitor.check()
        signal.raise_signal(signal.SIGINT)
        with pytest.raises(Cancelled):
            monitor.check()


def test_a_second_ctrl_c_does_not_wait():
    def press_twice():
        with watched():
            signal.raise_signal(signal.SIGINT)
            signal.raise_signal(signal.SIGINT)

    with pytest.raises(KeyboardInterrupt):
        press_twice()


def test_ctrl_c_is_as_before_afterwards():
    before = signal.getsignal(signal.SIGINT)
    with watched():
        signal.raise_signal(signal.SIGINT)

    assert signal.getsignal(signal.SIGINT) is before


def test_without_a_terminal_each_stage_is_one_line_on_stderr(capsys):
    with watched() as monitor:
        for fraction in (0.1, 0.2, 0.9):
            monitor.report(Progress("Loading", fraction))
        monitor.report(Progress("Analyzing"))
        monitor.say("answer")

    shown = capsys.readouterr()
    assert shown.err == "Loading …\nAnalyzing …\n"
    assert shown.out == "answer\n"


def test_a_terminal_shows_a_bar_on_stderr_only():
    pty = pytest.importorskip("pty")
    code = (
        "from synchformer_gui.cli.terminal import watched\n"
        "from core.progress import Progress\n"
        "with watched() as monitor:\n"
        "    monitor.report(Progress('Loading'))\n"
        "    monitor.report(Progress('Analyzing [x]', 0.0))\n"
        "    monitor.say('answer')\n"
        "    monitor.report(Progress('Analyzing [x]', 0.5))\n"
    )
    try:
        ours, theirs = pty.openpty()
    except OSError as error:
        pytest.skip(f"no pseudo terminals here: {error}")
    environment = {**os.environ, "TERM": "xterm", "COLUMNS": "100"}
    done = subprocess.run(
        [sys.executable, "-c", code],
        stdout=subprocess.PIPE,
        stderr=theirs,
        env=environment,
        check=True,
    )
    os.close(theirs)
    shown = b""
    while select.select([ours], [], [], 0)[0]:
        try:
            shown += os.read(ours, 65536)
        except OSError:  # Linux reports the end of a pseudo terminal as an error.
            break
    os.close(ours)

    assert done.stdout == b"answer\n"
    assert b"Analyzing [x]" in shown
    assert b"50%" in shown


def test_the_log_takes_records_and_warnings_and_is_created_late(tmp_path, monkeypatch):
    monkeypatch.setenv("SYNCHFORMER_HOME", str(tmp_path / "home"))
    with log_to_file():
        pass
    assert not (tmp_path / "home").exists()

    with log_to_file() as log_file:
        logging.getLogger("core.some").info("loaded %s", "this")
        with warnings.catch_warnings():
            warnings.simplefilter("always")
            logging.captureWarnings(True)
            warnings.warn("old call", stacklevel=1)
    text = (tmp_path / "home" / "logs" / "synchformer-gui.log").read_text()

    assert "INFO core.some: loaded this" in text
    assert not log_file.is_broken


def test_a_log_that_cannot_be_written_does_not_stop_the_work(tmp_path, monkeypatch):
    blocked = tmp_path / "file"
    blocked.touch()
    monkeypatch.setenv("SYNCHFORMER_HOME", str(blocked))

    with log_to_file() as log_file:
        logging.getLogger("core.some").info("loaded")

    assert log_file.is_broken
