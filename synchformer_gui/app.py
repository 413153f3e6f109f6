"""Builds the application: window, session, player and settings."""

import logging
import signal
import sys
import traceback
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from PySide6.QtCore import QTimer
from PySide6.QtGui import QIcon
from PySide6.QtWidgets import QApplication

from core import __version__
from core.errors import SyncError
from synchformer_gui.assets import icon_path
from synchformer_gui.cli.terminal import log_to_file
from synchformer_gui.playback.player import Player
from synchformer_gui.session import Session
from synchformer_gui.settings import Settings
from synchformer_gui.views.main_window import MainWindow
from synchformer_gui.views.theme import apply_theme

log = logging.getLogger(__name__)

_PULSE_MS = 250


def run(clip: Path | None) -> int:
    """Show the window until it is closed.

    Args:
        clip: File to open at once.

    Returns:
        The exit code of the process.
    """
    with log_to_file():
        app = QApplication(sys.argv[:1])
        app.setApplicationName("synchformer-gui")
        app.setApplicationDisplayName("Synchformer GUI")
        app.setApplicationVersion(__version__)
        app.setWindowIcon(QIcon(str(icon_path("app"))))
        apply_theme(app)
        window = make_window()
        sys.excepthook = _reporter(window)
        window.show()
        # As an exception, Ctrl-C would be lost in slots, because Qt swallows exceptions.
        signal.signal(signal.SIGINT, lambda *_: QTimer.singleShot(0, window, window.close))
        # Python handles Ctrl-C only while it runs; without a timer Qt would wait for events.
        pulse = QTimer(window)
        pulse.timeout.connect(lambda: None)
        pulse.start(_PULSE_MS)
        if clip is not None:
            # After the first events, so that the window is on screen before the file is read.
            QTimer.singleShot(0, window, lambda: window.open_clip(clip))
        return app.exec()


def make_window() -> MainWindow:
    """Make the main window with its session and player."""
    session = Session()
    player = Player()
    window = MainWindow(session, player, Settings())
    session.setParent(window)
    player.setParent(window)
    return window


def _reporter(
    window: MainWindow,
) -> Callable[[type[BaseException], BaseException, TracebackType | None], None]:
    """Exception hook that shows exceptions of slots in the banner; Qt would only print them."""

    def report(
        kind: type[BaseException], error: BaseException, trace: TracebackType | None
    ) -> None:
        log.error("Unexpected failure in the window", exc_info=(kind, error, trace))
        window.banner.show_error(
            SyncError(
                "Something unexpected went wrong; copy the details and report them.",
                details="".join(traceback.format_exception(kind, error, trace)),
            )
        )

    return report
