"""What the tests of the window share: a private home and a window that is closed afterwards."""

from collections.abc import Iterator
from pathlib import Path

import pytest
from pytestqt.qtbot import QtBot

# What Qt warns of on a machine without display, graphics card and sound server, and when a file is
# closed while it is still being opened.
_HARMLESS = (
    "propagateSizeHints",
    "plugin does not support raise",
    "No RHI backend",
    "PulseAudioService",
    "Immediate exit requested",
)


def pytest_collection_modifyitems(items: list[pytest.Item]) -> None:
    for item in items:
        if item.get_closest_marker("gui"):
            item.add_marker(pytest.mark.qt_log_ignore(*_HARMLESS, extend=True))


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    folder = tmp_path / "home"
    folder.mkdir()
    monkeypatch.setenv("SYNCHFORMER_HOME", str(folder))
    return folder


@pytest.fixture
def probed(monkeypatch: pytest.MonkeyPatch) -> list[Path]:
    """Paths of all files probed since the start of the test."""
    from core.media import probe as module

    paths: list[Path] = []
    check_index = module.check_index

    def note(path: Path, container: str) -> None:
        paths.append(path)
        check_index(path, container)

    monkeypatch.setattr(module, "check_index", note)
    return paths


@pytest.fixture
def session(qtbot: QtBot, home: Path) -> Iterator[object]:
    from synchformer_gui.session import Session

    session = Session()
    yield session
    session.close()


@pytest.fixture
def window(qtbot: QtBot, home: Path, builtin_weights: Path) -> Iterator[object]:
    from PySide6.QtWidgets import QApplication

    from synchformer_gui.app import make_window
    from synchformer_gui.views.theme import apply_theme

    app = QApplication.instance()
    assert isinstance(app, QApplication)
    apply_theme(app)
    window = make_window()
    qtbot.addWidget(window)
    window.show()
    qtbot.waitExposed(window)
    yield window
    window.close()
