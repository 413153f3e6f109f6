import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

from synchformer_gui import __main__, qt_check
from synchformer_gui.__main__ import COMMANDS, EXIT_NO_WINDOW, EXIT_USAGE
from synchformer_gui.cli.exit_codes import ExitCode

ROOT = Path(__file__).resolve().parents[2]


def run_python(code: str, *arguments: str, **variables: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-c", code, *arguments],
        cwd=ROOT,
        env={**os.environ, **variables},
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )


@pytest.mark.parametrize("arguments", [[], ["clip.mp4"], ["folder/detect"]])
def test_no_argument_or_a_clip_opens_the_window(arguments: list[str]) -> None:
    assert __main__._is_for_window(arguments)


@pytest.mark.parametrize(
    "arguments",
    [*([command] for command in COMMANDS), ["--help"], ["--version"], ["detect", "a"], ["a", "b"]],
)
def test_everything_else_is_a_command(arguments: list[str]) -> None:
    assert not __main__._is_for_window(arguments)


@pytest.mark.parametrize("word", ["frobnicate", "missing.mp4", "."])
def test_neither_command_nor_file_is_one_sentence(
    capsys: pytest.CaptureFixture[str], word: str
) -> None:
    assert __main__.main([word]) == EXIT_USAGE == ExitCode.USAGE

    assert capsys.readouterr().err == (
        f"There is no command and no file called {word}; see synchformer-gui --help\n"
    )


def test_missing_pyside_is_one_sentence_that_needs_no_index(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(qt_check.importlib.util, "find_spec", lambda _: None)

    assert __main__.main([]) == EXIT_NO_WINDOW
    said = capsys.readouterr().err
    assert "pip install . in its folder" in said
    assert said.count("\n") == 1


def test_commands_load_neither_qt_nor_torch() -> None:
    code = (
        "import sys\n"
        "from synchformer_gui.__main__ import main\n"
        "code = main(['--version'])\n"
        "assert not {'PySide6', 'torch'} & set(sys.modules), 'loaded too much'\n"
        "sys.exit(code)\n"
    )
    assert run_python(code).returncode == 0


@pytest.mark.parametrize("display", ["", ":4711"])
def test_missing_display_is_one_sentence(display: str) -> None:
    code = "import sys, synchformer_gui.__main__ as m; sys.exit(m.main([]))"
    result = run_python(code, QT_QPA_PLATFORM="", DISPLAY=display, WAYLAND_DISPLAY="")

    assert result.returncode == EXIT_NO_WINDOW
    assert result.stderr.startswith("There is no display")
    assert result.stderr.count("\n") == 1


def test_missing_library_is_one_sentence_with_its_remedy(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(name: str) -> None:
        raise OSError("libxcb-cursor.so.0: cannot open shared object file")

    monkeypatch.setenv("QT_QPA_PLATFORM", "xcb")
    monkeypatch.setenv("DISPLAY", ":0")
    monkeypatch.setattr(qt_check.ctypes, "CDLL", refuse)

    assert __main__.main([]) == EXIT_NO_WINDOW

    said = capsys.readouterr().err
    assert "libxcb-cursor.so.0" in said
    assert "apt-get install -y" in said
    assert "libxcb-cursor0" in said
    assert said.count("\n") == 1


@pytest.mark.gui
def test_window_is_shown_and_clip_opened_without_torch(make_clip, tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from pathlib import Path\n"
        "from PySide6.QtCore import QTimer\n"
        "from PySide6.QtWidgets import QApplication\n"
        "from synchformer_gui import app\n"
        "def look():\n"
        "    window = next(w for w in QApplication.topLevelWidgets() if hasattr(w, 'session'))\n"
        "    if window.session.info is None:\n"
        "        return\n"
        "    print('visible', window.isVisible(), 'torch' in sys.modules)\n"
        "    timer.stop()\n"
        "    window.close()\n"
        "timer = QTimer()\n"
        "timer.setInterval(20)\n"
        "timer.timeout.connect(look)\n"
        "original = app.make_window\n"
        "def make():\n"
        "    timer.start()\n"
        "    return original()\n"
        "app.make_window = make\n"
        "sys.exit(app.run(Path(sys.argv[1])))\n"
    )
    clip = make_clip(duration_s=2.0)

    result = run_python(code, str(clip), SYNCHFORMER_HOME=str(tmp_path / "home"))

    assert result.returncode == 0, result.stderr
    assert result.stdout.splitlines() == ["visible True False"]


@pytest.mark.gui
@pytest.mark.skipif(os.name == "nt", reason="a console sends no SIGINT to a single process there")
def test_ctrl_c_closes_the_window(tmp_path: Path) -> None:
    code = (
        "import sys\n"
        "from PySide6.QtCore import QTimer\n"
        "from synchformer_gui import app\n"
        "original = app.make_window\n"
        "def make():\n"
        "    window = original()\n"
        "    QTimer.singleShot(300, window, lambda: print('shown', flush=True))\n"
        "    return window\n"
        "app.make_window = make\n"
        "sys.exit(app.run(None))\n"
    )
    environment = {**os.environ, "SYNCHFORMER_HOME": str(tmp_path / "home")}
    with subprocess.Popen(
        [sys.executable, "-c", code], cwd=ROOT, stdout=subprocess.PIPE, text=True, env=environment
    ) as process:
        assert process.stdout is not None
        assert process.stdout.readline() == "shown\n"
        process.send_signal(signal.SIGINT)
        try:
            code_of_exit = process.wait(timeout=20)
        finally:
            process.kill()

    assert code_of_exit == 0
    assert (tmp_path / "home" / "settings.ini").is_file()
